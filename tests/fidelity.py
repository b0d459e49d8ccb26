"""torch-fidelity, of which neither metrics nor the Inception net need the torchvision that it imports."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.machinery import ModuleSpec
from unittest.mock import MagicMock

NAMES = ("torchvision", "torchvision.transforms", "torchvision.transforms.functional", "torchvision.datasets")


@contextmanager
def without_torchvision() -> Iterator[None]:
    """Within, torch-fidelity can be imported where torchvision is not, or not for this build of PyTorch."""
    absent = {name: MagicMock(__spec__=ModuleSpec(name, None)) for name in NAMES if name not in sys.modules}
    sys.modules.update(absent)
    try:
        yield
    finally:
        for name in absent:
            del sys.modules[name]
