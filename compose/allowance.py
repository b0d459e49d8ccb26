"""What a check may compute: what is small is computed in earnest, what is large has a shape and no data.

Numbers are the quickest to give a small result its shape. Fake tensors have no data, so they cost the same at any size;
but the first of them imports Dynamo and SymPy, more than a second, and each of their calls takes some tenth of a
millisecond. Both meet in one program: what meets a fake tensor is one.

    price(call) <= LARGEST, and all prices together <= MOST:  computed;  else: fake
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import cached_property
from itertools import zip_longest
from math import isfinite, prod
from typing import Any

import torch
from torch import Tag, Tensor
from torch._ops import OpOverload
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode

__all__ = ["LARGEST", "MOST", "Allowance", "price"]

aten = torch.ops.aten
LARGEST = 2**22  # numbers that one call may make: 16 megabytes
MOST = 2**26  # numbers that all calls may make: 256 megabytes, were all of them kept
MULTIPLICATIONS = 64  # of a matrix product, in the time that it takes to make one number by itself

FROM_NUMBERS = {
    aten.empty, aten.empty_strided, aten.zeros, aten.ones, aten.full, aten.rand, aten.randn, aten.randint,
    aten.linspace, aten.scalar_tensor, aten.new_empty, aten.new_zeros, aten.new_ones, aten.new_full,
}  # fmt: skip
NO_LARGER = {
    aten.cat, aten.stack, aten.clone, aten._to_copy, aten._unsafe_view, aten.zeros_like, aten.ones_like,
    aten.empty_like, aten.randn_like, aten.rand_like, aten.full_like, aten.sort, aten.cumsum, aten.cumprod, aten.gather,
    aten.flip, aten.roll, aten.tril, aten.triu, aten._softmax, aten._log_softmax, aten.bernoulli, aten.native_dropout,
    aten.native_batch_norm, aten._native_batch_norm_legit, aten._native_batch_norm_legit_no_training,
    aten._batch_norm_with_update, aten.native_layer_norm, aten.native_group_norm, aten.logcumsumexp,
    aten.linalg_vector_norm, aten._linalg_slogdet,
}  # fmt: skip
BY_OPTIONS = {  # of one value, no larger than it is times the numbers beside it
    aten.constant_pad_nd, aten.reflection_pad1d, aten.reflection_pad2d, aten.replication_pad1d,
    aten.replication_pad2d, aten.repeat, aten.pixel_shuffle, aten.pixel_unshuffle, aten.im2col,
    aten._adaptive_avg_pool2d, aten.upsample_nearest1d, aten.upsample_nearest2d, aten.upsample_bilinear2d,
    aten.upsample_bicubic2d, aten.resize_,
}  # fmt: skip
POOLS = {aten.avg_pool2d, aten.max_pool2d_with_indices}  # which read their value as often as the window is large
PRODUCTS = {aten.mm, aten.addmm, aten.bmm, aten.baddbmm, aten.dot, aten.mv, aten.addmv}


class Allowance(TorchDispatchMode):
    """Within, torch computes what is small, and gives fake tensors for what is large or of unknown shape."""

    def __init__(self) -> None:
        super().__init__()
        self.left, self.lifted = MOST, False

    @classmethod
    def _should_skip_dynamo(cls) -> bool:  # else torch imports Dynamo, to keep it out
        return False

    @cached_property
    def large(self) -> FakeTensorMode:
        """The mode that large results are made in."""
        return FakeTensorMode(allow_non_fake_inputs=True)

    @contextmanager
    def lift(self) -> Iterator[None]:
        """Within, everything is computed."""
        self.lifted = True
        try:
            yield
        finally:
            self.lifted = False

    def __torch_dispatch__(self, func: OpOverload, types: Any, args: Any = (), kwargs: Any = None) -> Any:  # noqa: ANN401
        """Make a call as `price` says; one that fails is made on fake tensors, lest its numbers be to blame."""
        kwargs = kwargs or {}
        given = [*args, *(value for name, value in kwargs.items() if name != "out")]
        if self.lifted or FakeTensor in types:
            return func(*args, **kwargs)
        cost = price(func, given)
        if cost <= min(LARGEST, self.left) and not _shaped_by_numbers(func, given):
            self.left -= cost
            with suppress(RuntimeError, IndexError, ValueError):
                return func(*args, **kwargs)
        with self.large:
            return func(*args, **kwargs)


def price(func: OpOverload, given: Iterable[Any]) -> int:
    """How many numbers a call makes or reads, at most; multiplications count for little.   A view is free."""
    given = list(given)
    leaves = list(_leaves(given))
    tensors = [leaf for leaf in leaves if isinstance(leaf, Tensor)]
    packet = func.overloadpacket
    if func.is_view:
        return 0
    if packet in FROM_NUMBERS:
        return _product(leaves)
    if packet is aten.arange:
        return _range(*(leaf for leaf in leaves if type(leaf) in (int, float)))
    if packet in BY_OPTIONS:
        return prod(map(_entries, tensors)) * _product(leaves)
    if packet in POOLS:
        return _entries(given[0]) * _product(list(_leaves(given[1])))
    if packet is aten._scaled_dot_product_flash_attention_for_cpu:
        query, key = tensors[:2]
        return max(query.numel(), query.numel() * key.shape[-2] // MULTIPLICATIONS)
    if Tag.pointwise in func.tags:
        return prod(max(sizes) for sizes in zip_longest(*(t.shape[::-1] for t in tensors), fillvalue=1))
    if packet in NO_LARGER or Tag.reduction in func.tags or Tag.inplace in func.tags:
        return sum(t.numel() for t in tensors)
    if packet in PRODUCTS:
        left, right = tensors[-2:]
        made = left.shape[:-1].numel() * (right.shape[-1] if right.dim() > 1 else 1)
        return max(made, made * left.shape[-1] // MULTIPLICATIONS)
    if packet is aten.convolution:
        return _convolution(*given)
    if packet is aten.index_select and tensors[0].dim():
        value, axis, index = given
        return value.numel() // max(value.shape[axis], 1) * index.numel()
    if packet is aten.index:
        return _index(*given)
    # unknown here: each number of one value with each of another, or of its own, as often as its options say
    largest = sorted(map(_entries, tensors))[-2:]
    return prod(largest if len(largest) > 1 else 2 * largest) * _product(leaves) ** (1 if tensors else 2)


def _shaped_by_numbers(func: OpOverload, given: list[Any]) -> bool:
    """Whether numbers may decide on the shape: of fake tensors that is an error, and so it is at every size."""
    if func.overloadpacket is aten.index:
        return any(index is not None and index.dtype in (torch.bool, torch.uint8) for index in given[1])
    return Tag.dynamic_output_shape in func.tags


def _convolution(
    value: Tensor, weight: Tensor, bias: Tensor | None, stride: list[int], padding: list[int], dilation: list[int],
    transposed: bool, more: list[int], groups: int,
) -> int:  # fmt: skip
    channels = weight.shape[1] * groups if transposed else weight.shape[0]
    made = len(value) * channels
    for size, kernel, step, pad, spread, further in zip(
        value.shape[2:], weight.shape[2:], stride, padding, dilation, more, strict=False
    ):
        reach = spread * (kernel - 1) + 1
        made *= (size - 1) * step + reach - 2 * pad + further if transposed else (size + 2 * pad - reach) // step + 1
    multiplied = value.numel() * weight[0].numel() if transposed else made * weight[0].numel()
    return max(made, multiplied // MULTIPLICATIONS, 0)


def _index(value: Tensor, indices: list[Tensor | None]) -> int:
    """As many rows as the indices say, together at most the product of their numbers."""
    held = [(size, index) for size, index in zip(value.shape, indices, strict=False) if index is not None]
    row = value.numel() // max(prod(size for size, _ in held), 1)
    return row * prod(index.numel() for _, index in held)


def _range(*numbers: float) -> int:
    start, end, step = (0, *numbers, 1) if len(numbers) == 1 else (*numbers, 1)[:3]
    length = (end - start) / step if step else 0
    return int(length) + 1 if isfinite(length) and length > 0 else 0


def _entries(value: Tensor) -> int:
    """As many numbers as it has, where axes without any count as one: what is made of it may have some."""
    return prod(max(size, 1) for size in value.shape)


def _product(leaves: list[Any]) -> int:
    numbers = [abs(leaf) for leaf in leaves if type(leaf) in (int, float) and isfinite(leaf)]
    return prod(int(number) + 1 for number in numbers if number > 1)


def _leaves(given: Iterable[Any]) -> Iterator[Any]:
    for value in given:
        if isinstance(value, list | tuple):
            yield from _leaves(value)
        else:
            yield value
