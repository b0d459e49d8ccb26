"""Drafts: a spec as it is being written in Python.   `str(draft)` is its YAML, `draft.spec()` the Spec."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from compose.builder.parts import Data, Part, Stage, flat
from compose.builder.places import Written, here, placed, shown
from compose.builder.values import Given, Value, expression_of, value_of
from compose.diagnostics import NOWHERE, Finding, Span, SpecError, finding, nearest
from compose.expressions import Draw, Expression, Name, unparse, walk
from compose.positions import Document, Path, survey
from compose.spec import Spec
from compose.spec.loading import read_document
from compose.spec.writing import write_yaml

__all__ = ["Definitions", "Draft", "Section"]

Line = Given | Part | Mapping[str, Any]


class Section:
    """Lines by name: `section.z = encoder(x)` writes one, `section.z` is its name from then on."""

    def __init__(self, noun: str, declares: bool = False) -> None:
        object.__setattr__(self, "_Section__noun", noun)
        object.__setattr__(self, "_Section__declares", declares)  # blocks: elsewhere a block is its name
        object.__setattr__(self, "_Section__lines", {})  # name -> the value, and where its name is written

    def __setattr__(self, name: str, value: Line) -> None:
        declares = object.__getattribute__(self, "_Section__declares") and isinstance(value, Value)
        _lines(self)[name] = (value._declared if declares else _kept(value), here())  # type: ignore[union-attr]
        if isinstance(value, Value):
            value._become(name)

    def __getattr__(self, name: str) -> Value:
        if name in dir(self):
            return value_of(Name(name, here()))
        noun = object.__getattribute__(self, "_Section__noun")
        near = nearest(name, dir(self))
        raise AttributeError(f"no {noun} is called `{name}` yet" + (f"; did you mean `{near}`?" if near else ""))

    def __delattr__(self, name: str) -> None:
        del _lines(self)[name]

    def __dir__(self) -> list[str]:
        return [key.partition("(")[0] for key in _lines(self)]

    def __str__(self) -> str:
        return write_yaml(_data(self, (), {}))

    __repr__ = __str__


class Definitions(Section):
    """Models or samplers: lines, and functions of Python whose first argument takes the lines of a program.

    @draft.models
    def denoise(it, x_t, t):                        # with parameters: a function of the language
        it.x0 = generator(x_t, t, ~c.normal)
        it.x_prev = ~chain.posterior(it.x0, x_t, t)
    """

    def __call__(self, function: Callable[..., Given | None]) -> Value:
        """The program that `function` writes, or the expression that it returns.   Raises TypeError for both."""
        place = here()
        _, *parameters = inspect.signature(function).parameters.values()
        it = Section("line")
        made = function(it, *[value_of(Name(one.name)) for one in parameters])
        lines = _lines(it)
        if (made is None) == (not lines):
            raise TypeError(f"`{function.__name__}` must either write lines or return an expression")
        heads = [
            one.name if one.default is one.empty else f"{one.name}={unparse(expression_of(one.default))}"
            for one in parameters
        ]
        key = f"{function.__name__}({', '.join(heads)})" if heads else function.__name__
        _lines(self)[key] = (it if made is None else _kept(made), place)
        return value_of(Name(function.__name__))


def _lines(section: Section) -> dict[str, tuple[Any, Span]]:
    return object.__getattribute__(section, "_Section__lines")


def _kept(value: Line) -> Line:
    """The value as it is now, whatever it is called later."""
    return value_of(value._expression) if isinstance(value, Value) else value


def _data(section: Section, path: Path, written: dict[Path, Written]) -> dict[str, Any]:
    """The plain data of a section, and where its lines are written."""
    data = {}
    for name, (value, place) in _lines(section).items():
        at = (*path, name)
        data[name] = _data(value, at, written) if isinstance(value, Section) else flat(value, at, written)
        found = written.get(at, Written())
        span = place if found.span == NOWHERE else found.span
        written[at] = Written(span, place, found.expression)
    return data


class Draft:
    """A spec that is being written.   `compose.run`, `check` and `explain` take it; `str` is its YAML.

    draft = Draft("glf")
    draft.data = Data("digits", batch_size=256)
    encoder = draft.blocks.encoder = Block("encoder.infogan", latent=20)
    z = draft.graph.z = encoder(c.x)
    draft.stages.append(c.Stage(epochs=100, minimize={"reconstruction": c.squared_error(decoder(z), c.x)}))
    """

    __slots__ = (
        "_data", "blocks", "evaluate", "extends", "graph", "models", "name", "params", "run", "samplers", "stages",
    )  # fmt: skip

    def __init__(self, name: str | None = None, *, extends: str | None = None, data: Data | None = None) -> None:
        self.name, self.extends = name, extends
        self._data: Section | Data = data or Section("data source")
        self.params = Section("param")
        self.blocks = Section("block", declares=True)
        self.models = Definitions("model")
        self.graph = Section("node")
        self.stages: list[Stage] = []
        self.samplers = Definitions("sampler")
        self.evaluate = Section("value")
        self.run = Section("option of `run`")

    @property
    def data(self) -> Any:  # noqa: ANN401  a source, or a section of several
        """The source of data, or several: `draft.data.photos = Data(...)`."""
        return self._data

    @data.setter
    def data(self, source: Data) -> None:
        self._data = source

    def spec(self) -> Spec:
        """The spec.   Raises SpecError, each finding at the line of Python that wrote what is wrong."""
        data, written = self._flat()
        text = write_yaml(data)
        document = placed(survey(text, "<python>"), written)
        found = _drawn_twice(written, document)
        if found:
            raise SpecError(found, document.sources)
        return read_document(document)

    def _flat(self) -> tuple[dict[str, Any], dict[Path, Written]]:
        written: dict[Path, Written] = {}
        data: dict[str, Any] = {"compose": 1, "name": self.name, "extends": self.extends}
        for name in ("params", "data", "blocks", "models", "graph"):
            part = self._data if name == "data" else getattr(self, name)
            data[name] = _data(part, (name,), written) if isinstance(part, Section) else flat(part, (name,), written)
        data["stages"] = flat(self.stages, ("stages",), written)
        for name in ("samplers", "evaluate", "run"):
            data[name] = _data(getattr(self, name), (name,), written)
        return {key: value for key, value in data.items() if value not in (None, {}, [])}, written

    def __str__(self) -> str:
        return write_yaml(self._flat()[0])

    __repr__ = __str__


def _drawn_twice(written: Mapping[Path, Written], document: Document) -> list[Finding]:
    """Draws that Python wrote once and that the spec would hold at several places."""
    seen: dict[int, Expression] = {}
    found = []
    for path, one in written.items():
        for part in walk(one.expression) if one.expression is not None else ():
            if isinstance(part, Draw) and id(part) in seen:
                span = document.span(path) if part.span == NOWHERE else shown(part.span)
                found.append(draw_used_twice(span, unparse(part), ".".join(map(str, path))))
            seen[id(part)] = part
    return found


@finding("L122", "error")
def draw_used_twice(span: Span, text: str, where: str) -> Finding:
    """In Python a draw is written once and used at two places; in the spec it would be two draws, unlike each other.

    Wrong: `noise = ~c.normal`, then two lines with `noise`.   Right: `noise = draft.graph.noise = ~c.normal`.
    """
    return Finding(
        span=span,
        message=f"`{text}` is drawn once here and used again in `{where}`, where it would be another draw",
        help="give the draw a line of its own: `draft.graph.NAME = ...`, and use that; or write it twice",
    )
