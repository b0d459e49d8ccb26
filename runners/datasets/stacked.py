"""Stacked digits: three digits as red, green and blue.   A thousand modes that a classifier of digits can count."""

from collections.abc import Mapping

import torch
from torch import Tensor

from blocks.noise import leaf_seed
from blocks.types import Field
from runners.datasets.digits import digits
from runners.datasets.idx import idx
from runners.datasets.options import BadOption, check_positive
from runners.datasets.source import Source, dataset
from runners.datasets.splits import Range, hold_out, label_field

__all__ = ["stacked"]

CHANNELS, CLASSES = 3, 10


@dataset("digits.stacked")
def stacked(
    *,
    root: str | None = None,
    range: Range = "unit",
    pad: int | None = None,
    size: int = 60000,
    test_size: int = 10000,
    seed: int = 0,
    validation: float = 0.0,
) -> Source:
    """Three digits as one picture in colour: `x` (3, height, width), `y` = 100 red + 10 green + blue, of 1000 modes.

    The digits of a row are drawn from those of its split, each by itself, by `seed`. `root`: a folder of IDX files as
    of `idx` (MNIST), padded to the side `pad`; by default the digits are those of `digits`, 8 x 8, and nothing is read.
    Source: Metz et al. 2017 (unrolled GANs), Lin et al. 2018 (PacGAN): 1000 modes, counted by a classifier.
    """
    check_positive(size=size, test_size=test_size)
    plain = digits(range=range) if root is None else idx(root=root, range=range, pad=pad)
    if "y" not in plain.contract.fields:
        raise BadOption("root", f"`{root}` has no labels, which the modes are counted by")
    image = plain.contract.fields["x"]
    modes = CLASSES**CHANNELS
    fields = {
        "x": Field((CHANNELS, *image.event[1:]), low=image.low, high=image.high, levels=image.levels),
        "y": label_field(modes),
    }
    counts = {"train": size, "test": test_size}

    def load(split: str) -> Mapping[str, Tensor]:
        rows = plain.split(split)
        generator = torch.Generator().manual_seed(leaf_seed(seed, "digits.stacked", split))
        chosen = torch.randint(len(rows["x"]), (counts[split], CHANNELS), generator=generator)
        places = CLASSES ** torch.arange(CHANNELS - 1, -1, -1)  # 100, 10, 1
        return {"x": rows["x"][chosen].squeeze(2), "y": (rows["y"][chosen] * places).sum(1)}

    splits, load_part = hold_out(counts, load, validation)
    return Source(fields, splits, load_part, missing=plain.missing)
