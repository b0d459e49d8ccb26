"""A small system made by hand, for the runner's tests: two stages, an average, a memory, a lazy term and so on."""

import torch
from torch import Tensor, fx, nn

from compose.program import CompiledSampler, CompiledStage, CompiledUpdate, Input, Leaf, Program
from compose.spec import Stage, parse_spec
from compose.views import view_of
from runners.run import Options, run
from runners.saving import Intervals

OUTPUTS = {"terms": {}, "monitor": {}, "write": {}}


SPEC = """
compose: 1
name: small
params: {fast: 0.02}
data: {source: toy.moons, batch_size: 8}
stages:
  - name: fit
    steps: 6
    updates:
      - name: fit
        minimize:
          error: the_error
          size: {value: the_size, every: 4}
        monitor: {width: the_width}
        write: {memory: the_guess}
        ema: {generator: 0.9}
        gradients: {norm: 5.0}
        optimizer: {lr: "linear(0.01, 0.005)"}
  - name: play
    steps: 6
    shared: [mixed]
    updates:
      - name: judge
        train: [critic]
        minimize: {contrast: the_contrast}
        times: 2
        batch: next
        optimizer: {lr: fast, betas: [0.5, 0.9], weight_decay: 1e-4}
        project: {critic: {clip: 0.5}}
      - name: deceive
        train: [generator]
        minimize: {adversarial: the_fooling}
        every: 2
        ema: {generator: 0.8}
        gradients: {sigma: 3.0}
samplers:
  default: ~the_model
"""


class Ring(nn.Module):
    """The last rows that were written."""

    def __init__(self, size: int = 16, width: int = 2) -> None:
        super().__init__()
        self.register_buffer("rows", torch.zeros(size, width))
        self.register_buffer("at", torch.zeros((), dtype=torch.int64))

    def write(self, rows: Tensor) -> None:
        places = (self.at + torch.arange(len(rows))) % len(self.rows)
        self.rows[places] = rows.to(self.rows.dtype)
        self.at += len(rows)

    def forward(self, count: int) -> Tensor:
        return self.rows[:count]


class Fit(nn.Module):
    """Stage one: denoise; remember some rows."""

    def __init__(self, blocks: nn.ModuleDict, lazy: bool) -> None:
        super().__init__()
        self.generator, self.lazy = blocks["generator"], lazy

    def forward(self, x: Tensor, eps: Tensor, progress: Tensor) -> dict:
        guess = self.generator(x + 0.1 * eps)
        error = ((guess - x) ** 2).sum(1).mean() * (1 + progress)
        terms = {"error": error}
        if self.lazy:
            terms["size"] = (self.generator[0].weight ** 2).sum()
        loss = sum(terms.values())
        return OUTPUTS | {
            "loss": loss,
            "terms": {name: value.detach() for name, value in terms.items()},
            "monitor": {"width": guess.detach().std()},
            "write": {"memory": guess.detach()},
        }


class Judge(nn.Module):
    """Stage two, first update: the critic against data, samples and the memory."""

    def __init__(self, blocks: nn.ModuleDict) -> None:
        super().__init__()
        self.generator, self.critic = view_of(blocks["generator"], constant=True, training=True), blocks["critic"]
        self.memory = blocks["memory"]

    def forward(self, x: Tensor, eps: Tensor, mixed: Tensor) -> dict:
        real, made = self.critic(x + mixed), self.critic(self.generator(eps) + 0.1 * self.memory(8))
        loss = nn.functional.softplus(-real).mean() + nn.functional.softplus(made).mean()
        return OUTPUTS | {"loss": loss, "terms": {"contrast": loss.detach()}}


class Deceive(nn.Module):
    """Stage two, second update: the generator against the critic."""

    def __init__(self, blocks: nn.ModuleDict) -> None:
        super().__init__()
        self.generator, self.critic = blocks["generator"], view_of(blocks["critic"], constant=True, training=False)

    def forward(self, eps: Tensor, t: Tensor) -> dict:
        loss = nn.functional.softplus(-self.critic(self.generator(eps) / t.unsqueeze(1))).mean()
        return OUTPUTS | {"loss": loss, "terms": {"adversarial": loss.detach()}}


class Share(nn.Module):
    def forward(self, x: Tensor, fresh: Tensor) -> dict:
        return {"mixed": 0.5 * (x + fresh)}


class Sampler(nn.Module):
    def __init__(self, blocks: nn.ModuleDict) -> None:
        super().__init__()
        self.generator = blocks["generator"]

    def forward(self, eps: Tensor, scale: float) -> dict:
        return {"value": self.generator(eps * scale)}


def program(module: nn.Module, *inputs: Input) -> Program:
    traced = fx.symbolic_trace(module)
    return Program(traced, inputs, traced.code)


def data(name: str) -> Input:
    return Input(name, "data")


def noise(name: str, law: str = "normal", event: tuple = (2,), high: int = 0) -> Input:
    return Input(name, "noise", Leaf(name, law, event, high))


class SmallSystem:
    """What the compiler would make of it."""

    def __init__(self, seed: int = 0, steps: int = 6, overrides: tuple[str, ...] = ()) -> None:
        torch.manual_seed(seed)
        mlp = lambda out: nn.Sequential(nn.Linear(2, 8), nn.BatchNorm1d(8), nn.Tanh(), nn.Linear(8, out))
        critic = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 1))
        self.blocks = nn.ModuleDict({"generator": mlp(2), "critic": critic, "memory": Ring()})
        self.averages = nn.ModuleDict({"generator": mlp(2)})
        self.needs_data = frozenset[str]()
        self.spec = parse_spec(SPEC, overrides=[f"stages.{at}.steps={steps}" for at in (0, 1)] + list(overrides))

    def stage(self, index: int, averaged: frozenset[str]) -> CompiledStage:
        spec = self.spec.stages[index]
        names = {"fit": self._fit, "play": self._play}
        return names[spec.name](spec, index)

    def _fit(self, spec: Stage, index: int) -> CompiledStage:
        def compiled(active: frozenset[str]) -> Program:
            inputs = data("x"), noise("eps"), Input("progress", "clock")
            return program(Fit(self.blocks, "size" in active), *inputs)

        (update,) = spec.all_updates()
        every = {name: term.every for name, term in update.minimize.items()}
        made = CompiledUpdate("fit", ("generator",), ("error", "size"), every, update, compiled)
        return CompiledStage("fit", index, spec, (made,))

    def _play(self, spec: Stage, index: int) -> CompiledStage:
        judge = lambda _active: program(Judge(self.blocks), data("x"), noise("eps"), Input("mixed", "shared"))
        deceive = lambda _active: program(Deceive(self.blocks), noise("eps"), noise("t", "integers", (), 4))
        first, second = spec.all_updates()
        updates = (
            CompiledUpdate("judge", ("critic",), ("contrast",), {}, first, judge),
            CompiledUpdate("deceive", ("generator",), ("adversarial",), {}, second, deceive),
        )
        return CompiledStage("play", index, spec, updates, program(Share(), data("x"), noise("fresh")))

    def path(self, name, averaged):
        return []

    def sampler(self, name: str, averaged: frozenset[str]) -> CompiledSampler:
        read = {block: (self.averages if block in averaged else self.blocks)[block] for block in self.blocks}
        blocks = nn.ModuleDict(read)
        made = program(Sampler(blocks), noise("eps"), Input("scale", "option", default=1.0))
        return CompiledSampler(name, made, conditional=False, options={"scale": 1.0})


class Rows:
    """Batches by number, each its own noise."""

    steps_per_epoch = 4

    def __init__(self) -> None:
        self.asked: list[int] = []

    def batch(self, step: int) -> dict[str, Tensor]:
        self.asked.append(step)
        return {"x": torch.randn(8, 2, generator=torch.Generator().manual_seed(step)) + 1.0}


def train(folder, system=None, *, batches=None, spec_text="name: small\n", log=1, checkpoint=0, sample=0, keep=2,
          precision="32", quiet=True, **others):  # fmt: skip
    """Run the small system, without a word unless it is not `quiet`."""
    intervals = Intervals(log=log, checkpoint=checkpoint, sample=sample, keep=keep)
    options = Options(seed=3, precision=precision, intervals=intervals, quiet=quiet)
    return run(system or SmallSystem(), batches or Rows(), folder, spec_text=spec_text, options=options, **others)


def everything(made) -> dict[str, Tensor]:
    """All tensors of a run, by name."""
    found = {f"{part}/{name}": value for part, group in made.state.tensors().items() for name, value in group.items()}
    return {name: value.clone() for name, value in found.items()}


def assert_same_bits(left: dict[str, Tensor], right: dict[str, Tensor]) -> None:
    assert left.keys() == right.keys()
    for name, value in left.items():
        assert torch.equal(value, right[name]), name
