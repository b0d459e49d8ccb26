"""Files of samples: a picture where the values have one, else numbers."""

import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from blocks.types import Field
from runners.checkpoints import write_atomically
from runners.origin import stamped
from runners.pictures import field_like, picture_of

__all__ = ["save_values"]


def save_values(
    path: Path,
    value: Tensor,
    fields: Mapping[str, Field],
    rows: Mapping[str, Tensor],
    fold: int = 1,
    origin: Mapping[str, Any] | None = None,
) -> Path:
    """Write `value`, "b *event", in the form that the ending of `path` names; the path written.

    .png a picture, in the range of the field that it is like, above the data `rows` if it is points; .npy numpy; .pt
    torch. `fold` as in `picture_of`; `origin` is what a picture says of where it comes from. Without an ending: .png if
    there is a picture of it, else .npy. Raises ValueError for another ending, or a picture of what has none.
    """
    png = None
    if path.suffix in ("", ".png"):
        like = field_like(value, fields)
        png = picture_of(value, like[1] if like else None, rows.get(like[0]) if like else None, fold)
    if not path.suffix:
        path = path.with_name(f"{path.name}.{'npy' if png is None else 'png'}")
    if path.suffix == ".png" and png is None:
        raise ValueError(f"values of shape {list(value.shape[1:])} have no picture")
    if path.suffix not in ("", ".png", *WRITERS):
        raise ValueError(f"`{path.suffix}` is no form that values are written in")
    path.parent.mkdir(parents=True, exist_ok=True)
    if png is not None and origin is not None:
        png = stamped(png, origin)
    write_atomically(path, png if png is not None else WRITERS[path.suffix](value.detach().cpu()))
    return path


def _numpy(value: Tensor) -> bytes:
    written = io.BytesIO()
    np.save(written, value.float().numpy() if value.dtype == torch.bfloat16 else value.numpy())
    return written.getvalue()


def _torch(value: Tensor) -> bytes:
    written = io.BytesIO()
    torch.save(value, written)
    return written.getvalue()


WRITERS: dict[str, Callable[[Tensor], bytes]] = {".npy": _numpy, ".pt": _torch}
