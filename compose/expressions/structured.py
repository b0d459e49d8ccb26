"""The structured form of an expression: nodes and edges as nested mappings, as a program would write them.

    2, true                                   a number, a truth value
    {node: z}, {node: s.noise.z}              a name, and its fields by dots
    {text: cat}, {hole: true}, [a, b]         'cat', _, [a, b]
    {call: kl, of: [q, p], with: {at: z}}     kl(q, p, at=z); `call` is a dotted name or, in full, any form
    {operator: "+", of: [a, b]}               a + b; also {negative: a} and {compare: "<", of: [a, b]}
    {field: mean, of: a}                      a.mean where `a` is not a name
    {value: a}                                a, to put flags on what has no mapping, or flags in another order

Flags stand beside these keys and say what happens on the edge, in this order: `freeze: true` is freeze(a), then
`draw: true` is ~a, then `stop_gradient: true` is sg(a).   A bare text is an expression to be parsed: `x_hat - x`.
"""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from compose.diagnostics import NOWHERE, Span, SpecError, nearest
from compose.expressions import findings as say
from compose.expressions.lexer import TOKEN
from compose.expressions.parser import COMPARISONS, DEEPEST, POWER, parse
from compose.expressions.syntax import (
    Argument,
    Attribute,
    Binary,
    Boolean,
    Call,
    Compare,
    Draw,
    Expression,
    Hole,
    Name,
    Negative,
    Number,
    Sequence,
    Text,
    depth,
)

__all__ = ["Place", "from_structured", "is_structured", "to_structured"]

FLAGS = ("freeze", "draw", "stop_gradient")
HEADS = {  # what a form is, by its first key: the keys that must, and that may, stand beside it
    "node": ((), ()),
    "text": ((), ()),
    "hole": ((), ()),
    "value": ((), ()),
    "negative": ((), ()),
    "call": ((), ("of", "with")),
    "operator": (("of",), ()),
    "compare": (("of",), ()),
    "field": (("of",), ()),
}
Suffix = tuple[str | int, ...]


class Place(Protocol):
    """Tells where the parts of a structured form stand."""

    def span(self, path: Suffix = (), key: bool = False) -> Span:
        """The place of the value at `path` below the form, or of its key."""
        ...

    def text_span(self, path: Suffix, start: int, end: int) -> Span:
        """The place of characters start .. end of the text at `path`."""
        ...


class _Nowhere:
    def span(self, path: Suffix = (), key: bool = False) -> Span:
        return NOWHERE

    def text_span(self, path: Suffix, start: int, end: int) -> Span:
        return NOWHERE


def is_structured(data: Any) -> bool:  # noqa: ANN401  whatever the file holds
    """Whether a mapping is an expression in structured form (and not, say, the lines of a program)."""
    if not isinstance(data, Mapping):
        return False
    heads = [head for head in HEADS if head in data]
    allowed = {*heads[:1], *FLAGS, *(HEADS[heads[0]][0] + HEADS[heads[0]][1] if heads else ())}
    return len(heads) == 1 and set(data) <= allowed and (heads[0] != "value" or len(data) > 1)


def to_structured(expression: Expression) -> Any:  # noqa: ANN401  plain data
    """The structured form of `expression`: numbers, texts, truth values, lists and dicts."""
    match expression:
        case Call(Name("sg"), (Argument(None, inner),)):
            return _flagged(to_structured(inner), "stop_gradient")
        case Call(Name("freeze"), (Argument(None, inner),)):
            return _flagged(to_structured(inner), "freeze")
        case Draw(inner):
            return _flagged(to_structured(inner), "draw")
        case Number(value) | Boolean(value):
            return value
        case Text(value):
            return {"text": value}
        case Hole():
            return {"hole": True}
        case Sequence(items):
            return [to_structured(item) for item in items]
        case Negative(operand):
            return {"negative": to_structured(operand)}
        case Binary(operator, left, right):
            return {"operator": operator, "of": [to_structured(left), to_structured(right)]}
        case Compare(operator, left, right):
            return {"compare": operator, "of": [to_structured(left), to_structured(right)]}
        case Call():
            return _call(expression)
    dotted = _dotted(expression)
    if dotted is not None:
        return {"node": dotted}
    assert isinstance(expression, Attribute)
    return {"field": expression.name, "of": to_structured(expression.value)}


def _call(call: Call) -> dict[str, Any]:
    form: dict[str, Any] = {"call": _dotted(call.function) or to_structured(call.function)}
    if call.positional:
        form["of"] = [to_structured(value) for value in call.positional]
    if call.named:
        form["with"] = {name: to_structured(value) for name, value in call.named.items()}
    return form


def _dotted(expression: Expression) -> str | None:
    if isinstance(expression, Attribute):
        inner = _dotted(expression.value)
        return None if inner is None else f"{inner}.{expression.name}"
    return expression.name if isinstance(expression, Name) else None


def _flagged(form: Any, flag: str) -> dict[str, Any]:  # noqa: ANN401  plain data
    """The form with one more flag: beside the others if it applies after them, else around."""
    later = FLAGS[FLAGS.index(flag) :]
    plain = isinstance(form, dict) and not any(each in form for each in later)
    return {**form, flag: True} if plain else {"value": form, flag: True}


def from_structured(data: Any, place: Place | None = None) -> Expression:  # noqa: ANN401  whatever the file holds
    """The expression that a structured form says.   Raises SpecError with placed findings."""
    place = place or _Nowhere()
    made = _Reader(place).read(data, (), 0)
    if depth(made) > DEEPEST:
        raise SpecError([say.too_deep(place.span(()), DEEPEST)])
    return made


class _Reader:
    """Reads one form; every method takes the data and its path below the form."""

    def __init__(self, place: Place) -> None:
        self.place = place

    def read(self, data: Any, path: Suffix, nesting: int) -> Expression:  # noqa: ANN401  whatever the file holds
        span = self.place.span(path)
        if nesting > DEEPEST:
            raise SpecError([say.too_deep(span, DEEPEST)])
        if isinstance(data, Mapping):
            return self.mapping(data, path, nesting)
        if isinstance(data, list | tuple):
            if not data:
                self.refuse(path, "a list in an expression is empty", "write its items")
            return Sequence(tuple(self.read(item, (*path, at), nesting + 1) for at, item in enumerate(data)), span)
        if isinstance(data, bool):
            return Boolean(data, span)
        if isinstance(data, int | float):
            return _number(data, span)
        if isinstance(data, str):
            return parse(data, self.locate(path), nesting)
        return self.refuse(path, "an expression is missing here", "write one, such as `encoder(x)`")

    def mapping(self, data: Mapping[str, Any], path: Suffix, nesting: int) -> Expression:
        heads = [head for head in HEADS if head in data]
        if len(heads) != 1:
            near = next((each for each in (nearest(str(key), HEADS) for key in data) if each), None)
            problem = (
                "this mapping is no expression" if not heads else f"`{heads[0]}` and `{heads[1]}` exclude each other"
            )
            self.refuse(
                path,
                problem,
                f"did you mean the key `{near}`?" if near and not heads else f"use one of {', '.join(HEADS)}",
            )
        head = heads[0]
        must, may = HEADS[head]
        for key in data:
            if key not in (head, *must, *may, *FLAGS):
                near = nearest(str(key), (head, *must, *may, *FLAGS))
                self.refuse(
                    (*path, key),
                    f"`{key}` is no key beside `{head}`",
                    f"did you mean `{near}`?" if near else "remove it",
                    key=True,
                )
        for key in must:
            if key not in data:
                self.refuse(path, f"`{key}` is missing beside `{head}`", f"add `{key}: ...`")
        made = self.head(head, data, path, nesting)
        for flag, wrap in zip(FLAGS, (_freeze, Draw, _stop), strict=True):
            if flag in data and not isinstance(data[flag], bool):
                self.refuse((*path, flag), f"`{flag}` is true or false", f"write `{flag}: true`")
            made = wrap(made, self.place.span(path)) if data.get(flag) else made
        return made

    def head(self, head: str, data: Mapping[str, Any], path: Suffix, nesting: int) -> Expression:
        span, here = self.place.span(path), (*path, head)
        if head in ("node", "field", "text", "operator", "compare") and not isinstance(data[head], str):
            self.refuse(here, f"`{head}` must be a text", "put it in quotes")
        if head == "node":
            return self.dotted(data["node"], here)
        if head == "text":
            return Text(data["text"], span)
        if head == "hole":
            return Hole(span)
        if head == "value":
            return self.read(data["value"], here, nesting + 1)
        if head == "negative":
            return Negative(self.read(data["negative"], here, nesting + 1), span)
        if head == "call":
            return self.call(data, path, nesting)
        if head == "field":
            self.name(data["field"], here)
            return Attribute(
                self.read(data["of"], (*path, "of"), nesting + 1), data["field"], self.place.span(here), span
            )
        return self.operator(head, data, path, nesting)

    def operator(self, head: str, data: Mapping[str, Any], path: Suffix, nesting: int) -> Expression:
        known = COMPARISONS if head == "compare" else (*POWER, "**")
        if data[head] not in known:
            self.refuse((*path, head), f"`{data[head]}` is no operator", f"use one of {' '.join(known)}")
        if not isinstance(data["of"], list | tuple) or len(data["of"]) != 2:
            self.refuse((*path, "of"), f"`{data[head]}` takes two values", "write `of: [left, right]`")
        left, right = (self.read(item, (*path, "of", at), nesting + 1) for at, item in enumerate(data["of"]))
        kind: Callable[..., Expression] = Compare if head == "compare" else Binary
        return kind(data[head], left, right, self.place.span(path))

    def call(self, data: Mapping[str, Any], path: Suffix, nesting: int) -> Expression:
        of, named = data.get("of", []), data.get("with", {})
        if not isinstance(of, list | tuple):
            self.refuse((*path, "of"), "`of` must be the list of arguments by place", "write `of: [...]`")
        if not isinstance(named, Mapping):
            self.refuse((*path, "with"), "`with` must hold the arguments by name", "write `with: {name: value}`")
        if isinstance(data["call"], str):
            function = self.dotted(data["call"], (*path, "call"))
        else:
            function = self.read(data["call"], (*path, "call"), nesting + 1)
        arguments = [Argument(None, self.read(item, (*path, "of", at), nesting + 1)) for at, item in enumerate(of)]
        for name, item in named.items():
            self.name(name, (*path, "with", name), key=True)
            value = self.read(item, (*path, "with", name), nesting + 1)
            arguments.append(Argument(name, value, self.place.span((*path, "with", name), key=True)))
        return Call(function, tuple(arguments), self.place.span(path))

    def dotted(self, text: str, path: Suffix) -> Expression:
        made: Expression | None = None
        at = 0
        for part in text.split("."):
            self.name(part, path)
            span, whole = self.place.text_span(path, at, at + len(part)), self.place.text_span(path, 0, at + len(part))
            made = Name(part, span) if made is None else Attribute(made, part, span, whole)
            at += len(part) + 1
        assert made is not None
        return made

    def name(self, text: str, path: Suffix, key: bool = False) -> None:
        found = TOKEN.fullmatch(text)
        if found is None or found.lastgroup != "name" or text in ("_", "true", "false"):
            self.refuse(path, f"`{text}` is not a name", "names are letters, digits and `_`", key=key)

    def locate(self, path: Suffix) -> Callable[[int, int], Span]:
        return lambda start, end: self.place.text_span(path, start, end)

    def refuse(self, path: Suffix, problem: str, way_out: str, key: bool = False) -> Any:  # noqa: ANN401  never returns
        raise SpecError([say.bad_structure(self.place.span(path, key), problem, way_out)])


def _number(value: int | float, span: Span) -> Expression:
    if value != value or value in (float("inf"), float("-inf")):
        raise SpecError([say.bad_number(span, str(value))])
    return Negative(Number(-value, span), span) if value < 0 else Number(abs(value), span)


def _freeze(inner: Expression, span: Span) -> Expression:
    return Call(Name("freeze", span), (Argument(None, inner),), span)


def _stop(inner: Expression, span: Span) -> Expression:
    return Call(Name("sg", span), (Argument(None, inner),), span)
