"""The entropy score: how sure a classifier is of each sample, and how evenly the classes share all of them."""

import math
from typing import Annotated

from torch import Tensor

from runners.metrics.measure import HIGHER, NoFigure, metric

__all__ = ["entropy_score"]


@metric("entropy_score")
def entropy_score(logits: Annotated[Tensor, "n classes"]) -> Annotated[float, HIGHER]:
    """exp(E_x KL(p(y | x) | p(y))) of a classifier's logits on the samples: the formula of the Inception Score.

    Range 1 .. the number of classes, higher is better; shape "n classes", in float64, p(y) the mean over all samples
    at once (the literature averages ten parts of 5,000). It looks at the samples only: one perfect sample of each
    class, repeated, has the highest score. Biased downwards for few samples.
    Raises ValueError for another shape, fewer than two samples or classes.   Source: Salimans et al. 2016, section 4.
    """
    if logits.ndim != 2 or min(logits.shape) < 2:
        raise ValueError(f"logits of at least two samples and two classes are needed, not {[*logits.shape]}")
    if not bool(logits.isfinite().all()):
        raise NoFigure("some logits are not finite")
    log_given = logits.detach().double().log_softmax(1)  # n classes
    log_share = log_given.logsumexp(0) - math.log(len(log_given))  # classes
    return float((log_given.exp() * (log_given - log_share)).sum(1).mean().exp())
