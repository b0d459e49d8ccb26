"""The four specs of the design, and how a test reads a place."""

from compose.diagnostics import Span, text_lines

GLF = """
compose: 1
name: glf
data: {source: digits, batch_size: 256}
blocks:
  encoder: {kind: encoder.infogan, latent: 20}
  decoder: {kind: decoder.infogan}
  prior:   {kind: flow.realnvp, couplings: 4, hidden: [64, 64]}
models:
  glf:
    z: ~prior
    x: decoder(z)
graph:
  z: encoder(x)
  x_hat: decoder(z)
stages:
  - epochs: 100
    minimize:
      reconstruction: squared_error(x_hat, x)
      prior_nll: -prior.log_prob(sg(z))      # without sg: "regularised GLF"; the checker warns that z can collapse
    optimizer: {kind: adam, lr: 1e-3, blocks: {prior: {weight_decay: 2e-5}}}
samplers:
  default: ~glf
  reconstruction: x_hat                      # reads data, so it is conditional: `compose sample --data ...`
  interpolation: glf.at(interpolate(~glf.noise, ~glf.noise, 8))
evaluate:
  fid: fid(default, x)
"""
VAEBM = """
compose: 1
blocks:
  encoder: {kind: encoder.dcgan, latent: 100, output: normal}     # output: tensor | normal | bernoulli
  decoder: {kind: decoder.dcgan, output: normal}
  energy:  {kind: energy.resnet, channels: [64, 128]}
models:
  vae:
    z: ~normal                               # a bare `normal` is standard; its shape comes from its use
    x: ~decoder(z)
  vaebm: tilt(vae, energy)                   # density proportional to vae(x) * exp(-energy(x))
graph:
  q: encoder(x)
  z: ~q
  px: decoder(z)
  neg: ~langevin(vaebm, steps=60, step_size=0.01)   # runs in vae's noise space (eps_z, eps_x), which is derived
stages:
  - name: vae
    epochs: 256
    minimize:
      reconstruction: -px.log_prob(x)
      kl: kl(q, normal)
  - name: energy
    steps: 25000
    train: [energy]
    minimize:
      contrast: energy(x) - energy(neg)
      size: 0.1 * (energy(x) ** 2 + energy(neg) ** 2)
samplers:
  default: ~langevin(vaebm, steps=100, step_size=0.01)
"""
GENERATOR = """
compose: 1
graph:
  x0: ~normal(like=x)
  gen: descend(energy, x0, steps=40, step_size=0.1, differentiable=true)
stages:
  - steps: 8000
    minimize:
      data: energy(x)
      samples: -energy(sg(gen))
      generator: freeze(energy)(gen)
"""
DDGAN = """
compose: 1
params: {T: 4, gamma: 0.05}
blocks:
  chain:     {kind: diffusion.vp, steps: T, beta_min: 0.1, beta_max: 20}
  generator: {kind: denoiser.ncsnpp, latent: 100}
  critic:    {kind: discriminator.time_conditional}
models:
  denoise(x_t, t):                           # p(x_{t-1} | x_t); every ablation changes only these two lines
    x0: generator(x_t, t, ~normal)
    x_prev: ~chain.posterior(x0, x_t, t)
  ddgan: reverse(chain, denoise)             # scans denoise from ~chain.terminal, t = T .. 1
graph:
  t: ~chain.timestep                         # 1 .. T
  x_prev: ~chain.diffuse(x, t - 1)           # q(x_{t-1} | x_0)
  x_t: ~chain.step(x_prev, t)                # q(x_t | x_{t-1})
  fake: ~denoise(x_t, t)
stages:
  - steps: 50000
    updates:
      - train: [critic]
        minimize:
          real: softplus(-critic(x_prev, x_t, t))
          fake: softplus(critic(fake, x_t, t))
          r1:
            value: gamma / 2 * square_norm(grad(critic(x_prev, x_t, t), x_prev))
            every: 15
      - train: [generator]
        minimize:
          adversarial: softplus(-critic(fake, x_t, t))
        ema: {generator: 0.9999}
    optimizer: {kind: adam, lr: 1e-4, betas: [0.5, 0.9]}
samplers:
  default: ~ddgan
  strokes: ~reverse(chain, denoise, start=3, init=~chain.diffuse(x, 3))
"""
DESIGN = {"glf": GLF, "vaebm": VAEBM, "generator": GENERATOR, "ddgan": DDGAN}


def cut(source: str, span: Span) -> str:
    """The text that a span on one line means."""
    assert span.line == span.end_line
    return text_lines(source)[span.line - 1][span.column - 1 : span.end_column - 1]
