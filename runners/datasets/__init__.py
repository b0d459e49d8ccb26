"""Data sets: a contract that is cheap to read, then tensors in memory, or rows from disk.   `@dataset("name")`: one.

contract("toy.moons", {"noise": 0.1})               fields, ranges, splits: nothing is loaded
open_source("toy.moons", {}).split("train")["x"]    n 2, loaded once
"""

from runners.datasets.opening import contract, open_source
from runners.datasets.options import BadOption, UnknownOption
from runners.datasets.source import DATASETS, Source, UnknownSplit, Unreadable, dataset

__all__ = [
    "DATASETS", "BadOption", "Source", "UnknownOption", "UnknownSplit", "Unreadable", "contract", "dataset",
    "open_source",
]  # fmt: skip
