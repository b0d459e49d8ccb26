"""What a spec may write of a registered thing, read from its source by `ast`: nothing is imported, so it is quick.

page_of("blocks", "flow.realnvp") -> its docstring, how it is called, its options, the methods that a spec may call
"""

import ast
import inspect
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

__all__ = ["PLACES", "Module", "Option", "Page", "page_of"]

ROOT = Path(__file__).resolve().parents[2]
PLACES = {  # noun -> decorator and package of each place where such things are declared
    "blocks": (("block", "blocks"),),
    "operators": (("operator", "blocks.operators"), ("form", "compose.forms")),
    "data": (("dataset", "runners.datasets"),),
    "metrics": (("metric", "runners.metrics"),),
    "optimizers": (("optimizer", "runners"),),
}
EVERYWHERE = {"data": ("runners.datasets.treatment", "treated")}  # whose options all of a noun may be given
NOT_WRITTEN = {"self", "site", "span", "groups"}  # what the compiler or the runner supplies
WORDS = {
    "int": "whole number", "float": "number", "bool": "true or false", "str": "text", "None": "null",
    "Tensor": "value", "Value": "value", "Node": "value", "Operand": "number or value", "Whole": "whole number",
    "Flag": "true or false", "Pair": "[low, high]", "Space": "noise | values", "Target": "model or energy",
    "Model": "model", "Callable": "function", "Density": "function", "Source": "source of data",
    "Size": "list of sizes", "BlockValue": "block", "ProgramModel": "model", "Chain": "diffusion chain",
    "Number": "number", "Start": "value",
}  # fmt: skip
NAMED = re.compile(r"(\w+): ")
READ = "read(probability=.., fresh=..)"
VIEWS = ("at", "log_prob", "inverse")


@dataclass(frozen=True)
class Option:
    """One thing that a spec writes by name: its type in words, its default (None: required), what its words mean."""

    name: str
    type: str
    default: str | None
    meaning: str = ""


@dataclass(frozen=True)
class Page:
    """All that a spec needs of one thing.   `methods`: what may be written after a dot, and its summary."""

    name: str
    text: str
    call: str
    options: tuple[Option, ...]
    methods: Mapping[str, str]


class Module:
    """One source file, parsed once."""

    def __init__(self, path: Path) -> None:
        self.source = path.read_text(encoding="utf-8")
        self.lines, self.body = self.source.split("\n"), ast.parse(self.source).body

    def find(self, name: str) -> "tuple[Module, ast.stmt, str] | None":
        """The class or assignment of that name, here or where it is imported from, and the text beneath it."""
        for at, node in enumerate(self.body):
            after = self.body[at + 1] if at + 1 < len(self.body) else None
            if isinstance(node, ast.ClassDef) and node.name == name:
                return self, node, ast.get_docstring(node) or ""
            if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == name for t in node.targets):
                return self, node, _text_of(after)
            if isinstance(node, ast.ImportFrom) and any((one.asname or one.name) == name for one in node.names):
                path = _path_of(node.module or "")
                return _module(path).find(name) if path else None
        return None

    def members(self, node: ast.ClassDef) -> "Iterator[tuple[Module, ast.stmt]]":
        """The statements of a class, then those of the classes it is made from."""
        yield from ((self, part) for part in node.body)
        for base in node.bases:
            found = self.find(base.id) if isinstance(base, ast.Name) else None
            if found is not None and isinstance(found[1], ast.ClassDef):
                yield from found[0].members(found[1])


def page_of(noun: str, name: str) -> Page:
    """The page of a thing that a source declares.   Raises LookupError if none does."""
    for decorator, package in PLACES[noun]:
        folder = ROOT.joinpath(*package.split("."))
        for path in sorted(folder.rglob("*.py")):
            if f'@{decorator}("{name}"' in path.read_text(encoding="utf-8"):
                module = _module(path)
                for node in module.body:
                    if isinstance(node, ast.ClassDef | ast.FunctionDef) and _declares(node, decorator, name):
                        page = _page(name, module, node)
                        return replace(page, options=page.options + _everywhere(noun))
    raise LookupError(name)


def _everywhere(noun: str) -> tuple[Option, ...]:
    """The options that all of a noun may be given besides their own."""
    if noun not in EVERYWHERE:
        return ()
    package, name = EVERYWHERE[noun]
    module = _module(ROOT.joinpath(*package.split(".")).with_suffix(".py"))
    return next(
        _options(module, node) for node in module.body if isinstance(node, ast.FunctionDef) and node.name == name
    )


def _declares(node: ast.ClassDef | ast.FunctionDef, decorator: str, name: str) -> bool:
    return any(ast.unparse(call).startswith(f"{decorator}({name!r}") for call in node.decorator_list)


def _page(name: str, module: Module, node: ast.ClassDef | ast.FunctionDef) -> Page:
    text = inspect.cleandoc(ast.get_docstring(node) or "")
    if isinstance(node, ast.FunctionDef):
        return Page(name, text, _call(module, node), _options(module, node), {})
    members = list(module.members(node))
    made, forward = (_function(members, wanted) for wanted in ("__init__", "forward"))
    call = _call(*forward) if forward else ""
    return Page(name, text, call, _options(*made) if made else (), _methods(members))


def _function(members: "list[tuple[Module, ast.stmt]]", name: str) -> tuple[Module, ast.FunctionDef] | None:
    return next(((at, part) for at, part in members if isinstance(part, ast.FunctionDef) and part.name == name), None)


def _call(module: Module, node: ast.FunctionDef) -> str:
    """The arguments as a spec writes them, and the comment with the shapes: `(a, b)   b *event, b *event -> b`.

    Of arguments of any number the comment says the names: `x: b *event, t: b, .. -> b`.
    """
    given = node.args
    first = len(given.args) - len(given.defaults)
    names = [
        one.arg + (f"={_value(module, given.defaults[at - first])}" if at >= first else "")
        for at, one in enumerate(given.args)
        if one.arg not in NOT_WRITTEN
    ]
    head = module.lines[node.lineno - 1 : node.body[0].lineno - 1]
    shapes = next((line.partition("  # ")[2] for line in head if "->" in line.partition("  # ")[2]), "")
    if given.vararg:
        names += [*NAMED.findall(shapes), ".."]
        shapes = NAMED.sub("", shapes)
    pairs = zip(given.kwonlyargs, given.kw_defaults, strict=True)
    names += ["NAME=.., .." if _any_name(one) else f"{one.arg}=.." for one, default in pairs if default is None]
    return f"({', '.join(names)})" + (f"   {shapes}" if shapes else "") if names else shapes


def _any_name(given: ast.arg) -> bool:
    """Whether a spec writes names of its own there: `record(z=.., x=..)`."""
    return given.annotation is not None and ast.unparse(given.annotation) == "Mapping[str, Value]"


def _options(module: Module, node: ast.FunctionDef) -> tuple[Option, ...]:
    pairs = zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)
    return tuple(_option(module, given, default) for given, default in pairs if not _any_name(given))


def _option(module: Module, given: ast.arg, default: ast.expr | None) -> Option:
    kind, meaning = _worded(module, given.annotation)
    return Option(given.arg, kind, None if default is None else _value(module, default), meaning)


def _worded(module: Module, hint: ast.expr | None) -> tuple[str, str]:
    """An annotation in words, and what the text beneath its alias says."""
    if hint is None:
        return "anything", ""
    if isinstance(hint, ast.BinOp):
        parts = [_worded(module, side) for side in (hint.left, hint.right)]
        return " or ".join(kind for kind, _ in parts), " ".join(text for _, text in parts if text)
    if isinstance(hint, ast.Subscript):
        inner = hint.slice.elts if isinstance(hint.slice, ast.Tuple) else [hint.slice]
        if ast.unparse(hint.value) == "Literal":
            return " | ".join(str(one.value) for one in inner if isinstance(one, ast.Constant)), ""
        one = _worded(module, inner[-1])[0]
        if ast.unparse(hint.value) == "Mapping":
            return f"mapping to {one}s", ""
        return f"list of {one}s" if "|" not in one else f"list of: {one}", ""
    written = ast.unparse(hint)
    if written in WORDS:
        return WORDS[written], ""
    found = module.find(written) if isinstance(hint, ast.Name) else None
    if found is not None and isinstance(found[1], ast.Assign):
        kind, meaning = _worded(found[0], found[1].value)
        return kind, " ".join((found[2] or meaning).split())
    return written, ""


def _value(module: Module, default: ast.expr) -> str:
    found = module.find(default.id) if isinstance(default, ast.Name) else None
    if found is not None and isinstance(found[1], ast.Assign):
        return _value(found[0], found[1].value)
    try:
        value = ast.literal_eval(default)
    except ValueError:
        return ast.unparse(default)
    known = {None: "null", True: "true", False: "false"} if value is None or isinstance(value, bool) else {}
    return known[value] if known else str(list(value)) if isinstance(value, tuple) else str(value)


def _methods(members: "list[tuple[Module, ast.stmt]]") -> dict[str, str]:
    """What a spec may write after the dot of a block, by what its class declares."""
    facts = {}
    for _, part in reversed(members):
        if isinstance(part, ast.AnnAssign) and isinstance(part.target, ast.Name) and part.value is not None:
            facts[part.target.id] = ast.unparse(part.value)
    found: dict[str, str] = {}
    if facts.get("role") == "'chain'":
        found |= {"timestep": "A time step, 1 .. steps, all equally likely: `~chain.timestep`."}
        found |= {"terminal": "The law at the last level, standard normal: `~chain.terminal`."}
    named = [*ast.literal_eval(facts.get("methods", "{}")), *(VIEWS if facts.get("is_model") == "True" else ())]
    if facts.get("is_model") == "True":
        found |= {"noise": "The law of its noise, to draw from: `~prior.noise`."}
    for name in named:
        method = _function(members, name)
        if method is not None:
            head, _, shapes = _call(*method).partition("   ")
            summary = (ast.get_docstring(method[1]) or "").split("\n")[0]
            found[f"{name}{head}"] = f"{summary}   {shapes}".strip()
    if facts.get("role") == "'memory'" and (method := _function(members, "read")) is not None:
        found[READ] = (ast.get_docstring(method[1]) or "").split("\n")[0]
    return found


def _text_of(node: ast.stmt | None) -> str:
    held = node.value if isinstance(node, ast.Expr) else None
    return inspect.cleandoc(held.value) if isinstance(held, ast.Constant) and isinstance(held.value, str) else ""


def _path_of(module: str) -> Path | None:
    path = ROOT.joinpath(*module.split("."))
    return next((one for one in (path.with_suffix(".py"), path / "__init__.py") if one.is_file()), None)


@cache
def _module(path: Path) -> Module:
    return Module(path)
