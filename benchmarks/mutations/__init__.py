"""Typing mistakes in the library's specs, and what the checker makes of them: how good its messages are, in numbers."""
