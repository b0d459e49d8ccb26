"""Progress: a bar on a terminal, a plain line now and then elsewhere, nothing when quiet.   All of it on stderr."""

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

from rich.console import Console

if TYPE_CHECKING:
    from rich.progress import Progress as Bar
    from rich.progress import TaskID

__all__ = ["Progress"]

BAR_SECONDS, LINE_SECONDS = 0.2, 10.0
ENOUGH = 20  # steps after which the time that a stage takes is estimated


class Progress:
    """Shows how far a stage is, at what rate, with its last losses.   `step` costs a look at the clock, no more."""

    def __init__(self, *, quiet: bool = False, console: Console | None = None) -> None:
        self.console = console or Console(stderr=True, quiet=quiet)
        self._quiet = quiet
        self._draw: Callable[[int], None] = self._line
        self._bar: Bar | None = None
        self._task: TaskID | None = None
        self._losses = ""
        self._every = LINE_SECONDS
        self._next = 0.0

    def say(self, text: str) -> None:
        """A line for the user, above the bar if there is one.   A reader who has gone does not end the run."""
        with suppress(OSError):
            if self._bar is not None:
                self.console.print(text, markup=False, highlight=False, soft_wrap=True)
            elif not self._quiet:
                print(text, file=self.console.file, flush=True)

    def start(self, stage: str, done: int, steps: int) -> None:
        """Begin to show a stage that has done `done` of `steps`."""
        self._stage, self._first, self._steps = stage, done, steps
        self._since = time.monotonic()
        self._losses = ""
        self._estimated = done + ENOUGH
        if self._quiet:
            self._next = float("inf")
        elif self.console.is_terminal:
            self._open_bar(stage, done, steps)
            self._draw, self._every, self._next = self._refresh, BAR_SECONDS, 0.0
        else:
            self._next = self._since + self._every

    def step(self, done: int) -> None:
        """Tell that `done` steps are done; draws only when it is time."""
        now = time.monotonic()
        if done == self._estimated:
            self._estimate(done)
        if now >= self._next:
            self._next = now + self._every
            self._draw(done)

    def _estimate(self, done: int) -> None:
        """Say how long the stage will take, if that is longer than until the next line."""
        speed = self._speed(done)
        if speed and not self._quiet and (self._steps - done) / speed > LINE_SECONDS:
            self.say(f"{self._stage}: about {self._left(done)}, after {ENOUGH} steps at {self._rate(done)}")

    def losses(self, terms: Mapping[str, float]) -> None:
        """The numbers to show from now on."""
        shown = [f"{name.split('/', 1)[-1]} {number:.4g}" for name, number in list(terms.items())[:4]]
        self._losses = "  ".join(shown)

    def stop(self, done: int | None = None) -> None:
        """End the stage, or the run."""
        if self._bar is not None:
            if done is not None:
                self._refresh(done)
            with suppress(OSError):
                self._bar.stop()
            self._bar = None
        elif done is not None and not self._quiet:
            self._line(done)

    def _open_bar(self, stage: str, done: int, steps: int) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn  # on use: a terminal
        from rich.progress import Progress as RichProgress

        columns = (
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(), TextColumn("{task.fields[losses]}"),
        )  # fmt: skip
        self._bar = RichProgress(*columns, console=self.console, auto_refresh=False)
        self._task = self._bar.add_task(stage, total=steps, completed=done, rate="", losses="")
        self._bar.start()

    def _refresh(self, done: int) -> None:
        assert self._bar is not None and self._task is not None
        with suppress(OSError):  # a terminal that is gone
            self._bar.update(self._task, completed=done, rate=self._rate(done), losses=self._losses, refresh=True)

    def _line(self, done: int) -> None:
        facts = [f"{done:,}/{self._steps:,} steps", self._rate(done), self._left(done), self._losses]
        self.say(f"{self._stage}: {'  '.join(fact for fact in facts if fact)}")

    def _rate(self, done: int) -> str:
        speed = self._speed(done)
        return f"{speed:{',.0f' if speed >= 100 else '.3g'}} steps/s" if speed else ""

    def _left(self, done: int) -> str:
        """How long the rest of the stage takes at this rate; at its end, how long it took."""
        speed = self._speed(done)
        if done >= self._steps:
            return f"in {_clock(time.monotonic() - self._since)}"
        return f"{_clock((self._steps - done) / speed)} left" if speed else ""

    def _speed(self, done: int) -> float:
        seconds = time.monotonic() - self._since
        return (done - self._first) / seconds if seconds > 0 and done > self._first else 0.0


def _clock(seconds: float) -> str:
    """Seconds as `m:ss` or `h:mm:ss`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
