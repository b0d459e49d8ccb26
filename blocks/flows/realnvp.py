"""RealNVP on vectors: affine couplings between halves that take turns, or whose entries are reordered between them."""

from collections.abc import Sequence
from typing import ClassVar, Literal

from blocks.flows.model import Flow, check_count, context_of, event_of
from blocks.nets import Activation
from blocks.registry import block
from blocks.transforms import AffineCoupling, AlternatingCouplings, Reordered, Scale, Transform
from blocks.types import Takes, elements

__all__ = ["RealNVP"]


@block("flow.realnvp")
class RealNVP(Flow):
    """Affine couplings on halves of the flattened event, with perceptrons; both directions are one pass.

    permutation: "alternate" swaps the roles of the halves, "reverse" and "random" reorder the entries between couplings
    (an order drawn at construction from PyTorch's generator, then fixed and saved). A coupling maps z to z exp(s) + t;
    scale: s = tanh(r) of the perceptron's r, or exp(-s) = sigmoid(r + 2), as in Glow, or s = r / (1 + |r| / log 1000).
    Raises ValueError for an event of one entry, or no couplings.
    Source: Dinh et al. 2017; thesis 2.2.2 and, with "random" and "sigmoid", the flow of GLF (thesis 3.4.3).
    """

    largest: ClassVar[dict[str, int]] = {"couplings": 128}

    def __init__(
        self,
        takes: Takes,
        *,
        couplings: int = 4,
        hidden: Sequence[int] = (64, 64),
        permutation: Literal["alternate", "random", "reverse"] = "alternate",
        scale: Scale = "tanh",
        activation: Activation = "relu",
    ) -> None:
        features, context = elements(event_of(takes, 2, "flow.realnvp")), context_of(takes)
        check_count("couplings", couplings)
        kept = features // 2

        def coupling() -> AffineCoupling:
            return AffineCoupling(
                kept, features - kept, hidden=hidden, scale=scale, activation=activation, context=context
            )

        if permutation == "alternate":
            transform: Transform = AlternatingCouplings(
                features, couplings, hidden=hidden, scale=scale, activation=activation, context=context
            )
        else:
            transform = Reordered([coupling for _ in range(couplings)], features, permutation)
        super().__init__(takes, transform)
