"""Reading ahead: the batches of any number of workers are those of none, and nothing is left when it is closed."""

import shutil
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from runners.batches import Batches, from_loader
from runners.datasets import BadOption, Source, Unreadable, open_source
from runners.reading import AHEAD, ReadAhead, read_ahead

ROWS = {"train": 21, "test": 8}
DRAWN = {"dequantize": 256, "flip": True, "shift": 1}


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """A folder of 5 x 4 pictures in colour, in two classes."""
    root, dice = tmp_path_factory.mktemp("pictures"), np.random.default_rng(0)
    for split, rows in ROWS.items():
        for number in range(rows):
            path = root / split / ("odd" if number % 2 else "even") / f"{number:02d}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(dice.integers(0, 256, (5, 4, 3), dtype=np.uint8)).save(path)
    return root


@pytest.fixture(scope="module")
def array(tmp_path_factory):
    """The path of a `.npy` of bytes."""
    path = tmp_path_factory.mktemp("array") / "x.npy"
    np.save(path, np.random.default_rng(1).integers(0, 256, (21, 3, 4, 4), dtype=np.uint8))
    return path


def of_pictures(pictures, _array, keep):
    return open_source("images", {"root": str(pictures), "keep": keep, "validation": 0.2, **DRAWN})


def of_array(_pictures, array, keep):
    return open_source("arrays", {"train": str(array), "keep": keep, "range": "signed", "validation": 0.2})


def of_both(pictures, array, keep):
    return {"a": of_pictures(pictures, array, keep), "b": of_array(pictures, array, keep)}


DATA = {"pictures": of_pictures, "array": of_array, "both": of_both}


def assert_same(found, expected):
    assert found.keys() == expected.keys()
    for name, values in expected.items():
        assert torch.equal(found[name], values), name


@pytest.mark.parametrize("data", DATA.values(), ids=DATA.keys())
@pytest.mark.parametrize("workers", [1, 3])
def test_batches_are_the_same_with_any_number_of_workers_and_from_memory(data, workers, pictures, array):
    held, lying = (Batches(data(pictures, array, keep), batch_size=5, seed=2) for keep in ("memory", "disk"))
    assert lying.is_costly
    assert held.steps_per_epoch == 3
    onward = list(range(10))  # three epochs and more
    resumed, back, stage = [7, 8, 9], [2, 3], [30, 31, 31, 30]
    with read_ahead(lying, workers) as ahead:
        for step in onward + resumed + back + stage:
            expected = held.batch(step)
            assert_same(lying.batch(step), expected)
            assert_same(ahead.batch(step), expected)
    with read_ahead(lying, workers) as ahead:  # as a resumed run begins
        assert_same(ahead.batch(8), held.batch(8))


def test_a_stream_and_an_epoch_are_those_of_the_batches(array):
    batches = Batches(of_array(None, array, "disk"), batch_size=5)
    with read_ahead(batches, 2) as ahead:
        for found, expected in zip(ahead.epoch(1), batches.epoch(1), strict=True):
            assert_same(found, expected)
        stream = ahead.stream(4)
        assert_same(next(stream), batches.batch(4))
        assert_same(next(stream), batches.batch(5))
        assert (ahead.rows, ahead.batch_size, ahead.steps_per_epoch) == (17, 5, 3)


@pytest.mark.parametrize("data", [of_pictures, of_array])
def test_a_set_read_row_by_row_is_the_set_read_whole(data, pictures, array):
    held, lying = data(pictures, array, "memory"), data(pictures, array, "disk")
    assert held.contract == lying.contract
    for split, count in held.contract.splits.items():
        assert held.is_kept(split)
        assert not lying.is_kept(split)
        whole = held.stored(split)
        rows = torch.tensor([count - 1, 0, 2, 0])
        assert_same(lying.read(split, rows), {name: values[rows] for name, values in whole.items()})
        assert_same(held.read(split, rows), {name: values[rows] for name, values in whole.items()})
        assert_same(lying.head(split, 3), {name: values[:3] for name, values in held.split(split).items()})
        assert_same(lying.split(split), held.split(split))
        inorder = [Batches(each, split=split, batch_size=3, drop_last=False, shuffle=False) for each in (held, lying)]
        for one, other in zip(*(batches.epoch() for batches in inorder), strict=True):
            assert_same(one, other)


def test_auto_holds_what_has_room(pictures, array, monkeypatch):
    source = of_pictures(pictures, array, "auto")
    assert source.is_kept("train")
    row = 4 * 3 * 5 * 4 + 8 + 8  # x in float32, y and index in int64
    monkeypatch.setattr("runners.datasets.source.ROOM", 16 * row)  # the training rows but for validation are 17
    assert not source.is_kept("train")
    assert source.is_kept("test")


def test_rows_that_do_not_lie_where_they_can_be_found_are_not_left_on_the_disk(pictures, tmp_path):
    archive = shutil.make_archive(str(tmp_path / "set"), "zip", pictures)
    with pytest.raises(BadOption, match="is an archive, which is read whole: unpack it"):
        open_source("images", {"root": archive, "keep": "disk"})
    assert open_source("images", {"root": archive}).is_kept("train")
    np.savez(tmp_path / "x.npz", x=np.zeros((4, 2)))
    with pytest.raises(BadOption, match=r"`keep: disk` reads the rows of `\.npy` files"):
        open_source("arrays", {"train": str(tmp_path / "x.npz"), "keep": "disk"})


def test_an_array_larger_than_memory_is_read_from_the_disk(array, monkeypatch):
    monkeypatch.setattr("os.sysconf", lambda name: 16)
    assert of_array(None, array, "disk").contract.splits["train"] == 17
    with pytest.raises(BadOption, match="this machine has 256 of memory"):
        of_array(None, array, "memory")


def test_a_value_that_is_not_finite_is_named_by_its_row_in_the_file(tmp_path):
    values = np.zeros((12, 2), dtype=np.float32)
    values[7, 1] = np.nan
    np.save(tmp_path / "x.npy", values)
    source = open_source("arrays", {"train": str(tmp_path / "x.npy"), "keep": "disk", "validation": 0.25})
    with pytest.raises(Unreadable, match="`x` of `train` is not finite in row 7"):
        for split in ("train", "validation"):
            source.read(split, torch.arange(source.rows(split)))


# --- what goes wrong, and what is left


def steps_until_it_fails(batches):
    step = 0
    try:
        while step < 50:
            batches.batch(step)
            step += 1
    except Unreadable as error:
        return step, str(error)
    return step, None


@pytest.mark.parametrize("workers", [1, 3])
def test_a_broken_picture_fails_the_step_that_asks_for_it(workers, pictures, tmp_path):
    root = shutil.copytree(pictures, tmp_path / "set")
    batches = Batches(open_source("images", {"root": str(root), "keep": "disk"}), batch_size=2)
    late = int(batches.batch(6)["index"][0])  # of the 7th batch
    sorted((root / "train").rglob("*.png"))[late].write_bytes(b"no picture")
    expected = steps_until_it_fails(batches)
    assert expected[0] == 6
    assert "is no PNG or JPEG picture" in expected[1]
    with read_ahead(batches, workers) as ahead:
        assert steps_until_it_fails(ahead) == expected


class Counted(Batches):
    """Notes which batches were made, and waits at a gate before one of them."""

    def __init__(self, *given, **options):
        super().__init__(*given, **options)
        self.made, self.gate, self.closed = [], threading.Event(), None

    def batch(self, step):
        if step == self.closed:
            assert self.gate.wait(20)
        found = super().batch(step)
        self.made.append(step)
        return found


def counted():
    return Counted(open_source("digits", {"flip": True}), batch_size=8)


def wait_until(true):
    until = time.monotonic() + 20
    while not true():
        assert time.monotonic() < until
        time.sleep(0.002)


def test_the_next_batches_are_read_while_nobody_asks_and_each_once():
    batches = counted()
    with read_ahead(batches, 2) as ahead:
        ahead.batch(3)
        wait_until(lambda: sorted(batches.made) == list(range(3, 4 + 2 * AHEAD)))
        for step in range(3, 12):
            ahead.batch(step)
        wait_until(lambda: sorted(batches.made) == list(range(3, 12 + 2 * AHEAD)))


def test_what_waits_is_let_go_where_another_step_is_asked_for():
    batches = counted()
    batches.closed = 1
    with read_ahead(batches, 1) as ahead:
        ahead.batch(0)
        threading.Timer(0.05, batches.gate.set).start()
        ahead.batch(20)  # batch 1 is under way, batch 2 has not begun
        wait_until(lambda: sorted(batches.made) == [0, 1, 20, 21, 22])


def left():
    return [thread for thread in threading.enumerate() if thread.name.startswith("reading")]


def handles():
    return {link: link.readlink() for link in Path("/proc/self/fd").iterdir() if link.exists()}


def test_nothing_is_left_after_the_end_or_an_error(pictures):
    batches = Batches(open_source("images", {"root": str(pictures), "keep": "disk"}), batch_size=4)
    before = handles()
    for ends in (True, False):
        try:
            with read_ahead(batches, 3) as ahead:
                ahead.batch(0)
                assert left()
                if not ends:
                    raise KeyboardInterrupt
        except KeyboardInterrupt:
            pass
        assert not left()
        assert handles() == before
    assert_same(ahead.batch(1), batches.batch(1))  # and it reads by itself
    assert not left()


def test_threads_leave_signals_to_the_main_one():
    with read_ahead(counted(), 1) as ahead:
        ahead.batch(0)
        (thread,) = left()
        lines = Path(f"/proc/self/task/{thread.native_id}/status").read_text().splitlines()
        (blocked,) = [int(line.split()[1], 16) for line in lines if line.startswith("SigBlk:")]
        for number in (1, 2, 15):  # SIGHUP, SIGINT, SIGTERM
            assert blocked >> (number - 1) & 1


def test_what_costs_nothing_and_what_reads_by_itself_is_left_alone():
    cheap = Batches(open_source("digits", {}), batch_size=8)
    dear = Batches(open_source("digits", {"flip": True}), batch_size=8)
    loader = from_loader([torch.ones(2)])
    for batches, workers in ((cheap, 2), (loader, 2), (dear, 0)):
        with read_ahead(batches, workers) as given:
            assert given is batches
    with read_ahead(dear, 2) as given:
        assert isinstance(given, ReadAhead)


def test_rows_that_are_not_as_promised_are_refused():
    fields = open_source("toy.moons", {"size": 8}).contract.fields
    promised = {name: field for name, field in fields.items() if name == "x"}

    def read(split, rows):
        return {"x": torch.zeros(1, 2)}

    source = Source(promised, {"train": 8}, lambda split: {}, read=read, keep="disk")
    with pytest.raises(ValueError, match=r"was promised as float32 \(2, 2\), but it is float32 \(1, 2\)"):
        source.read("train", torch.tensor([0, 1]))
