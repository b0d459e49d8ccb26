"""The runner: data, the training loop, checkpoints, logs, sampling, metrics and reports."""
