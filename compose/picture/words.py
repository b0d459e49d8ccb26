"""What is written in a box: a node as the expression that a spec would have for it.   Other boxes go by their names."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from compose.expressions import Argument, Attribute, Binary, Call, Draw, Expression, Name, Negative, Number, unparse
from compose.graph import Edge, Node

__all__ = ["loop_name", "loop_title", "node_expression", "node_text"]

INFIX = {"add": "+", "subtract": "-", "multiply": "*", "divide": "/", "floor_divide": "//", "power": "**"}
SPELT = {"kl_standard": "kl", "event_sum": "sum", "event_mean": "mean", "absolute": "abs", "round_off": "round"}
LOOPS = {
    "langevin": "Langevin dynamics, {steps} steps of {step_size}",
    "descend": "gradient descent, {steps} steps of {step_size}",
    "scan": "for t = {start} .. 1",
}


def loop_title(node: Node) -> str:
    """What a loop does, and how often: `Langevin dynamics, 60 steps of 0.01`."""
    word = str(getattr(node.operation.target, "__name__", node.operation.target))
    if word in LOOPS:
        return LOOPS[word].format_map({name: _number(value) for name, value in node.options.items()})
    settings = node.options.get("settings") or {}
    steps = f"{settings['steps']} steps" if settings.get("steps") else "adaptive"
    way = "inverse flow" if "inverse" in word else "flow"
    return f"{way}, solved by {settings.get('method', 'a solver')}, {steps}"


def loop_name(node: Node) -> str:
    """How other boxes call a loop that no line names: `langevin`, `flow_inverse`."""
    return str(getattr(node.operation.target, "__name__", "loop")).removesuffix("_with_ladj")


def _number(value: Any) -> str:  # noqa: ANN401  a constant, or a value of the clock
    return f"{value:g}" if isinstance(value, int | float) else "scheduled" if isinstance(value, Edge) else str(value)


def node_text(node: Node, label: Callable[[Node], str | None]) -> str:
    """The expression of `node`; `label` gives the name of every node with a box of its own, None for the others."""
    return unparse(node_expression(node, lambda other: None if other is node else label(other)))


def node_expression(node: Node, label: Callable[[Node], str | None]) -> Expression:
    """`node` as an expression of the language."""
    known = label(node)
    if known is not None:
        return Name(known)
    return KINDS[node.operation.kind](node, lambda value: _argument(value, label))


def _argument(value: Any, label: Callable[[Node], str | None]) -> Expression:  # noqa: ANN401  nested constants and edges
    if isinstance(value, Edge):
        return node_expression(value.source, label)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return Name(str(value))
    return Negative(Number(-value)) if value < 0 else Number(value)


Write = Callable[[Any], Expression]


def _call(function: Expression, arguments: Sequence[Expression]) -> Call:
    return Call(function, tuple(Argument(None, each) for each in arguments))


def _input(node: Node, write: Write) -> Expression:
    return Name(str(node.arguments[0]) if node.arguments else node.name)


def _block(node: Node, write: Write) -> Expression:
    assert node.use is not None
    block: Expression = Name(node.use.block)
    if node.use.frozen:
        block = _call(Name("freeze"), [block])
    if node.use.average:
        block = _call(Name("ema"), [block])
    function = block if node.operation.target == "forward" else Attribute(block, str(node.operation.target))
    return _call(function, [write(argument) for argument in node.arguments])


def _method(node: Node, write: Write) -> Expression:
    first, *others = node.arguments
    noise = others[0].source if others and isinstance(others[0], Edge) else None
    if node.operation.target == "at" and noise is not None and noise.leaf is not None and not noise.named:
        return Draw(write(first))
    return _call(Attribute(write(first), str(node.operation.target)), [write(each) for each in others])


def _field(node: Node, write: Write) -> Expression:
    inner, key = write(node.arguments[0]), node.operation.target
    if key == "state":
        return inner
    if isinstance(key, str):
        return Attribute(inner, key)
    return inner if key == 0 else _call(Name("log_det"), [inner])


def _stop(node: Node, write: Write) -> Expression:
    inner = write(node.arguments[0])
    return _call(Name("sg"), [inner]) if node.operation.target == "sg" else inner


def _function(node: Node, write: Write) -> Expression:
    word = str(getattr(node.operation.target, "__name__", node.operation.target)).lower()
    arguments = [write(each) for each in node.arguments]
    if word in INFIX and len(arguments) == 2:
        return Binary(INFIX[word], *arguments)  # type: ignore[arg-type]
    if word == "negative":
        return Negative(arguments[0])
    if word == "standard_normal_log_prob":
        return _call(Attribute(Name("normal"), "log_prob"), arguments)
    if word == "kl_standard":
        arguments.append(Name("normal"))
    return _call(Name(SPELT.get(word, word)), arguments)


def _loop(node: Node, write: Write) -> Expression:
    return Name(loop_name(node))


KINDS: Mapping[str, Callable[[Node, Write], Expression]] = {
    "input": _input, "block": _block, "method": _method, "field": _field, "stop": _stop, "call": _function,
    "grad": lambda node, write: _call(Name("grad"), [write(each) for each in node.arguments]), "loop": _loop,
}  # fmt: skip
