"""Batches: the order is a function of seed and epoch, and any step can be asked for on its own."""

import pytest
import torch
from torch.testing import assert_close
from torch.utils.data import DataLoader, TensorDataset

from runners.batches import Batches, from_loader, order
from runners.datasets import UnknownSplit, open_source

ROWS = {"x": torch.arange(20).view(10, 2).float(), "y": torch.arange(10)}


def seen(batches, epoch):
    return torch.cat([batch["y"] for batch in batches.epoch(epoch)]).tolist()


def test_an_epoch_covers_each_row_once():
    batches = Batches(ROWS, batch_size=5, seed=3)
    assert batches.steps_per_epoch == 2
    for epoch in range(4):
        assert sorted(seen(batches, epoch)) == list(range(10))


def test_epochs_seeds_and_splits_have_orders_of_their_own():
    orders = [order(100, seed, epoch).tolist() for seed in (0, 1) for epoch in (0, 1)]
    assert len(set(map(tuple, orders))) == 4
    assert order(100, 0, 1).tolist() == orders[1]
    train, test = (Batches(ROWS, split=split, batch_size=10) for split in ("train", "test"))
    assert seen(train, 0) != seen(test, 0)


def test_random_access_equals_iteration():
    stream = Batches(ROWS, batch_size=3, seed=1).stream()
    first = [next(stream) for _ in range(12)]
    again = Batches(ROWS, batch_size=3, seed=1)
    for step in (11, 0, 7, 8, 3, 11):
        for name, values in again.batch(step).items():
            assert torch.equal(values, first[step][name])
    resumed = Batches(ROWS, batch_size=3, seed=1).stream(start=7)
    assert torch.equal(next(resumed)["x"], first[7]["x"])


def test_fields_of_a_row_stay_together():
    for batch in Batches(ROWS, batch_size=4).epoch(5):
        assert_close(batch["x"], ROWS["x"][batch["index"]])
        assert torch.equal(batch["y"], batch["index"])


def test_drop_last_and_the_rest():
    dropped = [len(batch["x"]) for batch in Batches(ROWS, batch_size=4).epoch()]
    kept = list(Batches(ROWS, batch_size=4, drop_last=False, shuffle=False).epoch())
    assert dropped == [4, 4]
    assert [len(batch["x"]) for batch in kept] == [4, 4, 2]
    assert torch.equal(torch.cat([batch["x"] for batch in kept]), ROWS["x"])


def test_a_source_is_read_in_its_split():
    source = open_source("toy.moons", {"size": 64, "test_size": 32})
    batch = Batches(source, split="test", batch_size=32, shuffle=False).batch(0)
    assert torch.equal(batch["x"], source.split("test")["x"])
    assert set(batch) == {"x", "y", "index"}
    with pytest.raises(UnknownSplit):
        Batches(source, split="validation", batch_size=4)


def test_several_sources_have_names_and_orders_of_their_own():
    photos = {"x": torch.arange(12).float()}
    paintings = {"x": torch.arange(8).float()}
    batches = Batches({"photos": photos, "paintings": paintings}, batch_size=4)
    assert batches.steps_per_epoch == 3  # the longest
    read = [batches.batch(step) for step in range(6)]
    assert set(read[0]) == {"photos.x", "photos.index", "paintings.x", "paintings.index"}
    for start in (0, 3):
        assert sorted(torch.cat([b["photos.x"] for b in read[start : start + 3]]).tolist()) == list(range(12))
    for start in (0, 2, 4):
        assert sorted(torch.cat([b["paintings.x"] for b in read[start : start + 2]]).tolist()) == list(range(8))
    same = Batches({"a": photos, "b": photos}, batch_size=12).batch(0)
    assert not torch.equal(same["a.x"], same["b.x"])


@pytest.mark.parametrize(
    ("data", "options", "message"),
    [
        (
            ROWS,
            {"batch_size": 11},
            "`batch_size` is 11, but the split `train` has 10 rows: use a batch size of at most 10",
        ),
        (ROWS, {"batch_size": 0}, "a batch needs at least one row"),
        ({"x": torch.zeros(3), "y": torch.zeros(4)}, {"batch_size": 2}, "must have equally many rows"),
        ({}, {"batch_size": 2}, "not be empty"),
        ({"a": ROWS, "b": {"x": torch.zeros(3)}}, {"batch_size": 4}, "of `b` has 3 rows"),
        ({"a": ROWS, "b": {"x": torch.zeros(9)}}, {"batch_size": 2, "drop_last": False}, "no common last batch"),
        ({"a": ROWS, "x": torch.zeros(10)}, {"batch_size": 2}, "must be a source, tensors by field, or several"),
    ],
)
def test_data_that_cannot_be_batched_is_refused(data, options, message):
    with pytest.raises(ValueError, match=message):
        Batches(data, **options)


# --- the user's own loader


def loader(shuffle=False):
    data = TensorDataset(ROWS["x"], ROWS["y"])
    return DataLoader(data, batch_size=4, shuffle=shuffle, generator=torch.Generator().manual_seed(0))


def test_a_loader_of_tuples_has_names_and_a_contract():
    batches = from_loader(loader(), classes=10)
    assert batches.steps_per_epoch == 3
    assert_close(batches.batch(1)["x"], ROWS["x"][4:8])
    assert batches.contract.fields["x"].event == (2,)
    assert (batches.contract.fields["y"].dtype, batches.contract.fields["y"].classes) == ("int64", 10)


def test_a_resumed_loader_is_read_forward():
    whole = from_loader(loader(shuffle=True))
    first = [whole.batch(step) for step in range(8)]
    assert not torch.equal(first[0]["y"], first[3]["y"])  # the second pass is shuffled anew
    resumed = from_loader(loader(shuffle=True))
    assert torch.equal(resumed.batch(7)["y"], first[7]["y"])


@pytest.mark.parametrize(
    "batches",
    [
        [torch.ones(2), torch.zeros(2)],
        [(torch.ones(2),), (torch.zeros(2),)],
        [{"x": torch.ones(2)}, {"x": torch.zeros(2)}],
    ],
    ids=["tensors", "tuples", "dicts"],
)
def test_any_iterable_starts_over(batches):
    stream = from_loader(batches).stream()
    assert [float(next(stream)["x"][0]) for _ in range(5)] == [1, 0, 1, 0, 1]


def test_an_earlier_step_starts_over_and_the_same_step_is_kept():
    batches = from_loader([torch.full((2,), float(i)) for i in range(5)])
    assert [float(batches.batch(step)["x"][0]) for step in (3, 3, 1, 6)] == [3, 3, 1, 1]


def test_a_generator_that_ends_says_so():
    batches = from_loader(torch.ones(2) for _ in range(3))
    assert batches.steps_per_epoch is None
    batches.batch(2)
    with pytest.raises(ValueError, match="ended after 3 batches"):
        batches.batch(3)


@pytest.mark.parametrize(
    ("batch", "message"),
    [
        ((torch.ones(2),) * 3, "gives 3 values a batch, but `fields` names 2"),
        ({"x": [1, 2]}, "the loader gives {'x': 'list'}"),
        (5, "the loader gives int"),
    ],
)
def test_a_batch_of_another_kind_is_refused(batch, message):
    with pytest.raises(ValueError, match=message):
        from_loader([batch])
