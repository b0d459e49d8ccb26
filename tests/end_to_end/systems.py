"""The four compositions of the thesis, small: 12 steps each, one spec text a system."""

import torch

from compose.build import build
from compose.checks.training import resolve_training
from compose.compiler import compile_composition
from compose.spec import dump_yaml, parse_spec
from runners.batches import Batches
from runners.datasets import open_source
from runners.run import Options, run
from runners.saving import Intervals

GLF = """
compose: 1
name: glf
data: {source: digits, batch_size: 64}
blocks:
  encoder: {kind: encoder.infogan, latent: 6, channels: [4, 8], hidden: 16}
  decoder: {kind: decoder.infogan, channels: [8, 4], hidden: 16}
  prior: {kind: flow.realnvp, couplings: 2, hidden: [8]}
models:
  glf:
    z: ~prior
    x: decoder(z)
graph:
  z: encoder(x)
  x_hat: decoder(z)
stages:
  - steps: 12
    minimize:
      reconstruction: squared_error(x_hat, x)
      prior_nll: -prior.log_prob(sg(z))
    optimizer: {lr: "cosine(1e-3, 1e-4)", blocks: {prior: {weight_decay: 2e-5}}}
    ema: {decoder: 0.9}
samplers:
  default: ~glf
"""

VAEBM = """
compose: 1
name: vaebm
data: {source: toy.gaussians25, batch_size: 32, size: 200, test_size: 50}
blocks:
  encoder: {kind: encoder.mlp, latent: 3, hidden: [16], output: normal}
  decoder: {kind: decoder.mlp, hidden: [16], output: normal}
  energy: {kind: energy.mlp, hidden: [16]}
  memory: {kind: memory.replay, size: 50}
models:
  vae:
    z: ~normal
    x: ~decoder(z)
  vaebm: tilt(vae, energy)
graph:
  q: encoder(x)
  z: ~q
  px: decoder(z)
  start: ~memory.read(probability=0.7, fresh=normal)
  neg: ~langevin(vaebm, init=record(z=start, x=~normal), steps=3, step_size=0.01)
stages:
  - name: vae
    steps: 5
    minimize:
      reconstruction: -px.log_prob(x)
      kl: kl(q, normal)
  - name: energy
    steps: 7
    train: [energy]
    minimize:
      contrast: energy(x) - energy(neg)
      size: 0.1 * (energy(x) ** 2 + energy(neg) ** 2)
    write: {memory: neg.state.z}
    ema: {energy: 0.8}
samplers:
  default: ~langevin(vaebm, steps=4, step_size=0.01)
"""

SHORT_RUN = """
compose: 1
name: short_run
data: {source: toy.swiss_roll, batch_size: 32, size: 200, test_size: 50}
blocks:
  energy: {kind: energy.mlp, hidden: [16]}
graph:
  x0: ~normal(like=x)
  gen: descend(energy, x0, steps=3, step_size=0.1, differentiable=true)
stages:
  - steps: 12
    minimize:
      data: energy(x)
      samples: -energy(sg(gen))
      generator: {value: freeze(energy)(gen), every: 2}
samplers:
  default: descend(energy, ~normal(like=x), steps=3, step_size=0.1)
"""

DDGAN = """
compose: 1
name: ddgan
params: {T: 4, gamma: 0.05}
data: {source: toy.gaussians25, batch_size: 32, size: 200, test_size: 50}
blocks:
  chain: {kind: diffusion.vp, steps: T}
  generator: {kind: denoiser.mlp, latent: 2, hidden: [16]}
  critic: {kind: discriminator.mlp, hidden: [16]}
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
  - steps: 12
    updates:
      - train: [critic]
        minimize:
          real: softplus(-critic(x_prev, x_t, t))
          fake: softplus(critic(fake, x_t, t))
          r1: {value: "gamma / 2 * square_norm(grad(critic(x_prev, x_t, t), x_prev))", every: 5}
      - train: [generator]
        minimize:
          adversarial: softplus(-critic(fake, x_t, t))
        ema: {generator: 0.9}
    optimizer: {lr: 1e-3, betas: [0.5, 0.9]}
samplers:
  default: ~ddgan
"""

GLOW = """
compose: 1
name: glow
data: {source: digits, batch_size: 64, dequantize: 17}
blocks:
  flow: {kind: flow.glow, levels: 2, steps: 1, width: 6}
graph:
  s: ~flow
  noise: flow.inverse(x)
stages:
  - steps: 12
    minimize:
      nll: -flow.log_prob(x)
    ema: {flow: 0.9}
samplers:
  default: s
  reconstruction: flow.at(noise)
"""
"""A flow whose norms start from the first batch, and whose noise is a record."""

SYSTEMS = {"glf": GLF, "vaebm": VAEBM, "short_run": SHORT_RUN, "ddgan": DDGAN, "glow": GLOW}


def compiled(text, seed=0):
    """The executable, the source and the spec of a text."""
    spec = parse_spec(text, "system.yaml")
    declared = spec.data[""]
    source = open_source(declared.source, declared.options)
    composition, findings = build(spec, source.contract.fields)
    assert not findings, findings
    resolve_training(composition)
    torch.manual_seed(seed)
    return compile_composition(composition), source, spec


def train(text, folder, *, batches=lambda b: b, checkpoint=3, seed=0):
    """Train a text into a folder; `batches` may wrap what the loop reads."""
    executable, source, spec = compiled(text, seed)
    data = Batches(source, batch_size=spec.data[""].batch_size, seed=0)
    options = Options(quiet=True, intervals=Intervals(log=1, checkpoint=checkpoint))
    return run(
        executable, batches(data), folder, spec_text=dump_yaml(spec), options=options, fields=source.contract.fields
    )


def bits(made):
    """Every tensor of a finished run, and samples drawn from it."""
    tensors = {f"{part}.{name}": value for part, held in made.state.tensors().items() for name, value in held.items()}
    return {**tensors, "samples": made.sample("default", 8)}
