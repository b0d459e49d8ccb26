"""The thesis' claims that small machines can check: `python -m benchmarks.thesis.toy`."""
