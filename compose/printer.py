"""The readable print of a program: the nodes of its fx module as the Python that a careful person would have written.

It runs on its own: executed in a namespace that holds the blocks' views by name, it defines a function that computes
the same bits as the module.
"""

from __future__ import annotations

import operator
from typing import Any

import torch
from torch import fx

from blocks.operators import arithmetic

__all__ = ["print_program"]

INFIX = {
    arithmetic.add: "+", arithmetic.subtract: "-", arithmetic.multiply: "*", arithmetic.divide: "/",
    arithmetic.floor_divide: "//", arithmetic.power: "**", arithmetic.less: "<", arithmetic.less_equal: "<=",
    arithmetic.greater: ">", arithmetic.greater_equal: ">=", arithmetic.equal: "==",
}  # fmt: skip
WIDTH = 110


def print_program(module: fx.GraphModule, name: str) -> str:
    """The source of `module` as a function `name`, after the functions of its loops and the imports of both."""
    imports: dict[str, set[str]] = {}
    functions: list[str] = []
    _print(module, name, functions, imports)
    head = [f"from {place} import {', '.join(sorted(names))}" for place, names in sorted(imports.items())]
    return "\n\n\n".join(["\n".join(head), *functions] if head else functions) + "\n"


def _print(module: fx.GraphModule, name: str, functions: list[str], imports: dict[str, set[str]]) -> None:
    writer = _Writer(module, functions, imports)
    lines = [line for node in module.graph.nodes for line in writer.lines(node)]
    functions.append("\n".join([f"def {name}({', '.join(writer.parameters)}):", *lines]))


class _Writer:
    """Writes one function; `words` holds the text that stands for each node."""

    def __init__(self, module: fx.GraphModule, functions: list[str], imports: dict[str, set[str]]) -> None:
        self.module, self.functions, self.imports = module, functions, imports
        self.words: dict[fx.Node, str] = {}
        self.parameters: list[str] = []
        self.indent = "    "

    def lines(self, node: fx.Node) -> list[str]:
        """The lines of one node, if it needs any of its own."""
        if node.op == "placeholder":
            self.parameters.append(node.name)
            self.words[node] = node.name
            return []
        if node.op == "get_attr":
            self.words[node] = self.attribute(str(node.target))
            return []
        if node.op == "output":
            return [self.wrapped(f"{self.indent}return ", node.args[0])]
        if node.target is torch._C._set_grad_enabled:
            return self.region(bool(node.args[0]))
        text = self.text(node)
        if self.inline(node):
            self.words[node] = text if text.isidentifier() or text[-1] in ")]" and not self.is_sum(node) else f"({text})"
            return []
        self.words[node] = node.name
        return [f"{self.indent}{node.name} = {text}"]

    def attribute(self, target: str) -> str:
        """A block by its name, or the function of a loop, printed first."""
        inner = getattr(self.module, target)
        if isinstance(inner, fx.GraphModule):
            _print(inner, target, self.functions, self.imports)
        return target

    def region(self, recording: bool) -> list[str]:
        """Enter or leave `with torch.no_grad()`."""
        if recording:
            self.indent = self.indent[:-4]
            return []
        self.imports.setdefault("torch", set()).add("no_grad")
        self.indent += "    "
        return [f"{self.indent[:-4]}with no_grad():"]

    def text(self, node: fx.Node) -> str:
        """The expression of a node."""
        arguments = [self.value(argument) for argument in node.args]
        named = [f"{key}={self.value(part)}" for key, part in node.kwargs.items()]
        if node.op == "call_module":
            return f"{node.target}({', '.join([*arguments, *named])})"
        if node.op == "call_method":
            return f"{arguments[0]}.{node.target}({', '.join([*arguments[1:], *named])})"
        if node.target in INFIX and len(arguments) == 2:
            return f"{arguments[0]} {INFIX[node.target]} {arguments[1]}"
        if node.target is arithmetic.negative:
            return f"-{arguments[0]}"
        if node.target is getattr:
            return f"{arguments[0]}.{node.args[1]}"
        if node.target is operator.getitem:
            return f"{arguments[0]}[{arguments[1]}]"
        return f"{self.imported(node.target)}({', '.join([*arguments, *named])})"

    def imported(self, function: Any) -> str:  # noqa: ANN401
        """The name of an imported function, another one where a value of the program has it."""
        name = function.__name__
        taken = any(name in self.locals_of(module) for module in self.module.modules() if isinstance(module, fx.GraphModule))
        self.imports.setdefault(function.__module__, set()).add(f"{name} as {name}_" if taken else name)
        return f"{name}_" if taken else name

    @staticmethod
    def locals_of(module: fx.GraphModule) -> set[str]:
        """The names of a module's values."""
        return {node.name for node in module.graph.nodes}

    def value(self, value: Any) -> str:  # noqa: ANN401  nested constants and nodes
        """A nested argument."""
        if isinstance(value, fx.Node):
            return self.words[value]
        if isinstance(value, dict):
            return "{" + ", ".join(f"{key!r}: {self.value(part)}" for key, part in value.items()) + "}"
        if isinstance(value, list):
            return f"[{', '.join(map(self.value, value))}]"
        if isinstance(value, tuple):
            return f"({', '.join(map(self.value, value))}{',' if len(value) == 1 else ''})"
        return repr(value)

    def wrapped(self, head: str, value: Any) -> str:  # noqa: ANN401
        """A result, over several lines where it is long."""
        text = head + self.value(value)
        if len(text) <= WIDTH or not isinstance(value, dict):
            return text
        inner = self.indent + "    "
        rows = [f"{inner}{key!r}: {self.value(part)}," for key, part in value.items()]
        return "\n".join([head + "{", *rows, self.indent + "}"])

    def inline(self, node: fx.Node) -> bool:
        """Whether a node is written where it is used: once, in the next line, and short."""
        users = list(node.users)
        if len(users) != 1 or node.next is not users[0] and not _only_inline_between(node, users[0]):
            return False
        simple = node.target in (*INFIX, arithmetic.negative, getattr, operator.getitem) or node.target in ("mean", "detach")
        return simple and users[0].op != "output" and len(self.text(node)) < 60

    @staticmethod
    def is_sum(node: fx.Node) -> bool:
        """Whether the node's text needs brackets inside another."""
        return node.target in (*INFIX, arithmetic.negative)


def _only_inline_between(node: fx.Node, user: fx.Node) -> bool:
    here = node.next
    while here is not user:
        if here.op != "get_attr" or here.op == "root":
            return False
        here = here.next
    return True
