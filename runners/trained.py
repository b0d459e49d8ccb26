"""A run that has trained: drawn from, and measured.

run.sample("default", 16)     rows of a sampler; run.sample(16): of the first one
run.evaluate("test")          the lines of `evaluate`, each a value and its standard error
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from compose.diagnostics import SpecError
from compose.spelling import nearest
from runners.evaluate import Refusal, evaluate
from runners.given import Rows, data_of, handed_data
from runners.metrics import Estimate
from runners.progress import Progress
from runners.sampling import default_count, sample
from runners.state import Executable, RunState

__all__ = ["Run"]


@dataclass(repr=False)
class Run:
    """A run as it stands: its folder, its trained system, its state.   `finished` if all stages are done."""

    folder: Path
    executable: Executable
    state: RunState
    seed: int
    about: Mapping[str, Any]

    def __repr__(self) -> str:
        """Its name, folder, status, steps and figures, in a line."""
        figures = "".join(f", {name} {value:.5g}" for name, value in self.about.get("metrics", {}).items())
        steps = f"{self.state.run_step:,} step{'s' * (self.state.run_step != 1)}"
        return f"<run {self.spec.name} in {self.folder}: {self.about.get('status', 'new')}, {steps}{figures}>"

    @property
    def finished(self) -> bool:
        """Whether every stage is done."""
        return self.about.get("status") == "finished"

    @property
    def refused(self) -> Mapping[str, str]:
        """Why lines of `evaluate` have no figure, by name."""
        return self.about.get("refused", {})

    @property
    def spec(self) -> Any:  # noqa: ANN401  compose's Spec
        """The spec the system was compiled from."""
        return self.executable.spec

    @property
    def averaged(self) -> frozenset[str]:
        """The blocks that samplers read from their averages."""
        return frozenset(self.state.averaged)

    def reads(self, name: str) -> list[str]:
        """The fields of the data that a sampler reads."""
        program = self.executable.sampler(name, self.averaged).program
        return [given.name for given in program.inputs if given.kind == "data"]

    def sample(
        self,
        name: str | int = "default",
        count: int | None = None,
        *,
        seed: int | None = None,
        batch: Mapping[str, Tensor] | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> Tensor | dict[str, Tensor]:
        """`count` rows of a sampler, from averaged weights where they exist; the run's seed unless one is given.

        `sample(16)` is 16 rows of the first sampler.

        By default as many as fill a picture. `batch`: the rows that a conditional sampler reads, by field ({"x": x}).
        Raises ValueError for an unknown sampler or option, and for rows that are missing.
        """
        if isinstance(name, int):
            return self.sample(next(iter(self.spec.samplers), "default"), name, seed=seed, batch=batch, options=options)
        self._known("sampler", name, self.spec.samplers)
        if count is not None and count < 1:
            raise ValueError(f"cannot draw `{name}`: {count} is no count")
        count = count or default_count(self.executable, name, self.averaged)
        chosen = self.seed if seed is None else seed
        return sample(self.executable, name, count, chosen, averaged=self.averaged, batch=batch, options=options)

    def evaluate(
        self,
        split: str = "test",
        only: Collection[str] | None = None,
        *,
        seed: int | None = None,
        data: Rows | None = None,
        refused: Callable[[Refusal], None] | None = None,
    ) -> dict[str, Estimate]:
        """The lines of the spec's `evaluate` by name, all or `only` some: each a `value` and its standard `error`.

        On a `split` of the run's data, or on all rows of `data` (tensors by field, a .npy or .npz file). Where a metric
        refuses its values, `refused` is told why (by default on stderr), and the line is left out.
        Raises ValueError for an unknown split or line, SpecError where the run's data came from Python and are not
        handed over here.
        """
        for name in only or ():
            self._known("line of `evaluate`", name, self.spec.evaluate.lines)
        sources, fields = data_of(self.spec, self.about, data)
        if not sources:
            names = [name for name in fields if name != "index"]
            raise SpecError([handed_data(self.folder, "`evaluate`", "evaluate(data", names)])
        return evaluate(
            self.executable, sources, averaged=self.averaged, seed=self.seed if seed is None else seed,
            split=split if data is None else "train", only=only, refused=refused or _tell,
        )  # fmt: skip

    def _known(self, noun: str, name: str, known: Collection[str]) -> None:
        if name not in known:
            near = nearest(name, known)
            way = f"did you mean `{near}`?" if near else f"there are {', '.join(known) or 'none'}"
            raise ValueError(f"{self.folder} has no {noun} `{name}`; {way}")


def _tell(refusal: Refusal) -> None:
    Progress().say(str(refusal))
