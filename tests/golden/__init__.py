"""Closed forms, reached through the language: spec text, compiled sampler, numbers."""
