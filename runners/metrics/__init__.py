"""Metrics: functions of samples and of what they should be like.   `@metric("name")` declares one, a file a family.

(samples: Tensor, reference: Tensor, *, options)    two sets of samples, "n *event" each
(samples: Tensor, source: Source, *, options)       samples and the data set they imitate
(log_weights: Tensor, *, options)                   values of each sample

measure("mode_coverage", [samples, source], {"sigmas": 3.0})  ->  Estimate(value, error)
"""

from runners.metrics.measure import METRICS, Argument, Estimate, arguments, measure, metric

__all__ = ["METRICS", "Argument", "Estimate", "arguments", "measure", "metric"]
