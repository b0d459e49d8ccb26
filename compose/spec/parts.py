"""The smaller records of a spec: data sources, blocks, programs, functions, options of a run."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import Field, PrivateAttr

from compose.diagnostics import Span
from compose.expressions import Expression
from compose.spec.fields import Choice, Flag, Formula, Raw, Whole, WholeOrZero, Word
from compose.spec.records import Record

__all__ = ["BlockDeclaration", "DataSource", "Function", "Program", "RunOptions", "Weights"]

BATCH_SIZE = 128
PRECISIONS = ("32", "64", "16-mixed", "bf16-mixed", "16-true", "bf16-true")
PREEMPTIONS = ("none", "SIGUSR1", "SIGUSR2", "SIGTERM", "SIGXCPU")
STRATEGIES = ("auto", "ddp", "sharded", "fsdp")
ON_NAN = ("stop", "rollback")
DEVICES = ("auto", "cpu", "gpu", "cuda", "mps", "tpu")


class DataSource(Record):
    """One source of data: its registered name, the batch size, and the options of the source itself."""

    noun: ClassVar[str] = "a data source"
    examples: ClassVar[Mapping[str, str]] = {"source": "source: digits"}
    source: Word
    batch_size: Whole = BATCH_SIZE
    options: dict[str, Raw] = Field(default_factory=dict)


class Weights(Record):
    """Where a block's weights come from: a block of a finished run, or a file."""

    noun: ClassVar[str] = "weights"
    examples: ClassVar[Mapping[str, str]] = {"file": "file: PATH"}
    run: Word | None = None
    block: Word | None = None
    file: Word | None = None


class BlockDeclaration(Record):
    """A block: its kind, and the options that the kind's signature lists (raw, for the compiler to read)."""

    noun: ClassVar[str] = "a block"
    examples: ClassVar[Mapping[str, str]] = {"kind": "kind: encoder.mlp"}
    kind: Word
    weights: Weights | None = None
    trainable: Flag = True
    like: Word | None = None
    options: dict[str, Raw] = Field(default_factory=dict)


class Program(Record):
    """Named lines, evaluated in order; as a model, the last one is observed."""

    noun: ClassVar[str] = "a program"
    lines: dict[str, Formula]

    def line_span(self, line: str, key: bool = False) -> Span:
        """Where a line stands, or its name."""
        return self.span(line, key=key)


class Function(Record):
    """A program or expression with parameters, declared by a key such as `denoise(x_t, t)`."""

    noun: ClassVar[str] = "a function"
    name: str
    parameters: tuple[str, ...]
    defaults: dict[str, Formula] = Field(default_factory=dict)
    body: Any  # Expression | Program
    _spans: dict[str, Span] = PrivateAttr(default_factory=dict)

    @property
    def parameter_spans(self) -> dict[str, Span]:
        """Where each parameter is declared; empty if the function was made in Python."""
        return self._spans

    @property
    def lines(self) -> dict[str, Expression]:
        """The lines of the body; one without a name, "", if it is an expression."""
        return self.body.lines if isinstance(self.body, Program) else {"": self.body}


class RunOptions(Record):
    """How a run is made: everything that is not the model, its data or its training."""

    noun: ClassVar[str] = "`run`"
    examples: ClassVar[Mapping[str, str]] = {"seed": "seed: 0"}
    seed: WholeOrZero = 0
    precision: Annotated[str, Choice(PRECISIONS)] = "32"
    device: Annotated[str, Choice(DEVICES)] = "auto"
    devices: Whole = 1
    nodes: Whole = 1
    strategy: Annotated[str, Choice(STRATEGIES)] = "auto"
    out: Word | None = None
    log_every: Whole = 50
    checkpoint_every: Whole = 1000
    sample_every: Whole | None = None
    threads: Whole | None = None
    workers: WholeOrZero = 0
    accumulate: Whole = 1
    compile: Flag = False
    tune: Flag = False
    preemption: Annotated[str, Choice(PREEMPTIONS)] = "none"
    on_nan: Annotated[str, Choice(ON_NAN)] = "stop"
    rollbacks: WholeOrZero = 3
