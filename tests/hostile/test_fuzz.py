"""Mutants of the library's specs: whatever they say, the answer is findings or success, never a traceback."""

import random
import time
from pathlib import Path

import pytest

from tests.hostile.mutants import mutant

LIBRARY = Path(__file__).resolve().parents[2] / "specs"
SPECS = [path.read_bytes() for path in sorted(LIBRARY.rglob("*.yaml"))]
OURS = ("import ", "exec ", "marshal.loads ")  # a mutant may name a kind whose module was not needed before
SECONDS, MEGABYTES = 2.0, 300.0  # of processor time; beyond what the harmless spec needs


@pytest.mark.parametrize(("seconds", "seed"), [(8, 0), pytest.param(600, 1, marks=pytest.mark.slow)])
def test_a_mutant_is_checked_or_refused(seconds, seed, watched, tmp_path):
    dice, end = random.Random(seed), time.monotonic() + seconds
    path = tmp_path / "mutant.yaml"
    while time.monotonic() < end:
        path.write_bytes(mutant(SPECS, dice))
        told = watched.check(path)
        shown = f"{path.read_bytes()!r}\n{told}"
        assert told["status"] in (0, 2), shown
        assert [harm for harm in told["harm"] if not harm.startswith(OURS)] == [], shown
        assert told["seconds"] < SECONDS, shown
        assert told["megabytes"] < MEGABYTES, shown
        assert (told["status"] == 2) == ("error[" in told["said"]), shown
