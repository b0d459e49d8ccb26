"""The readable print of a program: the nodes of its fx module as the Python that a careful person would have written.

It runs on its own: executed in a namespace that holds the blocks' views by name, it defines a function that computes
the same bits as the module. Which values get a name is decided by `passes.schedule`, for the module too.
"""

from __future__ import annotations

import builtins
import keyword
import operator
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import torch
from torch import fx, nn

from compose.layout import Doc, Group, laid_out, literal, separated
from compose.passes.schedule import is_part

__all__ = ["namespace", "print_program"]

COMPARED, SUM, PRODUCT, UNARY, POWER, ATOM = range(6)  # how tightly an expression holds together
INFIX: Mapping[Any, tuple[str, int]] = {
    operator.add: ("+", SUM), operator.sub: ("-", SUM), operator.mul: ("*", PRODUCT), operator.truediv: ("/", PRODUCT),
    operator.pow: ("**", POWER), operator.lt: ("<", COMPARED), operator.le: ("<=", COMPARED),
    operator.gt: (">", COMPARED), operator.ge: (">=", COMPARED), operator.eq: ("==", COMPARED),
}  # fmt: skip
HIDDEN = (torch._C._set_grad_enabled, torch.is_grad_enabled, getattr, operator.getitem, operator.neg, *INFIX)
REGIONS = {"paused": "no_grad", "enabled": "enable_grad"}


def print_program(module: fx.GraphModule, name: str, notes: Iterable[str] = ()) -> str:
    """The source of `module` as a function `name`, after `notes` (comments), imports and the functions of its loops."""
    functions = [*_functions(module)]
    taken = {*dir(builtins), *keyword.kwlist, name, *(used for one in functions for used in _attributes(one))}
    imports = _imports(functions, taken)
    taken |= set(imports.values())
    head = [f"# {note}" for note in notes]
    texts = [_Writer(one, imports, taken).function(_name(one, module, name)) for one in functions]
    lines = [*head, *([""] if head and imports else []), *_import_lines(imports)]
    return "\n\n\n".join([*(["\n".join(lines)] if lines else []), *texts]) + "\n"


def namespace(module: fx.GraphModule) -> dict[str, nn.Module]:
    """What the print of `module` must find when it is executed: the blocks' views by name."""
    children = [pair for one in _functions(module) for pair in one.named_children()]
    return {name: child for name, child in children if not isinstance(child, fx.GraphModule)}


def _functions(module: fx.GraphModule) -> Iterator[fx.GraphModule]:
    """The functions of the loops inside, each after those that it uses, and the module itself last."""
    for child in module.children():
        if isinstance(child, fx.GraphModule):
            yield from _functions(child)
    yield module


def _name(one: fx.GraphModule, module: fx.GraphModule, name: str) -> str:
    if one is module:
        return name
    return next(path for path, held in module.named_modules() if held is one).split(".")[-1]


def _attributes(module: fx.GraphModule) -> set[str]:
    return {str(node.target) for node in module.graph.nodes if node.op in ("get_attr", "call_module")}


def _imports(functions: list[fx.GraphModule], taken: set[str]) -> dict[Any, str]:
    """Every function that the programs call, with the name that it goes by here."""
    found: dict[Any, str] = {}
    for module in functions:
        for node in module.graph.nodes:
            region = REGIONS.get(node.meta.get("region", ""))
            if region:
                found[getattr(torch, region)] = region
            elif node.op == "call_function" and node.target not in HIDDEN:
                found[node.target] = node.target.__name__
    names: set[str] = set()
    for function, name in found.items():
        free = _free(name, taken | names)
        names.add(free)
        found[function] = free
    return found


def _import_lines(imports: Mapping[Any, str]) -> list[str]:
    places: dict[str, list[str]] = {}
    for function, name in imports.items():
        own = function.__name__
        place = "torch" if function in (torch.no_grad, torch.enable_grad) else function.__module__
        places.setdefault(place, []).append(own if own == name else f"{own} as {name}")
    return [f"from {place} import {', '.join(sorted(names))}" for place, names in sorted(places.items())]


def _free(name: str, taken: set[str], suffix: str = "_") -> str:
    while name in taken:
        name, suffix = f"{name}{suffix}", "_"
    return name


class _Writer:
    """Writes one function; `words` holds the expression that stands for each node, and how tightly it holds."""

    def __init__(self, module: fx.GraphModule, imports: Mapping[Any, str], taken: set[str]) -> None:
        self.module, self.imports, self.taken = module, imports, set(taken)
        self.words: dict[fx.Node, tuple[Doc, int]] = {}
        self.indent = "    "

    def function(self, name: str) -> str:
        """The whole function."""
        parameters = [self.named(node) for node in self.module.graph.nodes if node.op == "placeholder"]
        about = self.module.meta.get("about")
        lines = [laid_out(f"def {name}", (separated("(", [(word,) for word in parameters], "):"),), "")]
        lines += [f'    """{about[0].upper()}{about[1:]}."""'] if about else []
        return "\n".join([*lines, *(line for node in self.module.graph.nodes for line in self.lines(node))])

    def named(self, node: fx.Node) -> str:
        """Give a node a name of its own."""
        word = _free(node.meta.get("word", node.name), self.taken, node.meta.get("suffix", "_"))
        self.taken.add(word)
        self.words[node] = (word,), ATOM
        return word

    def lines(self, node: fx.Node) -> Iterator[str]:
        """The lines of one node, if it has any of its own."""
        if node.op == "output":
            yield laid_out("return ", self.value(node.args[0])[0], self.indent)
        elif "region" in node.meta:
            yield from self.region(node.meta["region"])
        elif is_part(node) or node.op == "get_attr":
            self.words[node] = self.expression(node)
        elif node.op != "placeholder" and node.target is not torch.is_grad_enabled:
            doc, _ = self.expression(node)
            comment = f"  # {node.meta['comment']}" if "comment" in node.meta else ""
            yield laid_out(f"{self.named(node)} = ", doc, self.indent) + comment

    def region(self, name: str) -> Iterator[str]:
        """Enter or leave a stretch where recording is switched off, or on."""
        if name == "leave":
            self.indent = self.indent[:-4]
        else:
            yield f"{self.indent}with {self.imports[getattr(torch, REGIONS[name])]}():"
            self.indent += "    "

    def expression(self, node: fx.Node) -> tuple[Doc, int]:
        """What a node computes, in words."""
        if node.op == "get_attr":
            return (str(node.target),), ATOM
        if node.target in INFIX and len(node.args) == 2:
            return self.infix(node)
        if node.target is operator.neg:
            return ("-", *self.held(node.args[0], UNARY)), UNARY
        if node.target is getattr:
            return (*self.held(node.args[0], ATOM), f".{node.args[1]}"), ATOM
        if node.target is operator.getitem:
            return (*self.held(node.args[0], ATOM), f"[{literal(node.args[1])}]"), ATOM
        if node.op == "call_method":
            return (*self.held(node.args[0], ATOM), f".{node.target}", self.call(node.args[1:], node.kwargs)), ATOM
        called = str(node.target) if node.op == "call_module" else self.imports[node.target]
        return (called, self.call(node.args, node.kwargs)), ATOM

    def infix(self, node: fx.Node) -> tuple[Doc, int]:
        """Two operands around an operator; brackets only where they are needed."""
        word, level = INFIX[node.target]
        left = ATOM if level == POWER else level + (level == COMPARED)
        right = UNARY if level == POWER else level + 1
        return (*self.held(node.args[0], left), f" {word} ", *self.held(node.args[1], right)), level

    def call(self, arguments: Iterable[Any], options: Mapping[str, Any]) -> Group:
        """The arguments of a call."""
        named: list[Doc] = [(f"{key}=", *self.value(part)[0]) for key, part in options.items()]
        return separated("(", [*(self.value(part)[0] for part in arguments), *named], ")")

    def held(self, value: Any, level: int) -> Doc:  # noqa: ANN401  nested constants and nodes
        """An operand, in brackets if it holds together less tightly than `level`."""
        doc, own = self.value(value)
        return doc if own >= level else ("(", *doc, ")")

    def value(self, value: Any) -> tuple[Doc, int]:  # noqa: ANN401
        """A nested argument."""
        if isinstance(value, fx.Node):
            return self.words[value]
        if isinstance(value, dict):
            items = [(f"{literal(key)}: ", *self.value(part)[0]) for key, part in value.items()]
            return (separated("{", items, "}"),), ATOM
        if isinstance(value, list | tuple):
            items = [self.value(part)[0] for part in value]
            brackets = ("[", "]") if isinstance(value, list) else ("(", ",)" if len(value) == 1 else ")")
            return (separated(brackets[0], items, brackets[1]),), ATOM
        return (literal(value),), UNARY if isinstance(value, int | float) and value < 0 else ATOM
