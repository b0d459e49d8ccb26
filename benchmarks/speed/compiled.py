"""The compiled side: each floor's system as a spec, trained by the runner with logging on, at the same sizes.

`ours(name, folder)` gives the closures to time and copies of its networks for the floor.
"""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import torch

from benchmarks.speed import floors
from blocks.types import Field
from compose.build import build
from compose.checks.training import resolve_training
from compose.compiler import Executable, compile_composition
from compose.spec import parse_spec
from runners.batches import Batches
from runners.folder import RunFolder
from runners.inputs import Inputs
from runners.logs import Record
from runners.loop import Loop
from runners.progress import Progress
from runners.run import Options, prepare
from runners.saving import Intervals
from runners.signals import Signals
from runners.stages import StageRun, plan_stages
from runners.tuning import Tuning

__all__ = ["SYSTEMS", "Pair", "pair"]


class System(NamedTuple):
    """A floor's system as a spec: its text, the event of x, the networks both sides share, the floor."""

    text: str
    event: tuple[int, ...]
    networks: tuple[str, ...]
    floor: Callable[..., floors.Floor]
    sampler: bool = False


class Pair(NamedTuple):
    """Two closures that do the same work, and the calls after which the work repeats."""

    ours: Callable[[], object]
    floor: Callable[[], object]
    period: int


def pair(name: str, folder: Path, *, tune: bool = False) -> Pair:
    """The compiled system called `name` and its floor, on copies of the same networks; with `run.tune`, if asked."""
    system = SYSTEMS[name]
    executable = _compiled(system)
    floor = system.floor(*[copy.deepcopy(executable.blocks[network]) for network in system.networks])
    if system.sampler:
        return Pair(_sampling(executable, floor.samples), floor.step, floor.period)
    return Pair(_training(executable, floor.batch["x"], folder, tune=tune), floor.step, floor.period)


def _compiled(system: System) -> Executable:
    spec = parse_spec(system.text, "benchmark.yaml")
    composition, findings = build(spec, {"x": Field(system.event)})
    assert not findings, findings
    resolve_training(composition)
    torch.manual_seed(0)
    return compile_composition(composition)


def _training(executable: Executable, x: torch.Tensor, folder: Path, *, tune: bool) -> Callable[[], object]:
    """One step of the runner's loop, with its logs and checks, but no checkpoint and no picture."""
    options = Options(quiet=True, intervals=Intervals(log=50, checkpoint=10**9, checkpoint_seconds=1e9))
    batches = Batches({"x": x.repeat(floors.BATCHES, *[1] * (x.dim() - 1))}, batch_size=len(x))
    session = prepare(executable, batches, options)
    home = RunFolder(folder)
    home.path.mkdir(parents=True, exist_ok=True)
    if tune:
        session.tuning = Tuning(home.path / "tuning.json", lambda _said: None, measures=True)
    loop = Loop(session, home, Record(home.path, 0, print), Progress(quiet=True), Signals(), options.intervals, {})
    plan = plan_stages(executable.spec.stages, batches.steps_per_epoch)[0]
    stage = StageRun(session, 0, plan)
    loop.progress.start(stage.name, 0, plan.steps)
    return lambda: loop._step(stage)


def _sampling(executable: Executable, count: int) -> Callable[[], object]:
    """One call of the default sampler's program, its noise drawn by name."""
    sampler = executable.sampler("default", frozenset())
    inputs = Inputs(sampler.program, 0, "default", dtype=torch.float32, device=torch.device("cpu"))

    def draw() -> object:
        with torch.no_grad():
            return sampler.program(inputs.values(count, {"x": torch.empty(count, 0)}))

    return draw


GLF = """
compose: 1
name: glf
data: {source: digits, batch_size: 256}
blocks:
  encoder: {kind: encoder.mlp, latent: 20, hidden: [256]}
  decoder: {kind: decoder.mlp, hidden: [256]}
  prior: {kind: flow.realnvp, couplings: 4, hidden: [64, 64]}
graph:
  z: encoder(x)
  x_hat: decoder(z)
stages:
  - steps: 1000000000
    minimize:
      reconstruction: squared_error(x_hat, x)
      prior_nll: -prior.log_prob(sg(z))
    optimizer: {lr: 1e-3, blocks: {prior: {weight_decay: 2e-5}}}
"""
VAE = """
compose: 1
name: vae
data: {source: digits, batch_size: 128}
blocks:
  encoder: {kind: encoder.mlp, latent: 20, hidden: [400], output: normal}
  decoder: {kind: decoder.mlp, hidden: [400], output: normal}
graph:
  q: encoder(x)
  z: ~q
  px: decoder(z)
stages:
  - steps: 1000000000
    minimize:
      reconstruction: -px.log_prob(x)
      kl: kl(q, normal)
"""
IWAE = """
compose: 1
name: iwae
data: {source: digits, batch_size: 32}
blocks:
  encoder: {kind: encoder.mlp, latent: 8, hidden: [128], output: normal}
  decoder: {kind: decoder.mlp, hidden: [128], output: normal}
graph:
  q: repeat(encoder(x), 50)
  z: ~q
  log_weight: decoder(z).log_prob(repeat(x, 50)) + normal.log_prob(z) - q.log_prob(z)
stages:
  - steps: 1000000000
    minimize:
      bound: -logmeanexp(group(log_weight, 50))
"""
REALNVP = """
compose: 1
name: realnvp
data: {source: digits, batch_size: 256}
blocks:
  flow: {kind: flow.realnvp, couplings: 4, hidden: [64, 64]}
stages:
  - steps: 1000000000
    minimize:
      nll: -flow.log_prob(x)
"""
LANGEVIN = """
compose: 1
name: langevin
data: {source: digits, batch_size: 256}
blocks:
  energy: {kind: energy.mlp, hidden: [128, 128]}
samplers:
  default: ~langevin(energy, init=normal(like=x), steps=60, step_size=0.01)
"""
VAEBM = """
compose: 1
name: vaebm
data: {source: digits, batch_size: 256}
blocks:
  decoder: {kind: decoder.mlp, latent: 2, hidden: [128, 128], output: normal}
  energy: {kind: energy.mlp, hidden: [128, 128]}
models:
  vae:
    z: ~normal
    x: ~decoder(z)
  vaebm: tilt(vae, energy)
graph:
  neg: ~langevin(vaebm, steps=60, step_size=0.01)
stages:
  - steps: 1000000000
    train: [energy]
    minimize:
      contrast: energy(x) - energy(neg)
      size: 0.1 * (energy(x) ** 2 + energy(neg) ** 2)
"""
SHORT_RUN = """
compose: 1
name: short_run
data: {source: digits, batch_size: 256}
blocks:
  energy: {kind: energy.mlp, hidden: [128, 128]}
graph:
  x0: ~normal(like=x)
  gen: descend(energy, x0, steps=40, step_size=0.1, differentiable=true)
stages:
  - steps: 1000000000
    minimize:
      data: energy(x)
      samples: -energy(sg(gen))
      generator: freeze(energy)(gen)
"""
DDGAN = """
compose: 1
name: ddgan
params: {T: 4, gamma: 0.05}
data: {source: digits, batch_size: 512}
blocks:
  chain: {kind: diffusion.vp, steps: T}
  generator: {kind: denoiser.mlp, latent: 16, hidden: [512, 512, 512], activation: leaky_relu}
  critic: {kind: discriminator.mlp, hidden: [512, 512, 512]}
models:
  denoise(x_t, t):
    x0: generator(x_t, t, ~normal)
    x_prev: ~chain.posterior(x0, x_t, t)
  ddgan: reverse(chain, denoise)
graph:
  t: ~chain.timestep
  x_prev: ~chain.diffuse(x, t - 1)
  x_t: ~chain.step(x_prev, t)
  fake: ~denoise(x_t, t)
stages:
  - steps: 1000000000
    updates:
      - train: [critic]
        minimize:
          real: softplus(-critic(x_prev, x_t, t))
          fake: softplus(critic(fake, x_t, t))
          r1: {value: "gamma / 2 * square_norm(grad(critic(x_prev, x_t, t), x_prev))", every: 15}
      - train: [generator]
        minimize:
          adversarial: softplus(-critic(fake, x_t, t))
        ema: {generator: 0.9999}
    optimizer: {lr: 1e-4, betas: [0.5, 0.9]}
samplers:
  default: ~ddgan
"""

SYSTEMS: dict[str, System] = {  # a new floor adds one row
    "glf": System(GLF, (64,), ("encoder", "decoder", "prior"), floors.glf),
    "realnvp": System(REALNVP, (2,), ("flow",), floors.realnvp),
    "vae": System(VAE, (784,), ("encoder", "decoder"), floors.vae),
    "iwae": System(IWAE, (64,), ("encoder", "decoder"), floors.iwae),
    "langevin": System(LANGEVIN, (2,), ("energy",), floors.langevin, sampler=True),
    "vaebm": System(VAEBM, (2,), ("decoder", "energy"), floors.vaebm),
    "short_run": System(SHORT_RUN, (2,), ("energy",), floors.short_run),
    "ddgan": System(DDGAN, (2,), ("generator", "critic"), floors.ddgan),
    "ddgan_sampling": System(DDGAN, (2,), ("generator", "critic"), floors.ddgan_sampling, sampler=True),
}
