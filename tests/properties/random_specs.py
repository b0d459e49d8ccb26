"""Random well-typed specs on points in the plane: every operator, every flag of an edge, every kind of dynamics."""

import random
from collections import Counter

__all__ = ["RandomSpec"]

BLOCKS = {
    "encoder": "{kind: encoder.mlp, latent: 3, hidden: [5]}",
    "posterior": "{kind: encoder.mlp, latent: 3, hidden: [5], output: normal}",
    "coder": "{kind: encoder.mlp, latent: 3, hidden: [5], output: bernoulli}",
    "decoder": "{kind: decoder.mlp, latent: 3, hidden: [5]}",
    "likelihood": "{kind: decoder.mlp, latent: 3, hidden: [5], output: normal}",
    "bits": "{kind: decoder.mlp, latent: 3, hidden: [5], output: bernoulli}",
    "energy": "{kind: energy.mlp, hidden: [5]}",
    "critic": "{kind: discriminator.mlp, hidden: [5], activation: silu}",
    "flow": "{kind: flow.realnvp, couplings: 2, hidden: [4]}",
    "prior": "{kind: flow.realnvp, couplings: 2, hidden: [4], activation: silu}",
    "beta": "{kind: parameter, init: 0.7}",
}
MODELS = """
  vae:
    z: ~normal
    x: ~likelihood(z)
  sharp: tilt(vae, energy)
  pushed: push(normal(like=x), gradient_flow(energy, time=0.1, method=rk4, steps=2))
  mapped(v): tanh(v) + decoder(encoder(v))
"""
SIZED = """
  flow_on_points: flow.log_prob(x)
  prior_on_codes: prior.log_prob(encoder(x))
"""
SMOOTH = ("tanh", "sigmoid", "softplus", "sin", "cos", "square", "exp")
KINKED = ("abs", "relu", "round")
UNARY = (*SMOOTH, *KINKED)
BINARY = ("+", "-", "*")
LOSSES = ("squared_error", "mse", "l1")
REDUCTIONS = ("sum", "mean", "logsumexp", "logmeanexp", "square_norm", "norm")


class RandomSpec:
    """One random spec: its `text`; `used` counts operators and flags; `smooth`: no gradient is zero by chance."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.used: Counter[str] = Counter()
        self.blocks: set[str] = set()
        self.lines: dict[str, str] = {}
        self.values: dict[str, list[str]] = {"points": ["x"], "code": [], "number": []}
        self.smooth = True
        for _ in range(self.random.randint(5, 9)):
            self.line()
        self.terms = {f"term{i}": self.term() for i in range(self.random.randint(2, 3))}
        trained = [name for name in BLOCKS if name in self.blocks and self.random.random() < 0.7]
        self.trains = trained or sorted(self.blocks)[:1]
        self.used["train"] += 1

    @property
    def text(self) -> str:
        """The whole spec."""
        lines = "\n".join(f"  {name}: {text}" for name, text in self.lines.items())
        terms = "\n".join(f"      {name}: {text}" for name, text in self.terms.items())
        blocks = "\n".join(f"  {name}: {text}" for name, text in BLOCKS.items())
        return (
            f"name: random\ndata: {{source: toy.moons, batch_size: 8}}\nblocks:\n{blocks}\nmodels:{MODELS}"
            f"graph:\n{SIZED}{lines}\n"
            f"stages:\n  - steps: 1\n    train: [{', '.join(self.trains)}]\n    minimize:\n{terms}\n"
        )

    def line(self) -> None:
        """One more line of the graph, of a random kind."""
        kind = self.random.choice(("points", "points", "code", "code", "number"))
        name = f"v{len(self.lines)}"
        self.lines[name] = self.make(kind, name)
        self.values[kind].append(name)

    def term(self) -> str:
        """A term: one or two numbers per sample."""
        first = self.number()
        return f"{first} {self.pick('+', '-')} 0.5 * {self.number()}" if self.random.random() < 0.6 else first

    def pick(self, *choices: str) -> str:
        """One of several words, counted."""
        chosen = self.random.choice(choices)
        self.used[chosen] += 1
        return chosen

    def of(self, kind: str) -> str:
        """A value of a kind that there is, or a new one; perhaps stopped."""
        known = self.values[kind]
        value = self.random.choice(known) if known and self.random.random() < 0.85 else self.simple(kind)
        if self.random.random() < 0.15:
            self.used["sg"] += 1
            return f"sg({value})"
        return value

    def simple(self, kind: str) -> str:
        """A value that needs nothing else."""
        if kind == "points":
            return "x"
        if kind == "code":
            return f"{self.call('encoder')}(x)"
        return f"{self.call('energy')}(x)"

    def call(self, block: str) -> str:
        """A block as it is called: plain, frozen or averaged."""
        self.blocks.add(block)
        if self.random.random() < 0.2:
            self.used["freeze"] += 1
            return f"freeze({block})"
        if self.random.random() < 0.07:
            self.used["ema"] += 1
            return f"ema({block})"
        return block

    def make(self, kind: str, name: str) -> str:
        """The expression of a line."""
        return self.random.choice({"points": POINTS, "code": CODES, "number": NUMBERS}[kind])(self)

    def number(self) -> str:
        """A number per sample for a term."""
        if self.values["number"] and self.random.random() < 0.3:
            return self.of("number")
        return self.random.choice(NUMBERS)(self)

    def kinked(self, *words: str) -> str:
        """One of several words whose gradient may be zero by chance."""
        self.smooth = False
        return self.pick(*words)

    # what makes points, codes and numbers -----------------------------------------------------------------------------

    def unary(self, kind: str) -> str:
        """A function of every entry."""
        word = self.pick(*UNARY)
        self.smooth &= word in SMOOTH
        value = self.of(kind)
        return f"{word}(tanh({value}))" if word in ("exp", "square") else f"{word}({value})"

    def guarded(self, kind: str) -> str:
        """Functions with an edge to their domain, or with bounds."""
        value = self.of(kind)
        return self.random.choice((
            lambda: f"{self.pick('log')}(1.5 + {value} * {value})", lambda: f"{self.pick('sqrt')}(1.5 + {value} ** 2)",
            lambda: f"{self.kinked('clamp')}({value}, low=-0.5, high=2)", lambda: f"{value} {self.pick('**')} 2",
            lambda: f"{value} {self.pick('/')} (1.5 + {self.of('number')} ** 2)",
            lambda: f"{value} * 3 {self.kinked('//')} 2",
        ))()  # fmt: skip

    def binary(self, kind: str) -> str:
        """Two values of a kind, or one and a number per sample."""
        other = self.of(kind if self.random.random() < 0.7 else "number")
        self.smooth &= self.random.random() < 2  # a - a is zero, and so is its gradient
        left = self.of(kind)
        word = self.pick(*BINARY)
        self.smooth &= word != "-"
        return f"{left} {word} {other}"

    def chosen(self, kind: str) -> str:
        """Values by comparison."""
        word = self.kinked("where", "minimum", "maximum")
        a, b = self.of(kind), self.of(kind)
        if word == "where":
            return f"where({self.of('number')} {self.pick('<', '<=', '>', '>=', '==')} 0.3, {a}, {b})"
        return f"{word}({a}, {b})"

    def between(self, kind: str) -> str:
        """Values through operators that move rows or entries."""
        a, b = self.of(kind), self.of(kind)
        size = 2 if kind == "points" else 3
        return self.random.choice((
            lambda: f"{self.pick('reshape')}({self.pick('flatten')}({a}), [{size}])",
            lambda: f"{a} - {self.kinked('batch_mean')}({b})",
            lambda: f"{self.kinked('nearest_row')}({a}, {b})",
            lambda: f"{self.kinked('next_row')}({a})",
        ))()  # fmt: skip


POINTS = (
    lambda s: s.unary("points"), lambda s: s.binary("points"), lambda s: s.guarded("points"),
    lambda s: s.chosen("points"),
    lambda s: s.between("points"), lambda s: f"{s.call('decoder')}({s.of('code')})",
    lambda s: f"~{s.call('likelihood')}({s.of('code')})", lambda s: f"{s.call('likelihood')}({s.of('code')}).mean",
    lambda s: f"{s.call('bits')}({s.of('code')}).mean", lambda s: f"~{s.call('bits')}({s.of('code')})",
    lambda s: f"~{s.call('flow')}", lambda s: f"{s.call('flow')}({s.of('points')})",
    lambda s: f"{s.call('flow')}.inverse({s.of('points')})", lambda s: f"~normal({s.of('points')}, 0.3)",
    lambda s: f"~normal({s.of('points')}, exp(tanh({s.of('number')})))",
    lambda s: f"~uniform({s.of('points')}, 4.0, like=x)",
    lambda s: _langevin(s), lambda s: _descend(s), lambda s: _grad(s), lambda s: _record(s), lambda s: _program(s),
)  # fmt: skip
CODES = (
    lambda s: s.unary("code"), lambda s: s.binary("code"), lambda s: s.guarded("code"), lambda s: s.chosen("code"),
    lambda s: s.between("code"), lambda s: f"{s.call('encoder')}({s.of('points')})",
    lambda s: f"~{s.call('posterior')}({s.of('points')})", lambda s: f"{s.call('posterior')}({s.of('points')}).std",
    lambda s: f"~{s.call('coder')}({s.of('points')})", lambda s: f"{s.call('coder')}({s.of('points')}).logits",
    lambda s: f"~{s.call('prior')}", lambda s: f"{s.call('prior')}.inverse({s.of('code')})",
    lambda s: f"{s.pick('concatenate')}({s.of('points')}, {s.of('number')})",
    lambda s: f"{s.kinked('one_hot')}({s.pick('argmax')}({s.of('code')}), 3) * {s.of('code')}",
)  # fmt: skip
NUMBERS = (
    lambda s: f"{s.pick(*REDUCTIONS)}({s.of(s.random.choice(('points', 'code')))})",
    lambda s: f"{s.kinked(*LOSSES)}({s.of('points')}, {s.of('points')})",
    lambda s: f"{s.kinked('squared_error')}({s.of('code')}, {s.of('code')})",
    lambda s: f"{s.pick('bce')}(sigmoid({s.of('points')}), sigmoid({s.of('points')}))",
    lambda s: f"{s.pick('bce_with_logits')}({s.of('points')}, sigmoid({s.of('points')}))",
    lambda s: f"{s.pick('cross_entropy')}({s.of('code')}, argmax({s.of('code')}))",
    lambda s: f"{s.kinked('mmd_penalty')}({s.of('code')}, {s.of('code')})",
    lambda s: f"{s.call('energy')}({s.of('points')})", lambda s: f"-{s.call('critic')}({s.of('points')})",
    lambda s: f"kl({s.call('posterior')}({s.of('points')}), normal)",
    lambda s: _divergence(s),
    lambda s: f"{s.call('likelihood')}({s.of('code')}).log_prob({s.of('points')})",
    lambda s: f"{s.call('bits')}({s.of('code')}).log_prob(sigmoid({s.of('points')}))",
    lambda s: f"-{s.call('flow')}.log_prob({s.of('points')})", lambda s: f"{s.call('prior')}.log_prob({s.of('code')})",
    lambda s: _pushed(s), lambda s: _joint(s), lambda s: _weights(s), lambda s: _interpolation(s), lambda s: _learnt(s),
    lambda s: s.unary("number"), lambda s: s.guarded("number"), lambda s: s.chosen("number"),
)  # fmt: skip


def _langevin(s: RandomSpec) -> str:
    s.blocks.add("energy")
    s.used["langevin"] += 1
    differentiable = s.pick("differentiable=true", "differentiable=false")
    if s.random.random() < 0.5:
        s.blocks.add("likelihood")
        return f"~langevin(sharp, steps=2, step_size=0.1, {differentiable}, clip=5)"
    start = s.random.choice((f"init={s.of('points')}", "init=normal(like=x)"))
    return f"~langevin({s.call('energy')}, {start}, steps=2, step_size=0.1, {differentiable})"


def _divergence(s: RandomSpec) -> str:
    first, at_first = s.call("posterior"), s.of("points")
    second, at_second = s.call("posterior"), s.of("points")
    s.smooth &= at_first != at_second  # of equal laws it is at its least, where its gradient is zero
    return f"kl(sg({first}({at_first})), {second}({at_second}))"


def _descend(s: RandomSpec) -> str:
    s.used["descend"] += 1
    differentiable = s.pick("differentiable=true", "differentiable=false")
    target = s.random.choice((
        s.call("energy"), f"-{s.call('critic')}(_)", f"{s.call('energy')}(_) + square_norm(_ - {s.of('points')})",
        f"sg({s.call('critic')}(_)) * {s.call('energy')}(_) + {s.call('energy')}(sg(_))",
        f"square_norm(grad({s.call('energy')}(_), _)) + square_norm(_)", f"square_norm(_) + sg({s.call('energy')}(_))",
    ))  # fmt: skip
    return f"descend({target}, {s.of('points')}, steps=2, step_size=0.2, {differentiable})"


def _grad(s: RandomSpec) -> str:
    s.used["grad"] += 1
    v = s.random.choice(s.values["points"])
    f = s.random.choice(
        (
            f"{s.call('energy')}({v})",
            f"sum({s.call('decoder')}({s.call('encoder')}({v})))",
            f"square_norm({v}) * {s.of('number')}",
        )
    )
    return f"grad({f}, {v})"


def _record(s: RandomSpec) -> str:
    s.used["record"] += 1
    return f"{s.pick('sin', 'cos', 'tanh')}(record(a={s.of('points')}, b={s.of('code')})).a"


def _program(s: RandomSpec) -> str:
    s.used["program"] += 1
    if s.random.random() < 0.5:
        s.blocks.update(("decoder", "encoder"))
        return f"mapped({s.of('points')})"
    s.blocks.add("likelihood")
    return s.random.choice(("~vae", "vae.at(~vae.noise)"))


def _pushed(s: RandomSpec) -> str:
    s.used["ode"] += 1
    s.blocks.add("energy")
    return s.random.choice((f"-pushed.log_prob({s.of('points')})", f"{s.call('energy')}(~pushed)"))


def _joint(s: RandomSpec) -> str:
    s.blocks.update(("likelihood", "energy"))
    model, method = s.random.choice((("vae", "log_prob"), ("sharp", "log_density")))
    return f"{model}.{method}(z={s.of('code')}, x={s.of('points')})"


def _weights(s: RandomSpec) -> str:
    s.used["repeat"] += 1
    s.used["group"] += 1
    return f"logmeanexp(group({s.call('energy')}(repeat({s.of('points')}, 3)), 3))"


def _interpolation(s: RandomSpec) -> str:
    s.used["interpolate"] += 1
    return f"sum(group({s.call('critic')}(interpolate({s.of('points')}, {s.of('points')}, 2)), 2))"


def _learnt(s: RandomSpec) -> str:
    s.blocks.add("beta")
    s.used["parameter"] += 1
    return f"exp(-beta) * square_norm({s.of('points')})"
