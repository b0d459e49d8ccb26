"""Passes over a program's fx graph: each keeps what it computes, and changes how."""
