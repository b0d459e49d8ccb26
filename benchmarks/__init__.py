"""Benchmarks: speed as ratios in one run, and the thesis' claims at a small scale."""
