"""Laws that hold of every composition: what is compiled agrees with what is written, predicted and printed."""
