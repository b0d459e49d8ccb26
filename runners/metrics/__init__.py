"""Metrics: functions of samples and of what they should be like.   `@metric("name")` declares one, a file a family.

(samples: Annotated[Tensor, "n *event"], reference: Annotated[Tensor, "m *event"], *, options)
                                                    two sets of samples of one shape, which the checker sees to
(samples: Tensor, source: Source, *, options)       samples and the data set they imitate
(values: Tensor, *, options)                        values of each sample
(log_weights: Redrawn, *, options)                  ... that the metric draws as often as it likes

measure("mode_coverage", [samples, source], {"sigmas": 3.0})  ->  Estimate(value, error)
"""

from runners.metrics.measure import (
    HIGHER,
    LOWER,
    METRICS,
    Argument,
    Estimate,
    NoFigure,
    Redrawn,
    Side,
    arguments,
    better_side,
    measure,
    metric,
)

__all__ = ["HIGHER", "LOWER", "METRICS", "Argument", "Estimate", "NoFigure", "Redrawn", "Side", "arguments",
           "better_side", "measure", "metric"]  # fmt: skip
