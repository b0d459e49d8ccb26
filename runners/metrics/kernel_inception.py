"""The kernel inception distance: the discrepancy of two sets of features in the space of a cubic kernel."""

from typing import Annotated

from torch import Tensor

from runners.metrics.distances import flat_rows
from runners.metrics.measure import LOWER, metric

__all__ = ["kid"]

CHUNK = 2**22  # kernel values held at once, in float64: 32 MB


@metric("kid")
def kid(samples: Annotated[Tensor, "n *event"], reference: Annotated[Tensor, "m *event"]) -> Annotated[float, LOWER]:
    """The squared maximum mean discrepancy, unbiased, with the kernel (x . y / d + 1)^3 of features of d numbers.

    Range about 0 (it may fall below) .. infinity, lower is better; shapes "n *event" and "m *event", in float64. Of
    all pairs at once, which the averages over random subsets of the literature estimate: no seed, and less noise.
    Unlike the Frechet distance it has no bias for few samples.
    Raises ValueError for sets that do not fit.   Source: Binkowski et al. 2018, eq. 4 and section 4.
    """
    a, b = flat_rows(samples, reference)
    n, m = len(a), len(b)
    within_a = (_kernel_sum(a, a) - float(_kernel(a.square().sum(1), a.shape[1]).sum())) / (n * (n - 1))
    within_b = (_kernel_sum(b, b) - float(_kernel(b.square().sum(1), b.shape[1]).sum())) / (m * (m - 1))
    return within_a + within_b - 2 * _kernel_sum(a, b) / (n * m)


def _kernel(products: Tensor, size: int) -> Tensor:
    return (products / size + 1) ** 3


def _kernel_sum(a: Tensor, b: Tensor) -> float:  # n d, m d
    return sum(float(_kernel(rows @ b.T, a.shape[1]).sum()) for rows in a.split(max(1, CHUNK // len(b))))
