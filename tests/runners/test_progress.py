"""What a run shows of how far it is."""

import io

import pytest
from rich.console import Console

from runners import progress
from runners.progress import Progress


@pytest.mark.parametrize(("steps", "shown"), [(10_840, "1,084 steps/s"), (1234, "123 steps/s"), (5, "0.5 steps/s")])
def test_a_rate_is_written_as_people_write_numbers(steps, shown, monkeypatch):
    clock = iter((0.0, 10.0, 10.0, 10.0, 10.0))
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    file = io.StringIO()
    told = Progress(console=Console(file=file))
    told.start("fit", 0, steps)
    told.stop(steps)
    assert f"  {shown}  " in file.getvalue()
