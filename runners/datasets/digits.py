"""Handwritten digits of 8 x 8 pixels: 1797 images that come with scikit-learn, so that nothing is downloaded."""

from collections.abc import Mapping

import torch
from torch import Tensor

from runners.datasets.options import BadOption
from runners.datasets.source import Load, Source, dataset
from runners.datasets.splits import Range, fixed_order, hold_out, image_field, in_range, label_field

__all__ = ["digits"]

ROWS = 1797
PEAK = 16.0  # a pixel counts the set points of a 4 x 4 cell of the scan
LEVELS = 17  # 0 .. 16


@dataset("digits")
def digits(*, range: Range = "unit", test_size: int = 360, validation: float = 0.0) -> Source:
    """Digits of 8 x 8 pixels in ten classes: `x` (1, 8, 8), `y`.   1437 to train on, 360 to test, none downloaded.

    `range`: "unit" [0, 1] or "signed" [-1, 1]. `validation`: the fraction of the training rows held out. The split is
    one fixed permutation.   Source: Alpaydin and Kaynak 1998 (UCI), the test part, as bundled with scikit-learn.
    """
    if not 0 < test_size < ROWS:
        raise BadOption("test_size", f"`test_size` is {test_size}, but there are {ROWS} digits to divide")
    splits, load = hold_out({"train": ROWS - test_size, "test": test_size}, _loader(range, test_size), validation)
    fields = {"x": image_field((1, 8, 8), range, LEVELS), "y": label_field(10)}
    return Source(fields, splits, load)


def _loader(range: Range, test_size: int) -> Load:
    def load(split: str) -> Mapping[str, Tensor]:
        from sklearn.datasets import load_digits  # imported on use: it takes a second

        images, labels = load_digits(return_X_y=True)  # n 64, n
        order = fixed_order(ROWS)
        part = order[:test_size] if split == "test" else order[test_size:]
        pixels = torch.from_numpy(images).to(torch.float32).view(-1, 1, 8, 8)  # n 1 8 8
        return {"x": in_range(pixels[part], PEAK, range), "y": torch.from_numpy(labels).to(torch.int64)[part]}

    return load
