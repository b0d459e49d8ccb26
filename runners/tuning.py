"""How programs run: settled before a stage's first step, and kept in `tuning.json` for when the run goes on.

`run.compile`   each that can be is compiled
`run.tune`      each that is faster so, by timing both on the first batch; before that, how convolutions lie in memory
                and which library multiplies in linear layers

    {"stage1/layout": {"chosen": "channels_last", "milliseconds": {"contiguous": 9.0, "channels_last": 7.1}},
     "stage1/linear": {"chosen": "blas", "milliseconds": {"blas": 7.1, "onednn": 8.2}},
     "stage1/update1": {"way": "whole", "chosen": "compiled", "milliseconds": {"eager": 2.1, "compiled": 1.4}}, ..}
"""

import json
import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import nn

from compose.program import Program
from compose.spec import RunOptions
from runners.checkpoints import write_atomically
from runners.compilation import compiled, compiling, way_of_program
from runners.linears import BACKENDS
from runners.state import RunFailed
from runners.stops import deaf

__all__ = ["LAYOUTS", "Tuning", "fastest", "has_kernel", "lay_out", "tuning_of", "undone"]

ROUNDS = 7
"""Of both candidates, turn about; each round calls each `CALLS` times."""
CALLS = 3
SETTING_ROUNDS = 3
"""Of settings, which take seconds to set: programs are made anew."""
WORTH = 0.97
"""What compiling must save to be chosen: less is noise."""

LAYOUTS = {"contiguous": torch.contiguous_format, "channels_last": torch.channels_last}
CHOICES = ("eager", "compiled", *LAYOUTS, *BACKENDS)
IMAGES = 4
"""Axes of the kernel of a convolution over images."""

Trial = Callable[[Program], object]
"""One call of a program as training makes it, after which no gradient is left."""
Agree = Callable[[Any], Any]
"""What every process is told: the first one's word."""


def _itself(word: Any) -> Any:  # noqa: ANN401  a choice, as `tuning.json` has it
    return word


class Tuning:
    """What was chosen for each program, by its name.   `measures`: by time, else compiled wherever that works.

    Without `say` nothing is told, and nothing written: another process of the run does both.
    """

    def __init__(self, path: Path, say: Callable[[str], None] | None, *, measures: bool) -> None:
        self.path, self.measures = path, measures
        self._say, self._writes = say or _silent, say is not None
        self.choices: dict[str, dict[str, Any]] = _read(path)

    def settle(self, name: str, program: Program, trial: Trial, agree: Agree = _itself) -> Program:
        """The program of that name as it is to run from now on.

        `agree` gives every process what the first one says. Raises RunFailed if what was chosen before cannot be made
        here, or the choice not be kept.
        """
        made = compiled(program)
        if made is program:
            return program
        before = agree(self.choices.get(name))
        if before is not None and before["chosen"] == "eager":
            return program
        self._say(f"{name} is being compiled ..")
        began = time.monotonic()
        failure = _failure(lambda: trial(made))
        if before is not None:
            if failure is not None:
                raise RunFailed(
                    f"`{name}` ran compiled so far ({self.path}), and cannot be compiled here: {failure}; "
                    "`--set run.compile=false --set run.tune=false` goes on without, which changes the last digits"
                )
            return made
        spent = time.monotonic() - began
        choice: dict[str, Any] = {"way": way_of_program(program), "chosen": "eager"}
        if failure is not None:
            choice["failure"] = failure
        elif self.measures:
            taken = fastest({"eager": lambda: trial(program), "compiled": lambda: trial(made)})
            choice["milliseconds"] = _rounded(taken)
            choice["chosen"] = "compiled" if taken["compiled"] < WORTH * taken["eager"] else "eager"
        else:
            choice["chosen"] = "compiled"
        choice = agree(choice)
        self.choices[name] = choice
        self._keep()
        self._say(_told(name, choice, spent))
        return made if choice["chosen"] == "compiled" else program

    def settle_setting(
        self,
        name: str,
        settings: Mapping[str, Callable[[], object]],
        trial: Callable[[], object],
        agree: Agree = _itself,
    ) -> None:
        """Set one of two ways of computing, the first of which stands: the other if it is faster; measured once."""
        if not self.measures:
            return
        usual, other = settings
        stands, choice = usual, agree(self.choices.get(name))

        def put(setting: str) -> None:
            nonlocal stands
            settings[setting]()
            stands = setting

        if choice is None:
            taken = fastest(dict.fromkeys(settings, trial), put, SETTING_ROUNDS)
            chosen = other if taken[other] < WORTH * taken[usual] else usual
            choice = agree({"chosen": chosen, "milliseconds": _rounded(taken)})
            self.choices[name] = choice
            self._keep()
            shown = ", ".join(f"{value:.3g} ms {setting}" for setting, value in choice["milliseconds"].items())
            self._say(f"{name}: {choice['chosen']} ({shown})")
        if choice["chosen"] != stands:  # to set one may mean to make all programs anew
            put(choice["chosen"])

    def _keep(self) -> None:
        if not self._writes:
            return
        try:
            write_atomically(self.path, (json.dumps(self.choices, indent=1) + "\n").encode())
        except OSError as problem:
            raise RunFailed(f"{self.path} cannot be written: {problem.strerror}") from None


def tuning_of(asked: RunOptions, folder: Path, say: Callable[[str], None] | None = None) -> Tuning | None:
    """What a spec's `run` asks for; None if programs are to run as they are.   Without `say`: another process's."""
    if not (asked.tune or asked.compile):
        return None
    return Tuning(folder / "tuning.json", say, measures=asked.tune)


def has_kernel(parameters: Iterable[nn.Parameter]) -> bool:
    """Whether one is the kernel of a convolution over images."""
    return any(parameter.dim() == IMAGES for parameter in parameters)


def lay_out(parameters: Iterable[nn.Parameter], layout: str) -> None:
    """Let the kernels of convolutions lie so in memory; their values stay."""
    for parameter in parameters:
        if parameter.dim() == IMAGES:
            parameter.data = parameter.data.contiguous(memory_format=LAYOUTS[layout])


def fastest(
    sides: Mapping[str, Callable[[], object]],
    prepare: Callable[[str], object] = lambda _name: None,
    rounds: int = ROUNDS,
) -> dict[str, float]:
    """Seconds of a call of each side, after `prepare(name)`: the median over rounds, in which they take turns."""
    taken: dict[str, list[float]] = {name: [] for name in sides}
    for at in range(rounds):
        for name, call in list(sides.items())[:: -1 if at % 2 else 1]:
            prepare(name)
            began = time.perf_counter()
            for _ in range(CALLS):
                call()
            taken[name].append((time.perf_counter() - began) / CALLS)
    return {name: statistics.median(values) for name, values in taken.items()}


@contextmanager
def undone(modules: nn.Module) -> Iterator[None]:
    """Within, programs may be called at will: statistics and torch's own generator are then as before."""
    kept = [(buffer, buffer.clone()) for buffer in modules.buffers()]
    with torch.random.fork_rng(devices=[]):
        try:
            yield
        finally:
            with torch.no_grad():
                for buffer, value in kept:
                    buffer.copy_(value)


def _failure(call: Callable[[], object]) -> str | None:
    """Why a program cannot be compiled, in a line; None if it can.   What makes its kernels hears no signals."""
    from torch._dynamo.exc import TorchDynamoException
    from torch._inductor.exc import InductorError

    try:
        with deaf(), compiling():
            call()
    except (TorchDynamoException, InductorError) as error:
        return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
    return None


def _rounded(taken: Mapping[str, float]) -> dict[str, float]:
    return {side: round(1e3 * seconds, 4) for side, seconds in taken.items()}


def _silent(_text: str) -> None:
    """Nobody is told."""


def _told(name: str, choice: Mapping[str, Any], spent: float) -> str:
    if "failure" in choice:
        return f"{name} runs eagerly, for it cannot be compiled: {choice['failure']}"
    what = "whole" if choice["way"] == "whole" else "in the bodies of its loops"
    if "milliseconds" not in choice:
        return f"{name} is compiled {what} ({spent:.0f} s)"
    eager, made = (choice["milliseconds"][side] for side in ("eager", "compiled"))
    kept = f"compiled {what}" if choice["chosen"] == "compiled" else "eagerly"
    return f"{name} runs {kept}: {made:.3g} ms compiled, {eager:.3g} ms not ({spent:.0f} s to compile)"


def _read(path: Path) -> dict[str, dict[str, Any]]:
    if not path.exists():
        return {}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return {name: choice for name, choice in found.items() if choice["chosen"] in CHOICES}
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        raise RunFailed(
            f"{path} is damaged: without it the run cannot go on as it began; remove it to choose anew"
        ) from None
