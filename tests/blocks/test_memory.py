"""The replay memory: what it gives back, what it forgets, what it saves."""

import pytest
import torch

from blocks.memory import Replay
from blocks.types import Levels

ALWAYS, NEVER = torch.zeros(4), torch.ones(4)  # coins


def row_numbers(start, count):
    return torch.arange(start, start + count, dtype=torch.float32).unsqueeze(1).expand(-1, 2)


def memory(size=6):
    return Replay(((2,),), size=size)


def read_all(store):
    """Every stored row, by picks in the middle of each slot."""
    count = int(store.count)
    pick = (torch.arange(count) + 0.5) / count
    return store.read(torch.zeros(count), pick, torch.full((count, 2), -1.0), probability=1.0)[:, 0].tolist()


def test_all_rows_are_fresh_until_a_batch_is_stored():
    fresh = torch.randn(4, 2)
    assert torch.equal(memory().read(ALWAYS, torch.rand(4), fresh, probability=1.0), fresh)


def test_a_row_is_stored_where_its_coin_is_below_the_probability():
    store = memory()
    store.write(row_numbers(0, 4))
    coin, pick = torch.tensor([0.1, 0.3, 0.2999, 0.9]), torch.tensor([0.0, 0.3, 0.99, 0.6])
    rows = store.read(coin, pick, torch.full((4, 2), -1.0), probability=0.3)
    assert rows[:, 0].tolist() == [0, -1, 3, -1]  # floor(0.0 * 4), fresh, floor(0.99 * 4), fresh


def test_the_probability_may_be_a_schedules_tensor():
    store = memory()
    store.write(row_numbers(0, 4))
    rows = store.read(torch.full((4,), 0.5), torch.rand(4), torch.full((4, 2), -1.0), probability=torch.tensor(0.4))
    assert rows.eq(-1).all()


def test_the_oldest_rows_are_forgotten_first():
    store = memory(size=6)
    store.write(row_numbers(0, 4))
    assert sorted(read_all(store)) == [0, 1, 2, 3]
    store.write(row_numbers(4, 4))
    assert sorted(read_all(store)) == [2, 3, 4, 5, 6, 7]
    store.write(row_numbers(8, 5))
    assert sorted(read_all(store)) == [7, 8, 9, 10, 11, 12]


def test_of_a_batch_larger_than_the_memory_the_last_rows_stay():
    store = memory(size=3)
    store.write(row_numbers(0, 10))
    assert sorted(read_all(store)) == [7, 8, 9]
    store.write(row_numbers(10, 1))
    assert sorted(read_all(store)) == [8, 9, 10]


def test_the_largest_pick_below_one_stays_inside():
    store = memory(size=5)
    store.write(row_numbers(0, 5))
    pick = torch.full((4,), 1.0).nextafter(torch.tensor(0.0))
    assert store.read(ALWAYS, pick, torch.zeros(4, 2), probability=1.0)[:, 0].tolist() == [4] * 4


def test_gradients_neither_enter_nor_leave():
    store, rows = memory(), torch.randn(4, 2, requires_grad=True)
    store.write(rows * 2)
    assert not store.storage.requires_grad
    assert not store.read(NEVER, torch.rand(4), rows, probability=0.5).requires_grad


def test_what_was_read_does_not_change_when_more_is_written():
    store = memory(size=4)
    store.write(row_numbers(0, 4))
    rows = store.read(ALWAYS, torch.arange(4) / 4, torch.zeros(4, 2), probability=1.0)
    store.write(row_numbers(10, 4))
    assert rows[:, 0].tolist() == [0, 1, 2, 3]


def test_a_saved_memory_goes_on_where_it_was():
    first, second = memory(), memory()
    first.write(row_numbers(0, 4))
    second.load_state_dict(first.state_dict())
    for store in (first, second):
        store.write(row_numbers(4, 4))
    assert read_all(first) == read_all(second)
    assert int(second.position) == 2
    assert not list(second.parameters())


def test_rows_keep_the_dtype_of_the_fresh_ones():
    store = memory()
    store.write(row_numbers(0, 4).double())
    assert store.read(ALWAYS, torch.rand(4), torch.zeros(4, 2).double(), probability=1.0).dtype == torch.float64


@pytest.mark.parametrize(("takes", "options"), [(((2,),), {"size": 0}), ((Levels(3),), {})])
def test_what_no_memory_can_hold_is_refused(takes, options):
    with pytest.raises(ValueError, match="memory"):
        Replay(takes, **options)
