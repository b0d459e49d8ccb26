"""Specs that mean harm, or that an accident made: what reading them may do, and what it may not."""
