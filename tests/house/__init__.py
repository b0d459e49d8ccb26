"""Tests of the tree itself: layers, sizes, docstrings, smells, registries, packaging."""
