"""The tests: the same tree as the code, and `house` for the tree itself."""
