# Written by `python -m tests.compose.words_stub`: the words that operators, forms and metrics declare.
# ruff: noqa: ANN401, N802
# fmt: off
from collections.abc import Mapping
from typing import Any, Literal

from compose.builder.drafts import Draft as _Draft
from compose.builder.parts import Data as _Data
from compose.builder.parts import Optimizer as _Optimizer
from compose.builder.parts import Stage as _Stage
from compose.builder.parts import Term as _Term
from compose.builder.parts import Update as _Update
from compose.builder.values import Value as _Value

Kind = Literal[
    "classifier.mlp",
    "decoder.dcgan",
    "decoder.infogan",
    "decoder.mlp",
    "decoder.resnet",
    "denoiser.mlp",
    "diffusion.vp",
    "discriminator.mlp",
    "encoder.dcgan",
    "encoder.infogan",
    "encoder.mlp",
    "encoder.resnet",
    "energy.mlp",
    "features.inception",
    "features.vgg",
    "flow.glow",
    "flow.iaf",
    "flow.maf",
    "flow.planar",
    "flow.radial",
    "flow.realnvp",
    "flow.realnvp_image",
    "flow.residual",
    "flow.spline",
    "generator.mlp",
    "memory.codebook",
    "memory.replay",
    "parameter",
    "parameter.rows",
    "parameter.table",
    "prior.autoregressive",
    "prior.mixture",
    "projection.pca",
    "projection.standardise",
]

class Words:
    Data = _Data
    Draft = _Draft
    Optimizer = _Optimizer
    Stage = _Stage
    Term = _Term
    Update = _Update
    Value = _Value
    @staticmethod
    def Block(
        kind: Kind | str, /, *, weights: Mapping[str, Any] | None = None, trainable: bool | None = None,
        like: str | _Value | None = None, **options: Any,
    ) -> _Value:
        """A block, such as `c.Block("flow.realnvp", couplings=4)`; `options` are the kind's own."""
    @staticmethod
    def Word(name: str) -> _Value:
        """Any word, also one that Python keeps for itself."""
    @staticmethod
    def Text(text: str) -> _Value:
        """A text in quotes, where a bare text would be a word."""
    @staticmethod
    def Line(text: str) -> _Value:
        """An expression, written as a spec writes it."""
    def __getattr__(self, name: str) -> _Value: ...
    _: _Value
    """The hole: an argument left open."""
    abs: _Value
    """|v|; the gradient at 0 is 0."""
    add: _Value
    """a + b."""
    aggregate: _Value
    """The average of encoder(u) over the rows u of a parameter. Source: Tomczak and Welling 2018 (VampPrior)."""
    argmax: _Value
    """The place of the largest entry of the flattened event, the first of equals."""
    auroc: _Value
    """P(a score of the first source > one of the second) + half of P(they are equal), and its standard error."""
    batch_mean: _Value
    """The mean over the rows of the batch: a constant, that aligns with events from the right."""
    bce: _Value
    """-sum_i x_i log p_i + (1 - x_i) log(1 - p_i), for probabilities p; logarithms are cut at -100, as in PyTorch."""
    bce_with_logits: _Value
    """sum_i log(1 + exp l_i) - x_i l_i: `bce` of sigmoid(logits), without overflow."""
    bits_per_dimension: _Value
    """-log_prob / (d log 2) + log2(bins / (high - low)), the mean, and its standard error."""
    clamp: _Value
    """v bounded by `low` and `high`; no gradient where a bound holds it. Raises ValueError without any bound."""
    concatenate: _Value
    """The values set side by side along an axis of the event (0: entries of a vector, channels of an image)."""
    condition: _Value
    """The model with some of its drawn lines at given values; its weight is their density."""
    cos: _Value
    """The cosine of v, in radians."""
    cosine: _Value
    """From `start` to `end` along half a cosine over `steps` steps of the stage (all of it unless given)."""
    coverage: _Value
    """The share of the reference's balls that hold a sample: diversity."""
    cross_entropy: _Value
    """log sum_j exp l_j - l_y: minus the log probability of class y."""
    density: _Value
    """The mean number of balls of the reference that a sample lies in, divided by k: fidelity."""
    descend: _Value
    """Noise-free dynamics: of a value, where its chain ends; of a model, a model. Source: thesis eq. 5.8."""
    divide: _Value
    """a / b, entry by entry."""
    ema: _Value
    """The block with its averaged weights, which are constants."""
    entropy_score: _Value
    """exp(E_x KL(p(y | x) | p(y))) of a classifier's logits on the samples: the formula of the Inception Score."""
    equal: _Value
    """a == b, as truth values (torch.equal is another thing: one truth value in all)."""
    exp: _Value
    """e^v."""
    flatten: _Value
    """The event as a vector; a number a sample becomes a vector of one entry."""
    floor_divide: _Value
    """floor(a / b), rounded towards minus infinity; no gradient."""
    frechet: _Value
    """The squared Frechet distance of the Gaussians fitted to two sets of samples (on image features: the FID)."""
    freeze: _Value
    """The block with its parameters constant on the calls made through it; gradients to the inputs pass."""
    grad: _Value
    """The gradient of f's sum with respect to v: the shape of v."""
    gradient_flow: _Value
    """The flow dx/dt = -grad energy(x) from 0 to `time`, as a bijection. Source: thesis eqs. 5.5 to 5.7."""
    greater: _Value
    """a > b, as truth values."""
    greater_equal: _Value
    """a >= b, as truth values."""
    group: _Value
    """Undoes the folding of `repeat`: neighbouring rows become an axis of k. k must divide the number of rows."""
    improved_precision: _Value
    """The share of samples that lie in a ball of the reference: fidelity."""
    improved_recall: _Value
    """The share of the reference that lies in a ball of the samples: diversity."""
    interpolate: _Value
    """n points from each row of a to that of b, ends included (n = 1: a), folded into the batch."""
    iwae: _Value
    """The importance-weighted bound E_b[log 1/K sum_j exp(log_weights[b, j])] in nats, and its standard error."""
    kid: _Value
    """The squared maximum mean discrepancy, unbiased, with the kernel (x . y / d + 1)^3 of features of d numbers."""
    kl: _Value
    """KL(q || p) per sample, in closed form; with `at=z`, its one-sample estimate log q(z) - log p(z)."""
    l1: _Value
    """sum_i |a_i - b_i| / n."""
    langevin: _Value
    """Langevin dynamics in a model's noise space (or its values), or in an energy. Source: thesis eqs. 1.18, 4.19."""
    less: _Value
    """a < b, as truth values."""
    less_equal: _Value
    """a <= b, as truth values."""
    linear: _Value
    """From `start` to `end` in a straight line over `steps` steps of the stage (all of it unless given)."""
    log: _Value
    """The natural logarithm of v."""
    log_normaliser: _Value
    """log Z = log int exp(log_density(x)) dx in nats by quadrature over a box of the plane, and the error of that."""
    logmeanexp: _Value
    """log (sum_i exp v_i / n): with log-weights "b k" it is IWAE's bound. Source: Burda et al. 2016, eq. 8."""
    logsumexp: _Value
    """log sum_i exp v_i, without overflow."""
    maximum: _Value
    """The larger of a and b, entry by entry; the gradient goes to it (half to each where they tie)."""
    mean: _Value
    """sum_i v_i / n."""
    mean_log_prob: _Value
    """The mean log-density of samples under the law of the data, in nats, and its standard error."""
    minimum: _Value
    """The smaller of a and b, entry by entry; the gradient goes to it (half to each where they tie)."""
    mixture: _Value
    """One of the models by chance, with probabilities in proportion to `weights` (alike, if there are none)."""
    mmd: _Value
    """The squared maximum mean discrepancy, unbiased, with the kernel exp(-|x - y|^2 / (2 bandwidth^2))."""
    mmd_penalty: _Value
    """The unbiased squared maximum mean discrepancy of the rows of `a` and of `b`, row by row: its mean is [...]"""
    mode_coverage: _Value
    """The number of modes with at least `minimum` samples within `sigmas` standard deviations of their centre."""
    mode_kl: _Value
    """KL(modes of the samples | uniform) in nats, each sample counted for its nearest mode."""
    mse: _Value
    """sum_i (a_i - b_i)^2 / n."""
    multiply: _Value
    """a * b, entry by entry."""
    nearest_row: _Value
    """b_k, k = argmin_j |a_i - b_j|: of the rows of `b`, those of the whole batch, the nearest to each row of `a`."""
    negative: _Value
    """-v."""
    next_row: _Value
    """v_{i+1}, of the rows of the whole batch, and for the last one the first: another sample beside each."""
    norm: _Value
    """sqrt sum_i v_i^2; the gradient at 0 is 0."""
    normal: _Value
    """A normal: standard and shaped `like` a value, or of this mean and standard deviation."""
    ode: _Value
    """The flow dx/dt = field(x, t) from 0 to `time`, as a bijection. Source: Chen et al. 2018."""
    one_hot: _Value
    """Row y of the identity, in the default float dtype; zeros for a class outside 0 .. `classes` - 1."""
    power: _Value
    """a ** b, entry by entry."""
    prd_precision: _Value
    """F_1/8 of the curve of precision and recall, which weighs precision: fidelity."""
    prd_recall: _Value
    """F_8 of the curve of precision and recall, which weighs recall: diversity."""
    product: _Value
    """Density proportional to the product of the models' densities, to be drawn by dynamics from the first one's."""
    push: _Value
    """The model's draws mapped by a function; with a density if that is a bijection."""
    record: _Value
    """A record of named values or models."""
    relu: _Value
    """max(v, 0); the gradient at 0 is 0."""
    repeat: _Value
    """k copies of each row, folded into the batch: r0 r0 .. r1 r1 .. Of a distribution: k times that of each row."""
    reshape: _Value
    """The same entries in the same order, as an event of another size; one length may be -1."""
    reverse: _Value
    """The kernel scanned from the terminal law (or `init`, at level `start`) to level 0. Source: thesis eq. 6.6."""
    round: _Value
    """v to the nearest whole number, halves to the even one; no gradient."""
    sg: _Value
    """The same value; its gradient stops on this edge. Source: thesis eq. 3.7."""
    share_within: _Value
    """The share of samples within `sigmas` standard deviations of the nearest centre ("high quality")."""
    sigmoid: _Value
    """1 / (1 + e^-v)."""
    sin: _Value
    """The sine of v, in radians."""
    softplus: _Value
    """log(1 + e^v); v itself above 20."""
    sqrt: _Value
    """The square root of v; its gradient at 0 is infinite."""
    square: _Value
    """v^2."""
    square_norm: _Value
    """sum_i v_i^2."""
    squared_error: _Value
    """sum_i (a_i - b_i)^2."""
    subtract: _Value
    """a - b."""
    sum: _Value
    """sum_i v_i."""
    tanh: _Value
    """(e^v - e^-v) / (e^v + e^-v)."""
    tilt: _Value
    """Density proportional to model(x) exp(-energy(x)). Source: thesis eq. 4.1."""
    tilted_log_likelihood: _Value
    """The mean of log_density(points) - log Z in nats, with log Z by quadrature over `bounds`, and its [...]"""
    uniform: _Value
    """A uniform between two ends: one number per sample, or shaped `like` a value."""
    where: _Value
    """a where c holds, else b; the gradient goes to the one that is taken. c: "b *event", "b", or one truth value."""

c: Words
