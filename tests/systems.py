"""The four systems of the thesis on points in the plane, at toy size, and a smaller one."""

__all__ = ["DDGAN", "GLF", "IWAE", "SHORT_RUN", "SMALL", "VAEBM"]

SMALL = """
compose: 1
name: small
data: {source: toy.moons, batch_size: 8}
blocks: {flow: {kind: flow.realnvp, couplings: 2, hidden: [4]}}
stages: [{steps: 2, minimize: {nll: -flow.log_prob(x)}}]
"""
"""The least that is trained: where not the system matters but what becomes of its run."""

GLF = """
name: glf
data: {source: toy.moons, batch_size: 32}
blocks:
  encoder: {kind: encoder.mlp, latent: 4, hidden: [16]}
  decoder: {kind: decoder.mlp, hidden: [16]}
  prior:   {kind: flow.realnvp, couplings: 3, hidden: [8, 8]}
models:
  glf:
    z: ~prior
    x: decoder(z)
graph:
  z: encoder(x)
  x_hat: decoder(z)
stages:
  - steps: 20
    minimize:
      reconstruction: squared_error(x_hat, x)
      prior_nll: -prior.log_prob(sg(z))
samplers:
  default: ~glf
  reconstruction: x_hat
  interpolation: glf.at(interpolate(~glf.noise, ~glf.noise, 8))
"""

VAEBM = """
name: vaebm
data: {source: toy.moons, batch_size: 32}
blocks:
  encoder: {kind: encoder.mlp, latent: 3, output: normal, hidden: [16]}
  decoder: {kind: decoder.mlp, output: normal, hidden: [16]}
  energy:  {kind: energy.mlp, hidden: [16, 16]}
models:
  vae:
    z: ~normal
    x: ~decoder(z)
  vaebm: tilt(vae, energy)
graph:
  q: encoder(x)
  z: ~q
  px: decoder(z)
  neg: ~langevin(vaebm, steps=10, step_size=0.05)
stages:
  - name: vae
    epochs: 2
    minimize:
      reconstruction: -px.log_prob(x)
      kl: kl(q, normal)
  - name: energy
    steps: 20
    train: [energy]
    minimize:
      contrast: energy(x) - energy(neg)
      size: 0.1 * (energy(x) ** 2 + energy(neg) ** 2)
samplers:
  default: ~langevin(vaebm, steps=8, step_size=0.05, keep=4)
  before: ~vae
"""

IWAE = """
compose: 1
name: iwae
data: {source: toy.gaussians25, batch_size: 32}
blocks:
  encoder: {kind: encoder.mlp, latent: 3, hidden: [16], output: normal}
  decoder: {kind: decoder.mlp, hidden: [16], output: normal}
graph:
  q: repeat(encoder(x), 5)
  z: ~q
  log_weight: decoder(z).log_prob(repeat(x, 5)) + normal.log_prob(z) - q.log_prob(z)
stages:
  - steps: 10
    minimize:
      bound: -logmeanexp(group(log_weight, 5))
"""

SHORT_RUN = """
name: short
data: {source: toy.moons, batch_size: 32}
blocks:
  energy: {kind: energy.mlp, hidden: [16, 16]}
graph:
  x0: ~normal(like=x)
  gen: descend(energy, x0, steps=5, step_size=0.4, differentiable=true)
stages:
  - steps: 20
    minimize:
      data: energy(x)
      samples: -energy(sg(gen))
      generator: freeze(energy)(gen)
samplers:
  default: descend(energy, ~normal(like=x), steps=5, step_size=0.4)
"""

DDGAN = """
name: ddgan
params: {T: 4, gamma: 0.05}
data: {source: toy.moons, batch_size: 32}
blocks:
  chain:     {kind: diffusion.vp, steps: T, beta_min: 0.1, beta_max: 20}
  generator: {kind: denoiser.mlp, latent: 3, hidden: [16, 16], activation: leaky_relu}
  critic:    {kind: discriminator.mlp, hidden: [16, 16]}
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
  - steps: 20
    updates:
      - train: [critic]
        minimize:
          real: softplus(-critic(x_prev, x_t, t))
          fake: softplus(critic(fake, x_t, t))
          r1:
            value: gamma / 2 * square_norm(grad(critic(x_prev, x_t, t), x_prev))
            every: 6
      - train: [generator]
        minimize:
          adversarial: softplus(-critic(fake, x_t, t))
        ema: {generator: 0.9}
samplers:
  default: ~ddgan
  strokes: ~reverse(chain, denoise, start=3, init=~chain.diffuse(x, 3))
"""
