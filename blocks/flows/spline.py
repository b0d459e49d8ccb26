"""Neural spline flow: couplings that bend each entry by a monotone rational-quadratic spline."""

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor

from blocks.flows.model import Flow, check_count, context_of, event_of
from blocks.nets import Activation, mlp
from blocks.registry import block
from blocks.splines import FLOOR, Spline, spline_of
from blocks.transforms import Context, Order, Parts, Reordered, Transform, beside
from blocks.types import Takes, elements

__all__ = ["SplineCoupling", "SplineFlow"]


class SplineCoupling(Transform):
    """The first `kept` entries pass; the others go through splines whose knots are functions of the first.

    From data to noise z = spline(x), as in the paper; both directions are closed forms.
    Shapes: "b features"; raw numbers of the splines = net(first entries, context), the 3 bins - 1 of an entry together.
    Source: Durkan et al. 2019, section 3.2.
    """

    def __init__(
        self,
        kept: int,
        changed: int,
        *,
        hidden: Sequence[int],
        bins: int,
        bound: float,
        activation: Activation,
        context: int = 0,
    ) -> None:
        super().__init__()
        self.sizes, self.each, self.bound = [kept, changed], 3 * bins - 1, bound
        self.net = mlp(kept + context, *hidden, changed * self.each, activation=activation)

    def push(self, z: Tensor, context: Context = None) -> tuple[Tensor, Parts]:  # b d -> b d, parts
        """[kept, spline^-1(changed)]."""
        kept, changed = z.split(self.sizes, dim=1)
        x, log_slope = self.spline(kept, context).inverse(changed)
        return torch.cat([kept, x], dim=1), [-log_slope]

    def pull(self, x: Tensor, context: Context = None) -> tuple[Tensor, Parts]:  # b d -> b d, parts
        """[kept, spline(changed)]."""
        kept, changed = x.split(self.sizes, dim=1)
        z, log_slope = self.spline(kept, context).forward(changed)
        return torch.cat([kept, z], dim=1), [-log_slope]

    def spline(self, kept: Tensor, context: Context = None) -> Spline:
        """The splines of the entries that change."""
        return spline_of(self.net(beside(kept, context)).unflatten(1, (self.sizes[1], self.each)), self.bound)


@block("flow.spline")
class SplineFlow(Flow):
    """Rational-quadratic spline couplings on halves of the flattened event; both directions are one pass.

    Inside [-bound, bound] an entry is bent by `bins` pieces, outside it passes: the values should lie within.
    permutation: how the entries are reordered between couplings; an order drawn at random is fixed and saved.
    Raises ValueError for an event of one entry, no couplings, fewer than 2 or more than 999 bins, or a bound that is
    not above 0.   Source: Durkan et al. 2019.
    """

    largest: ClassVar[dict[str, int]] = {"couplings": 128, "bins": 999}

    def __init__(
        self,
        takes: Takes,
        *,
        couplings: int = 4,
        hidden: Sequence[int] = (64, 64),
        bins: int = 8,
        bound: float = 5.0,
        permutation: Order = "reverse",
        activation: Activation = "relu",
    ) -> None:
        features, context = elements(event_of(takes, 2, "flow.spline")), context_of(takes)
        check_count("couplings", couplings)
        if not 2 <= bins < 1 / FLOOR:
            raise ValueError(f"`bins` cannot be {bins}: write 2 or more, and below {1 / FLOOR:.0f}")
        if not bound > 0:
            raise ValueError(f"`bound` cannot be {bound}: the splines bend what lies between -bound and bound")
        kept = features // 2

        def coupling() -> SplineCoupling:
            return SplineCoupling(
                kept, features - kept, hidden=hidden, bins=bins, bound=bound, activation=activation, context=context
            )

        super().__init__(takes, Reordered([coupling] * couplings, features, permutation))
