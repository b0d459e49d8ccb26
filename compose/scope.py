"""What may be meant by a name that nothing has: the names that are visible where it stands, what would fit first."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from blocks.registry import OPERATORS
from compose.diagnostics import Span
from compose.expressions import Expression, Name
from compose.forms import FORMS
from compose.spec import Function
from compose.suggestions import MANY

if TYPE_CHECKING:
    from compose.elaborate import World

__all__ = ["line_of", "visible"]

WORDS = ("normal", "uniform", "step", "epoch", "progress", "run_step")  # models and the clock, which need no arguments


def visible(world: World, inner: Iterable[str], called: bool) -> tuple[list[str], list[str]]:
    """The names that fit, nearest scope first, and those that do not.   `inner`: names of the program around.

    Blocks, functions, forms and operators can be called; lines, fields, params and the clock are values. A block and
    a model may be named where a function or a model is expected. None, once `MANY` lines are faulty: nobody reads so
    many suggestions, and to look for each among all lines takes the square of their number.
    """
    if len(world.faulty) > MANY:
        return [], []
    spec = world.spec
    functions = [name for name, held in spec.models.items() if isinstance(held, Function)]
    callable_ = [*world.blocks, *functions, *world.further, *FORMS, *OPERATORS.names()]
    values = [*inner, *spec.graph, *world.fields, *world.blocks, *spec.models, *spec.params, *world.further, *WORDS]
    fit, unfit = (callable_, values) if called else (values, callable_)
    fits = set(fit)
    return fit, [name for name in unfit if name not in fits]


def line_of(world: World, expression: Expression) -> Span | None:
    """Where the line of `graph` stands whose name the expression is."""
    if not isinstance(expression, Name) or expression.name not in world.spec.graph:
        return None
    return world.spec.span("graph", expression.name)
