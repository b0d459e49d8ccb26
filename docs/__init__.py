"""The pages, and what writes the reference among them."""
