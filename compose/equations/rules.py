"""The notation: one row for each operator, form, method and role.   A new operator needs one row here, or none.

A row is a template and how strongly it binds. In a template `<0>` is the first argument, `<0*>` the same in brackets
unless it is a product or less, `<0^>` in brackets unless it is a single thing, `<*>` all arguments. Without a row,
`name` is written name(..).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from compose.equations.unicode import GREEK

__all__ = [
    "ATOM",
    "LAWS",
    "METHODS",
    "NAMES",
    "OPERATIONS",
    "PRODUCT",
    "RAISED",
    "RULES",
    "STANDARD",
    "Formula",
    "Rule",
    "fill",
    "symbol",
    "word_of",
]

SUM, PRODUCT, RAISED, ATOM = range(4)
"""How strongly a formula binds: sums, products, powers, single things."""


@dataclass(frozen=True)
class Formula:
    """LaTeX, and how strongly its outermost operation binds."""

    tex: str
    level: int = ATOM

    def at_least(self, level: int) -> str:
        """The LaTeX, in brackets if it binds less."""
        return self.tex if self.level >= level else f"({self.tex})"


@dataclass(frozen=True)
class Rule:
    """A template and the level of what it makes."""

    template: str
    level: int = ATOM


STANDARD = r"\mathcal{N}(0, I)"
OPERATIONS = {
    "+": Rule("<0> + <1>", SUM),
    "-": Rule("<0> - <1*>", SUM),
    "*": Rule(r"<0*>\,<1*>", PRODUCT),
    "/": Rule(r"\frac{<0>}{<1>}", PRODUCT),
    "//": Rule(r"\lfloor \frac{<0>}{<1>} \rfloor"),
    "**": Rule("<0^>^{<1>}", RAISED),
    "negative": Rule("-<0*>", SUM),
    "<": Rule("<0> < <1>", SUM),
    ">": Rule("<0> > <1>", SUM),
    "<=": Rule(r"<0> \leq <1>", SUM),
    ">=": Rule(r"<0> \geq <1>", SUM),
    "==": Rule("<0> = <1>", SUM),
}
RULES = {
    "squared_error": Rule(r"\|<1> - <0*>\|^2", RAISED),
    "mse": Rule(r"\frac{1}{d}\,\|<1> - <0*>\|^2", PRODUCT),
    "l1": Rule(r"\frac{1}{d}\,\|<1> - <0*>\|_1", PRODUCT),
    "square_norm": Rule(r"\|<0>\|^2", RAISED),
    "norm": Rule(r"\|<0>\|"),
    "exp": Rule("e^{<0>}", RAISED),
    "log": Rule(r"\log(<0>)", PRODUCT),
    "sqrt": Rule(r"\sqrt{<0>}"),
    "abs": Rule("|<0>|"),
    "square": Rule("<0^>^2", RAISED),
    "sigmoid": Rule(r"\sigma(<0>)"),
    "tanh": Rule(r"\tanh(<0>)"),
    "sin": Rule(r"\sin(<0>)"),
    "cos": Rule(r"\cos(<0>)"),
    "minimum": Rule(r"\min(<*>)"),
    "maximum": Rule(r"\max(<*>)"),
    "logsumexp": Rule(r"\log \sum_k e^{<0>}", PRODUCT),
    "logmeanexp": Rule(r"\log \frac{1}{K} \sum_k e^{<0>}", PRODUCT),
    "sum": Rule(r"\sum_i (<0>)_i", PRODUCT),
    "cross_entropy": Rule(r"-\log \mathrm{softmax}(<0>)_{<1>}", SUM),
    "concatenate": Rule("(<*>)"),
    "repeat": Rule("<0^>^{(1:<1>)}", RAISED),
    "group": Rule("<0>", SUM),
    "sg": Rule(r"\mathrm{sg}[<0>]"),
    "kl": Rule(r"\mathrm{KL}(<0> \,\|\, <1>)"),
    "grad": Rule(r"\nabla_{<1>} <0*>", PRODUCT),
    "linear": Rule(r"(<0> \ldots <1>)"),
    "cosine": Rule(r"(<0> \ldots <1>)"),
    "descend": Rule(r"\mathrm{descent}_{<steps>,\,\eta=<step_size>}[<0>](<1>)"),
}
LAWS = {  # what is drawn from: `<v>` is the variable, `<0>` .. the arguments
    "normal": Rule(r"\mathcal{N}(<0>, <1^>^2 I)"),
    "uniform": Rule("U[<0>, <1>]"),
    "langevin": Rule(r"\mathrm{Langevin}_{<steps>,\,\eta=<step_size>}[<0>]"),
    "timestep": Rule(r"U\{1, \ldots, <T>\}"),
    "terminal": Rule(r"\mathcal{N}(0, I)"),
    "diffuse": Rule(r"q_{<1>}(<v> \mid <0>)"),
    "step": Rule(r"q(<v> \mid <0>)"),
    "posterior": Rule(r"q(<v> \mid <1>, <0>)"),
    "read": Rule(r"\mathrm{<name>}"),
    "encoder": Rule(r"q_\phi(<v> \mid <*>)"),
    "decoder": Rule(r"p_\theta(<v> \mid <*>)"),
    "other": Rule(r"p_\theta(<v> \mid <*>)"),
}
METHODS = {  # of a value that is drawn from: `<0>` is it
    "mean": Rule(r"\mathbb{E}[<0>]"),
    "convert": Rule("<target>(<0>, <1>)"),
    "diffuse.at": Rule(r"\alpha_{<1>}\,<0^> + \sigma_{<1>}\,<2^>", SUM),
}
LETTERS = {  # by role; of two roles with one letter the second goes by its block's name
    "energy": "E", "discriminator": "D", "generator": "G", "denoiser": "G", "classifier": "C", "encoder": "E",
    "decoder": "D",
}  # fmt: skip
NAMES = {"neg": "x^-", "fake": r"\tilde{x}", "gen": r"\tilde{x}", "noise": r"\epsilon", "eps": r"\epsilon"}
SUFFIXES = {"hat": r"\hat{%s}", "tilde": r"\tilde{%s}", "bar": r"\bar{%s}", "prev": "%s_{t-1}", "neg": "%s^-"}
PLACE = re.compile(r"<(\w+|\*)([*^]?)>")


def fill(rule: Rule, arguments: Sequence[Formula], **named: Formula) -> Formula:
    """The rule with its arguments in their places."""

    def put(found: re.Match[str]) -> str:
        word, least = found[1], {"": SUM, "*": PRODUCT, "^": ATOM}[found[2]]
        if word == "*":
            return ", ".join(argument.tex for argument in arguments)
        given = arguments[int(word)] if word.isdigit() and int(word) < len(arguments) else named.get(word)
        return given.at_least(least) if given is not None else r"\cdot"

    return Formula(PLACE.sub(put, rule.template), rule.level)


def symbol(name: str) -> str:
    """A name as a symbol: `x_hat` is x with a hat, `x_t` has a subscript, `x0` too, `gamma` is Greek."""
    if name in NAMES:
        return NAMES[name]
    base, *rest = name.split("_")
    if not base:
        return rf"\mathrm{{{_escaped(name)}}}"
    letter = _letter(base)
    if letter is None:
        return rf"\mathrm{{{_escaped(name)}}}"
    for at, part in enumerate(rest):
        if part in SUFFIXES and at == 0:
            letter = SUFFIXES[part] % letter
        else:
            lower = _letter(part) or (part if part.isdigit() else rf"\mathrm{{{_escaped(part)}}}")
            letter = f"{letter}_{{{lower}}}" if "_" not in letter else f"{letter[:-1]}, {lower}}}"
    return letter


def _letter(word: str) -> str | None:
    """One letter, perhaps with a number, or a Greek one; None for a word."""
    if word in GREEK:
        return f"\\{word}"
    if len(word) == 1 and word.isalpha():
        return word
    found = re.fullmatch(r"([a-zA-Z])(\d+)", word)
    return f"{found[1]}_{{{found[2]}}}" if found else None


def word_of(name: str) -> str:
    """A name as upright letters."""
    return rf"\mathrm{{{_escaped(name)}}}"


def _escaped(word: str) -> str:
    return word.replace("_", r"\_")
