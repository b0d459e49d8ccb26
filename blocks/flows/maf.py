"""Masked autoregressive flow: densities in one pass, draws in as many as there are entries."""

from typing import ClassVar, Literal

from blocks.autoregressive import MaskedAutoregressive
from blocks.flows.autoregressive import AutoregressiveFlow
from blocks.registry import block

__all__ = ["MAF"]


@block("flow.maf")
class MAF(AutoregressiveFlow):
    """Masked autoregressive layers: each entry is an affine map of noise by the entries before it.

    permutation: the order of the entries, which every second layer turns round, or all but the first draw at random
    (and its masks keep). scale: the log-scale s of the network's r, as in `flow.realnvp`.
    Raises ValueError for no layers.
    Source: Papamakarios et al. 2017, section 3.
    """

    layer = MaskedAutoregressive
    cheap: ClassVar[Literal["both", "forward", "inverse"]] = "inverse"
