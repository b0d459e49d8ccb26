"""Inverse autoregressive flow: draws, and their own densities, in one pass; densities of other values in many."""

from typing import ClassVar, Literal

from blocks.autoregressive import InverseAutoregressive
from blocks.flows.autoregressive import AutoregressiveFlow
from blocks.registry import block

__all__ = ["IAF"]


@block("flow.iaf")
class IAF(AutoregressiveFlow):
    """Inverse autoregressive layers: each entry is an affine map of its noise by the noise before it.

    permutation: the order of the entries, which every second layer turns round, or all but the first draw at random
    (and its masks keep). scale: the log-scale s of the network's r, as in `flow.realnvp`.
    Raises ValueError for no layers.
    Source: Kingma et al. 2016, section 3.
    """

    layer = InverseAutoregressive
    cheap: ClassVar[Literal["both", "forward", "inverse"]] = "forward"
