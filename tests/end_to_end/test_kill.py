"""Real kills: the process is shot at random instants, and the same command goes on, as if nothing had been."""

import random

import pytest

from tests.end_to_end.remains import assert_same_remains
from tests.end_to_end.systems import SYSTEMS
from tests.thinning import thinned

KILLED = -9
SAVE = range(56, 72)
"""Changes of files of the run of `vaebm`: step 5 is saved, step 3 removed, and the stage's picture made."""


def file_kill(dice, folder):
    """Shot just before one of its next changes of a file: within a save, a rename, a removal, a line of the record."""
    return {"at": [dice.randint(1, 60)], "within": folder}


def clock_kill(dice, _folder):
    return {"stops": [(dice.uniform(0.2, 2.5), 9)]}


def endure(forker, spec, folder, kills, dice):
    """Kill runs of a spec until `kills` have died, resuming each; the folders of all that finished."""
    finished, died, status = [], 0, KILLED
    while died < kills or status == KILLED:
        here = folder / f"run-{len(finished)}"
        kill = (file_kill, clock_kill)[dice.random() < 0.3](dice, here) if died < kills else {}
        status, said = forker.run("run", spec, "--out", here, **kill)
        assert status in (0, KILLED), said
        died += status == KILLED
        if status == 0:
            finished.append(here)
    return finished


@pytest.mark.parametrize(
    ("system", "kills"),
    thinned([("vaebm", 5), *((name, 13) for name in SYSTEMS)], every=len(SYSTEMS) + 1),
)
def test_a_run_that_is_shot_goes_on_bit_for_bit(system, kills, forker, whole_run, tmp_path):
    spec, whole = whole_run(system)
    for folder in endure(forker, spec, tmp_path, kills, random.Random(kills)):
        assert_same_remains(folder, whole)


@pytest.mark.slow
def test_fifty_shots_at_instants_of_the_clock(forker, whole_run, tmp_path):
    """Most fall before the first step, into a step or into a picture: where a run spends its time."""
    dice, died, folders = random.Random(50), 0, []
    spec, whole = whole_run("vaebm")
    while died < 50:
        folders.append(tmp_path / f"run-{len(folders)}")
        status = KILLED
        while status == KILLED:
            stops = [(dice.uniform(0.0, 3.0), 9)] if died < 50 else []
            status, said = forker.run("run", spec, "--out", folders[-1], stops=stops)
            assert status in (0, KILLED), said
            died += status == KILLED
    for folder in folders:
        assert_same_remains(folder, whole)


@pytest.mark.parametrize(
    "at", [62, 65, *(pytest.param(at, marks=pytest.mark.slow) for at in SAVE if at not in (62, 65))]
)
def test_a_shot_before_each_change_of_a_save(at, forker, whole_run, tmp_path):
    """Its folder and files made, the rename (62), the removals of the checkpoint that is no longer kept (63 to 67)."""
    spec, whole = whole_run("vaebm")
    status, said = forker.run("run", spec, "--out", tmp_path / "run", at=[at], within=tmp_path / "run")
    assert status == KILLED, said
    status, said = forker.run("run", spec, "--out", tmp_path / "run")
    assert status == 0, said
    assert_same_remains(tmp_path / "run", whole)
