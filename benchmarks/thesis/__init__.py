"""The thesis' claims that small machines can check: `python -m benchmarks.thesis.toy`, and `.ch3` on MNIST."""
