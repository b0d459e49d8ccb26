"""What a check computes is small, known beforehand, and never decides by numbers what shapes decide."""

import pytest
import torch
import torch.nn.functional as functional
from torch._subclasses.fake_tensor import FakeTensor
from torch.utils._python_dispatch import TorchDispatchMode

from compose.allowance import LARGEST, Allowance, price

image, kernel = torch.zeros(2, 3, 9, 9), torch.zeros(5, 3, 4, 4)
rows, columns, index = torch.zeros(6, 4), torch.zeros(4, 7), torch.tensor([0, 1, 1, 3])

CALLS = {
    "empty": lambda: torch.empty(3, 50),
    "eye": lambda: torch.eye(30),
    "arange": lambda: torch.arange(0, 40),
    "fine arange": lambda: torch.arange(0, 1, 1e-4),
    "arange downwards": lambda: torch.arange(40, 0, -2),
    "linspace": lambda: torch.linspace(0, 1, 40),
    "broadcast": lambda: torch.zeros(50, 1) + torch.zeros(1, 60),
    "expanded": lambda: torch.zeros(1, 6).expand(40, 6).exp(),
    "matrix product": lambda: rows @ columns,
    "tall matrix product": lambda: torch.zeros(50, 1) @ torch.zeros(1, 60),
    "product along an empty axis": lambda: torch.zeros(50, 0) @ torch.zeros(0, 60),
    "affine along an empty axis": lambda: functional.linear(torch.zeros(50, 0), torch.zeros(60, 0), torch.zeros(60)),
    "affine": lambda: functional.linear(rows, columns.T, torch.zeros(7)),
    "batched product": lambda: torch.zeros(5, 6, 4) @ torch.zeros(5, 4, 7),
    "convolution": lambda: functional.conv2d(image, kernel, stride=2, padding=3),
    "dilated convolution": lambda: functional.conv2d(image, kernel, dilation=2, padding=4),
    "transposed convolution": lambda: functional.conv_transpose2d(
        image, kernel.transpose(0, 1), stride=3, output_padding=1
    ),
    "grouped transposed convolution": lambda: functional.conv_transpose2d(image, torch.zeros(3, 5, 4, 4), groups=3),
    "padding": lambda: functional.pad(image, (2, 2, 2, 2)),
    "repetition": lambda: rows.repeat(30, 2),
    "enlargement": lambda: functional.interpolate(image, size=(30, 40)),
    "adaptive pool of a few": lambda: functional.adaptive_avg_pool2d(image, (50, 60)),
    "pool": lambda: functional.avg_pool2d(image, 3, stride=1, padding=1),
    "attention": lambda: functional.scaled_dot_product_attention(*[torch.zeros(2, 3, 20, 5)] * 3),
    "diagonal": lambda: torch.diag_embed(torch.zeros(5, 40)),
    "padded emptiness": lambda: functional.pad(torch.zeros(3, 0), (20, 20)),
    "distances along an empty axis": lambda: torch.cdist(torch.zeros(20, 0), torch.zeros(30, 0)),
    "singular vectors": lambda: torch.linalg.svd(torch.zeros(30, 1)),
    "chosen of a number": lambda: torch.zeros(()).index_select(0, torch.tensor([0])),
    "chosen rows": lambda: rows[index],
    "chosen pairs": lambda: torch.zeros(6, 6, 5)[index[:, None], index[None]],
    "chosen columns": lambda: rows.index_select(1, index.repeat(20)),
    "embedding": lambda: functional.embedding(index, rows),
    "distances": lambda: torch.cdist(rows, torch.zeros(30, 4)),
    "side by side": lambda: torch.cat([rows, rows], 1),
    "one hot": lambda: functional.one_hot(index, 40),
    "batch norm": lambda: functional.batch_norm(image, torch.zeros(3), torch.ones(3)),
    "sum": lambda: image.sum((1, 2)),
    "softmax": lambda: rows.softmax(-1),
    "sort": lambda: rows.sort(-1),
}


class Compared(TorchDispatchMode):
    """Within, no call makes more numbers than its price."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        made = func(*args, **(kwargs or {}))
        told = price(func, [*args, *(kwargs or {}).values()])
        results = made if isinstance(made, tuple) else (made,)
        if not func.is_view:
            assert told * 2 >= sum(part.numel() for part in results if isinstance(part, torch.Tensor)), func
        return made


@pytest.mark.parametrize("name", CALLS)
def test_a_price_is_no_less_than_the_numbers_made(name):
    with Compared():
        CALLS[name]()


@pytest.mark.parametrize("name", CALLS)
def test_small_calls_are_computed(name):
    with Allowance():
        made = CALLS[name]()
    assert not isinstance(made, FakeTensor)


def test_a_large_call_and_what_meets_it_have_shapes_alone():
    with Allowance(), torch.no_grad():
        large = torch.zeros(LARGEST, 100)
        met = torch.zeros(3, LARGEST) @ large
    assert isinstance(large, FakeTensor)
    assert isinstance(met, FakeTensor)
    assert met.shape == (3, 100)


def test_many_small_calls_are_a_large_one():
    allowance = Allowance()
    allowance.left = 1000
    with allowance:
        made = [torch.zeros(300) for _ in range(5)]
    assert [isinstance(each, FakeTensor) for each in made] == [False, False, False, True, True]


@pytest.mark.parametrize("read", [lambda v: v[v > 0], lambda v: v.nonzero(), lambda v: v.unique()])
def test_numbers_decide_on_no_shape(read):
    with Allowance(), torch.no_grad(), pytest.raises(RuntimeError):
        read(torch.zeros(3))


def test_a_call_that_its_numbers_forbid_has_a_shape_all_the_same():
    with Allowance(), torch.no_grad():
        assert torch.linalg.cholesky(torch.zeros(2, 3, 3)).shape == (2, 3, 3)
        assert functional.embedding(torch.tensor([-1]), torch.zeros(4, 5)).shape == (1, 5)


def test_a_call_that_its_shapes_forbid_fails():
    with Allowance(), torch.no_grad(), pytest.raises(RuntimeError):
        torch.zeros(2, 3) @ torch.zeros(2, 3)


def test_what_is_lifted_is_computed_at_any_size_and_may_be_read():
    allowance = Allowance()
    allowance.left = 0
    with allowance, allowance.lift():
        assert torch.linspace(0, 1, 3).tolist() == [0, 0.5, 1]


def test_a_pool_of_many_by_many_is_not_computed():
    with Allowance(), torch.no_grad():
        assert isinstance(functional.avg_pool2d(torch.zeros(1, 1, 500, 500), 101, 1, 50), FakeTensor)


def test_small_attention_and_small_pools_are_computed():
    query = torch.ones(2, 4, 16, 8)
    with Allowance():
        attended = torch.nn.functional.scaled_dot_product_attention(query, query, query, is_causal=True)
        pooled = torch.nn.functional.avg_pool2d(torch.ones(8, 32, 16, 16), 2)
        huge = torch.nn.functional.avg_pool2d(torch.empty(1, device="meta").expand(64, 64, 128, 128), 2)
    assert not isinstance(attended, FakeTensor)
    assert not isinstance(pooled, FakeTensor)
    assert attended.mean() == 1
    assert pooled.mean() == 1
    assert huge.shape == (64, 64, 64, 64)
