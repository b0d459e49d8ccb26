"""Schedules: numbers that follow the clock, evaluated in plain Python once a step.

    linear(a, b, steps=n)   a + (b - a) * min(step / n, 1)
    cosine(a, b, steps=n)   b + (a - b) * (1 + cos(pi * min(step / n, 1))) / 2      (Loshchilov & Hutter 2017, eq. 5)

`step` counts within the stage; without `steps` they span the stage (`progress`). Elsewhere: arithmetic, `where`,
`min`, `max`, `sqrt`, `exp`, `log`, on `step`, `epoch`, `progress`, `run_step` and the spec's numbers.
"""

import math
import operator
from collections.abc import Callable, Mapping
from typing import Any

from compose import expressions as ex
from runners.state import Clock

__all__ = ["Number", "Scheduled", "cosine", "linear", "scheduled"]

Number = float | int | bool | str | list[Any] | tuple[Any, ...] | ex.Expression
"""What a spec may write for a number: a constant, a list, or an expression of the clock."""

Rule = Callable[[Clock], Any]

ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv, "//": operator.floordiv,
    "**": operator.pow, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "==": operator.eq,
}  # fmt: skip


class Scheduled:
    """A number at each moment of the clock.   `constant`: it does not follow the clock, and was evaluated already."""

    def __init__(self, rule: Rule, *, constant: bool) -> None:
        self.constant = constant
        self._rule = rule
        self._value = rule(Clock(0.0, 0.0, 0.0, 0.0)) if constant else None

    def __call__(self, clock: Clock) -> Any:  # noqa: ANN401  a number, or a tuple of them
        """The value at `clock`."""
        return self._value if self.constant else self._rule(clock)


def scheduled(value: Number, names: Mapping[str, float] | None = None) -> Scheduled:
    """A number, list or expression (parsed or a text) as a rule of the clock; `names` are the spec's own numbers.

    Raises ValueError where the expression uses something that is no number of the clock.
    """
    if isinstance(value, list | tuple):
        parts = [scheduled(part, names) for part in value]
        return Scheduled(lambda clock: tuple(part(clock) for part in parts), constant=all(p.constant for p in parts))
    if isinstance(value, str):
        value = ex.parse(value)
    if isinstance(value, int | float):
        return Scheduled(lambda _: value, constant=True)
    known = dict(names or {})
    follows = any(isinstance(node, ex.Name) and node.name in FOLLOWS - set(known) for node in ex.walk(value))
    return Scheduled(_rule(value, known), constant=not follows)


def linear(clock: Clock, start: float, end: float, steps: float | None = None) -> float:
    """From `start` to `end` in `steps` steps (default: the stage), then `end`."""
    return start + (end - start) * _part(clock, steps)


def cosine(clock: Clock, start: float, end: float, steps: float | None = None) -> float:
    """From `start` to `end` along half a cosine in `steps` steps (default: the stage), then `end`."""
    return end + (start - end) * (1.0 + math.cos(math.pi * _part(clock, steps))) / 2.0


def _part(clock: Clock, steps: float | None) -> float:
    return clock.progress if steps is None else min(clock.step / max(steps, 1), 1.0)


RAMPS = {"linear": linear, "cosine": cosine}
FUNCTIONS: dict[str, Callable[..., Any]] = {
    "min": min, "minimum": min, "max": max, "maximum": max, "sqrt": math.sqrt, "exp": math.exp, "log": math.log,
    "cos": math.cos, "sin": math.sin, "abs": abs,
}  # fmt: skip
FOLLOWS = {*Clock._fields, *RAMPS}


def _rule(expression: ex.Expression, names: Mapping[str, float]) -> Rule:
    if type(expression) not in RULES:
        raise ValueError(f"`{ex.unparse(expression)}` is no number of the clock")
    return RULES[type(expression)](expression, names)


def _constant(expression: ex.Number | ex.Boolean, _names: Mapping[str, float]) -> Rule:
    value = expression.value
    return lambda _: value


def _name(expression: ex.Name, names: Mapping[str, float]) -> Rule:
    if expression.name in names:
        value = names[expression.name]
        return lambda _: value
    if expression.name not in Clock._fields:
        raise ValueError(f"`{expression.name}` is no number of the clock; there are {', '.join(Clock._fields)}")
    place = Clock._fields.index(expression.name)
    return lambda clock: clock[place]


def _binary(expression: ex.Binary | ex.Compare, names: Mapping[str, float]) -> Rule:
    function = ARITHMETIC[expression.operator]
    left, right = _rule(expression.left, names), _rule(expression.right, names)
    return lambda clock: function(left(clock), right(clock))


def _negative(expression: ex.Negative, names: Mapping[str, float]) -> Rule:
    inner = _rule(expression.operand, names)
    return lambda clock: -inner(clock)


def _sequence(expression: ex.Sequence, names: Mapping[str, float]) -> Rule:
    items = [_rule(item, names) for item in expression.items]
    return lambda clock: tuple(item(clock) for item in items)


def _call(expression: ex.Call, names: Mapping[str, float]) -> Rule:
    called = expression.function.name if isinstance(expression.function, ex.Name) else ex.unparse(expression.function)
    placed = [_rule(a.value, names) for a in expression.arguments if not a.name]
    named = {a.name: _rule(a.value, names) for a in expression.arguments if a.name}
    if called in RAMPS:
        ramp = RAMPS[called]
        return lambda clock: ramp(clock, *(p(clock) for p in placed), **{k: v(clock) for k, v in named.items()})
    if called == "where":
        condition, yes, no = placed
        return lambda clock: yes(clock) if condition(clock) else no(clock)
    if called in FUNCTIONS:
        function = FUNCTIONS[called]
        return lambda clock: function(*(p(clock) for p in placed))
    raise ValueError(f"`{called}` is no function of the clock; there are {', '.join([*RAMPS, 'where', *FUNCTIONS])}")


RULES: dict[type, Callable[[Any, Mapping[str, float]], Rule]] = {
    ex.Number: _constant, ex.Boolean: _constant, ex.Name: _name, ex.Binary: _binary, ex.Compare: _binary,
    ex.Negative: _negative, ex.Sequence: _sequence, ex.Call: _call,
}  # fmt: skip
