"""The program that builds a spec: executing it gives an equal spec.

Blocks, models and nodes are bound to variables of their names, which later lines use; what has no variable yet is a
word of `c`. What Python cannot say is written as text: `c.Line("...")`.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from compose.builder.speaking import Speaker, is_bindable, keywords, quoted
from compose.expressions import Expression, Name
from compose.spec import BlockDeclaration, DataSource, Definition, Fit, Function, Optimizer, Program, Spec, Term
from compose.spec.records import Record

__all__ = ["to_python", "to_script"]

WIDTH = 90
BY_BLOCK = ("train", "shared", "project", "ema", "write", "copy", "mode", "fit", "blocks")  # keys that name lines


def to_python(spec: Spec) -> str:
    """The source of a program whose `draft` is the spec; what it `extends` is written out."""
    return re.sub(r"\n{4,}", "\n\n\n", "\n".join(_Printer(spec).lines()) + "\n")


def to_script(spec: Spec) -> str:
    """The same program, which checks and trains its draft when it is executed."""
    return to_python(spec) + SCRIPT.format(draft=_Printer(spec).draft, name=spec.name)


SCRIPT = """

if __name__ == "__main__":  # `python {name}.py`: checks, then trains; the same command goes on after a stop
    import compose

    for finding in compose.check({draft}):
        print(finding)
    print(compose.run({draft}))
"""


class _Printer:
    """Prints one spec; `known` maps a name to how it is written, and grows from line to line."""

    def __init__(self, spec: Spec) -> None:
        self.spec = spec
        used = set(_names(spec))
        self.c = _free("c", used)
        self.draft = _free("draft", used)
        self.it = _free("it", used)
        self.known: dict[str, str] = {}

    def lines(self) -> Iterable[str]:
        """The program, line by line."""
        spec, draft = self.spec, self.draft
        yield "from compose.builder import c" + (f" as {self.c}" if self.c != "c" else "")
        yield f"\n{draft} = {self.c}.Draft({quoted(spec.name)})"
        for name, value in spec.params.items():
            yield f"{draft}.params.{name} = {self.plain(value)}"
        for name, source in spec.data.items():
            yield f"{draft}.data{f'.{name}' if name else ''} = {self.source(source)}"
        for name, block in spec.blocks.items():
            yield self.bound("blocks", name, self.block(block))
        for name, made in spec.models.items():
            yield from self.definition("models", name, made)
        for name, line in spec.graph.items():
            yield self.line("graph", name, line)
        for at, stage in enumerate(spec.stages):
            shown = self.record("Stage", self.update(stage, f"stage{at + 1}"))
            yield f"{draft}.stages.append({shown})"
        for name, made in spec.samplers.items():
            yield from self.definition("samplers", name, made)
        for name, word in spec.evaluate.settings.items():
            yield f"{draft}.evaluate.{name} = {self.plain(word)}"
        for name, line in spec.evaluate.lines.items():
            yield f"{draft}.evaluate.{name} = {self.say(line)}"
        for name, value in _written(spec.run).items():
            yield f"{draft}.run.{name} = {self.plain(value)}"

    def bound(self, section: str, name: str, text: str) -> str:
        """A line with a variable of its name."""
        if name.startswith("_"):
            return f"{self.draft}.{section}.{name} = {text}"
        self.known[name] = name
        return f"{name} = {self.draft}.{section}.{name} = {text}"

    def line(self, section: str, name: str, expression: Expression) -> str:
        """A line, with a variable if the variable would stand for it."""
        text = self.say(expression)
        return self.bound(section, name, text) if is_bindable(expression) else f"{self.draft}.{section}.{name} = {text}"

    def definition(self, section: str, name: str, made: Definition) -> Iterable[str]:
        """A model or sampler: a line, or a function of Python that writes a program."""
        if not isinstance(made, Program | Function):
            yield self.line(section, name, made)
            return
        heads, inside = [self.it], dict(self.known)
        for parameter in made.parameters if isinstance(made, Function) else ():
            default = made.defaults.get(parameter) if isinstance(made, Function) else None
            heads.append(parameter if default is None else f"{parameter}={self.say(default)}")
            inside[parameter] = parameter
        yield f"\n\n@{self.draft}.{section}"
        yield f"def {name}({', '.join(heads)}):"
        for line, expression in made.lines.items():
            text = Speaker(self.c, inside).say(expression)
            yield f"    {self.it}.{line} = {text}" if line else f"    return {text}"
            if line and not line.startswith("_"):
                inside[line] = f"{self.it}.{line}"
        yield "\n"
        self.known[name] = name

    def say(self, expression: Expression) -> str:
        """An expression, with the variables that there are so far."""
        return Speaker(self.c, self.known).say(expression)

    def source(self, source: DataSource) -> str:
        """A source of data."""
        parts = {**self.parts(source, ("source",)), **self.options(source.options)}
        return self.record("Data", parts, source.source)

    def block(self, block: BlockDeclaration) -> str:
        """A block's declaration."""
        return self.record("Block", {**self.parts(block, skip=("kind",)), **self.options(block.options)}, block.kind)

    def update(self, update: Record, name: str) -> dict[str, str]:
        """The keys of a stage or an update, without the name that it has by its number."""
        parts = self.parts(update, skip=("updates",))
        if parts.get("name") == quoted(name):
            del parts["name"]
        nested = getattr(update, "updates", ())
        if nested:
            shown = [self.record("Update", self.update(one, f"update{at + 1}")) for at, one in enumerate(nested)]
            parts["updates"] = _spread("[", shown, "]")
        return parts

    def parts(self, record: Record, skip: tuple[str, ...] = ()) -> dict[str, str]:
        """What a record says, options aside, key by key."""
        written = {key: value for key, value in _written(record).items() if key not in skip}
        return {key: self.value(value, key in BY_BLOCK) for key, value in written.items()}

    def value(self, value: Any, by_block: bool = False) -> str:  # noqa: ANN401  any part of a spec
        """Any value of a record; `by_block`: its names are those of blocks or lines, which may have variables."""
        if isinstance(value, Term | Fit):
            rest = {**self.parts(value, skip=("value",)), **self.options(getattr(value, "options", {}))}
            if not rest:
                return self.say(value.value)
            if isinstance(value, Term):
                return _spread(f"{self.c}.Term(", [self.say(value.value), *keywords(rest)], ")")
            return self.mapping({"value": self.say(value.value), **rest})
        if isinstance(value, Optimizer):
            return self.record("Optimizer", {**self.parts(value, ("kind",)), **self.options(value.options)}, value.kind)
        if isinstance(value, Record):
            return self.mapping({**self.parts(value), **self.options(getattr(value, "options", {}))})
        if isinstance(value, Mapping):
            return self.mapping({key: self.value(part) for key, part in value.items()}, by_block)
        if by_block and isinstance(value, tuple):
            return "[" + ", ".join(self.known.get(name, quoted(name)) for name in value) + "]"
        if isinstance(value, Expression):
            return self.say(value)
        return self.plain(value)

    def mapping(self, parts: Mapping[str, str], by_block: bool = False) -> str:
        """A mapping of Python's."""
        known = self.known if by_block else {}
        return _spread("{", [f"{known.get(key, quoted(key))}: {text}" for key, text in parts.items()], "}")

    def record(self, part: str, parts: Mapping[str, str], first: str | None = None) -> str:
        """A part of the spec, by its class."""
        return _spread(f"{self.c}.{part}(", [*([quoted(first)] if first else []), *keywords(parts)], ")")

    def options(self, options: Mapping[str, Any]) -> dict[str, str]:
        """Options as they were written."""
        return {key: self.plain(value) for key, value in options.items()}

    def plain(self, value: Any) -> str:  # noqa: ANN401  plain data
        """Plain data; a text that names a param is a word."""
        if isinstance(value, Expression):
            return self.say(value)
        if isinstance(value, str) and value in self.spec.params:
            return self.say(Name(value))
        if isinstance(value, Mapping):
            return self.mapping({key: self.plain(part) for key, part in value.items()})
        if isinstance(value, list | tuple):
            return "[" + ", ".join(map(self.plain, value)) + "]"
        if isinstance(value, str):
            return quoted(value)
        return repr(value) if not isinstance(value, float) or value - value == 0 else f"float({str(value)!r})"


def _written(record: Record) -> dict[str, Any]:
    """What a record says that is not said anyway, by the keys of a file."""
    found = {}
    for name, part in type(record).model_fields.items():
        value = getattr(record, name)
        if name != "options" and (part.is_required() or value != part.get_default(call_default_factory=True)):
            found[part.alias or name] = value
    return found


def _spread(opening: str, parts: list[str], closing: str) -> str:
    """Parts in one line, or each on its own."""
    line = f"{opening}{', '.join(parts)}{closing}"
    if len(line) <= WIDTH and "\n" not in line:
        return line
    inside = "".join(f"\n{part},".replace("\n", "\n    ") for part in parts)
    return f"{opening}{inside}\n{closing}"


def _names(spec: Spec) -> Iterable[str]:
    """Every name that a spec declares or uses."""
    for section in (spec.params, spec.data, spec.blocks, spec.models, spec.graph, spec.samplers, spec.evaluate.lines):
        yield from section
    for made in (*spec.models.values(), *spec.samplers.values()):
        if isinstance(made, Function):
            yield from made.parameters


def _free(name: str, used: set[str]) -> str:
    """The name, with a `_` behind it for as long as it is used."""
    return _free(f"{name}_", used) if name in used else name
