"""The smells of this house that a script can see: each a generator of (line, sentence) over one source."""

import ast
import re
from collections.abc import Iterator

from tests.house.sources import FUNCTIONS, Source, called, dotted, imports

Smell = Iterator[tuple[int, str]]

DRAWERS = {"utils", "util", "helpers", "helper", "manager", "managers", "misc", "common"}
FOREIGN = {"torch", "sys", "os", "signal", "np", "inspect"}  # what `hasattr` may ask: modules of others
DRAWS = {"rand", "randn", "randint", "randperm", "rand_like", "randn_like", "randint_like", "bernoulli", "multinomial"}
SETTINGS = ("torch.backends.",)  # assigning here is torch's own way to set an option
ONE_MACHINE = re.compile(r"/(home|Users|root|tmp|var|opt|mnt|media|srv|data|scratch|work\w*)/\w")
DECLARES = {"block", "operator", "dataset", "metric", "optimizer"}


def a_drawer_for_everything(source: Source) -> Smell:
    """A module or folder named for no subject."""
    for part in source.module.split("."):
        if DRAWERS & set(part.strip("_").split("_")):
            yield 1, f"`{part}` names no subject: put each thing with the part that it is about"


def catches_everything(source: Source) -> Smell:
    """`except Exception`, a bare `except`, and `except BaseException` that does not raise again."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.ExceptHandler):
            caught = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
            names = {dotted(kind) if kind else "everything" for kind in caught}
            raises = any(isinstance(step, ast.Raise) and step.exc is None for step in ast.walk(node))
            if names & {"everything", "Exception"} or ("BaseException" in names and not raises):
                yield node.lineno, "catches everything: name what can happen"


def branches_on_a_kind(source: Source) -> Smell:
    """`match x.kind`, and `if kind == "..."` with an `else`, or twice in a function; a single guard is none."""
    sentence = "branches on a kind: a table or a method says it where the kind is declared"
    for scope in ast.walk(source.tree):
        if isinstance(scope, ast.Match) and is_kind(scope.subject):
            yield scope.lineno, sentence
        if isinstance(scope, FUNCTIONS):
            branches = [part for part in ast.walk(scope) if isinstance(part, ast.If | ast.IfExp)]
            asking = [part for part in branches if any(map(equals_a_kind, ast.walk(part.test)))]
            if len(asking) > 1 or any(part.orelse for part in asking):
                yield asking[0].lineno, sentence


def equals_a_kind(test: ast.AST) -> bool:
    equals = isinstance(test, ast.Compare) and isinstance(test.ops[0], ast.Eq)
    return equals and is_kind(test.left) and isinstance(test.comparators[0], ast.Constant)


def is_kind(node: ast.AST) -> bool:
    """`kind` and `x.kind`, but not `dtype.kind`, which is numpy's, nor a parser's `token.kind`."""
    words = dotted(node).split(".")
    return words[-1] == "kind" and not {"dtype", "token"} & set(words)


def asks_what_it_has(source: Source) -> Smell:
    """`hasattr` on a type of ours, which the type already answers."""
    for node in ast.walk(source.tree):
        asks = isinstance(node, ast.Call) and called(node) == "hasattr" and node.args
        if asks and dotted(node.args[0]).split(".")[0] not in FOREIGN:
            yield node.lineno, "`hasattr` on our own type: give the type the attribute, or a default"


def passes_keywords_through(source: Source) -> Smell:
    """`**kwargs`, and any `**name` that is handed on as it came; a decorator's `Given.kwargs` is typed, so none."""
    for node in ast.walk(source.tree):
        if isinstance(node, FUNCTIONS) and node.args.kwarg and not is_parameters(node.args.kwarg.annotation):
            name = node.args.kwarg.arg
            calls = [call for call in ast.walk(node) if isinstance(call, ast.Call)]
            on = any(word.arg is None and dotted(word.value) == name for call in calls for word in call.keywords)
            if name in {"kwargs", "kw", "kwds"} or on:
                yield node.lineno, f"`**{name}` of `{node.name}`: write out the keywords that it takes"


def is_parameters(annotation: ast.AST | None) -> bool:
    return annotation is not None and dotted(annotation).endswith(".kwargs")


def reads_the_message(source: Source) -> Smell:
    """`"text" in str(error)`: the class of an error and its fields are its meaning."""
    for handler in ast.walk(source.tree):
        if isinstance(handler, ast.ExceptHandler) and handler.name:
            for node in ast.walk(handler):
                if isinstance(node, ast.Compare) and any(is_message(part, handler.name) for part in ast.walk(node)):
                    yield node.lineno, "decides by the text of an error: catch a class of its own"


def is_message(node: ast.AST, error: str) -> bool:
    text = isinstance(node, ast.Call) and called(node) in {"str", "repr"} and [dotted(a) for a in node.args] == [error]
    return text or (isinstance(node, ast.Subscript) and dotted(node.value) == f"{error}.args")


def patches_another_module(source: Source) -> Smell:
    """An assignment to an attribute of something imported, by `=` or by `setattr`."""
    imported = set(imported_names(source))
    for node in ast.walk(source.tree):
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if isinstance(node, ast.Assign | ast.AugAssign | ast.AnnAssign):
            places = [dotted(target) for target in targets if isinstance(target, ast.Attribute)]
        elif isinstance(node, ast.Call) and called(node) == "setattr" and node.args:
            places = [dotted(node.args[0])]
        else:
            continue
        for place in places:
            if place.split(".")[0] in imported and not place.startswith(SETTINGS):
                yield node.lineno, f"assigns to `{place}`, which belongs to another module"


def imported_names(source: Source) -> Iterator[str]:
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield from ((alias.asname or alias.name).split(".")[0] for alias in node.names)


def keeps_state_in_a_module(source: Source) -> Smell:
    """`global`: a module that remembers."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Global):
            yield node.lineno, f"`global {', '.join(node.names)}`: only registries keep state in a module"


def is_a_function_in_disguise(source: Source) -> Smell:
    """A class with a constructor and one method, and without base, decorator or any field to read."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.ClassDef) and not node.bases and not node.decorator_list:
            methods = [part.name for part in node.body if isinstance(part, FUNCTIONS) and part.name != "__init__"]
            if len(methods) == 1 and not has_fields(node):
                yield node.lineno, f"`{node.name}` has one method: a function or a closure says the same"


def has_fields(node: ast.ClassDef) -> bool:
    """Whether a class assigns a public name, in its body or to `self`."""
    written = [part for part in ast.walk(node) if isinstance(getattr(part, "ctx", None), ast.Store)]
    places = [dotted(part) for part in written if isinstance(part, ast.Attribute)]
    body = any(isinstance(part, ast.Assign | ast.AnnAssign) for part in node.body)
    return body or any(place.startswith("self.") and not place.startswith("self._") for place in places)


def hides_its_annotations(source: Source) -> Smell:
    """`from __future__ import annotations` where signatures are read at run time."""
    decorators = {
        called(call)
        for node in source.tree.body
        for call in getattr(node, "decorator_list", ())
        if isinstance(call, ast.Call)
    }
    for node in source.tree.body:
        if isinstance(node, ast.ImportFrom) and node.module == "__future__" and decorators & DECLARES:
            yield node.lineno, "a declared signature is read at run time: leave its annotations as they are"


def waits_for_the_device(source: Source) -> Smell:
    """`.item()`, `.cpu()`, `.cuda()` and `.numpy()` in a block, unless of a number that the same line made a tensor."""
    if source.layer == "blocks":
        for node in ast.walk(source.tree):
            method = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
            if method and node.func.attr in {"item", "cpu", "cuda", "numpy"} and not makes_a_tensor(node.func.value):
                yield node.lineno, f"`.{node.func.attr}()` in a block waits for the device"


def makes_a_tensor(node: ast.AST) -> bool:
    return any(isinstance(part, ast.Call) and dotted(part.func) == "torch.tensor" for part in ast.walk(node))


def speaks_in_a_block(source: Source) -> Smell:
    """`print` and `logging` in a block."""
    if source.layer == "blocks":
        for node in ast.walk(source.tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print":
                yield node.lineno, "a block does not print"
        yield from ((line, "a block does not log") for line, name in imports(source) if name.split(".")[0] == "logging")


def draws_in_the_dark(source: Source) -> Smell:
    """A draw or a seed from torch's global generator below the runners: noise is an argument there.

    A constructor, or a function that it calls, may draw: parameters start somewhere, and the runner seeds that.
    """
    if source.layer in {"blocks", "compose"}:
        functions = [node for node in ast.walk(source.tree) if isinstance(node, FUNCTIONS)]
        constructors = [function for function in functions if function.name == "__init__"]
        asked = {called(call) for one in constructors for call in ast.walk(one) if isinstance(call, ast.Call)}
        constructors += [function for function in functions if function.name in asked]
        starts = {id(part) for constructor in constructors for part in ast.walk(constructor)}
        for node in ast.walk(source.tree):
            if isinstance(node, ast.Call) and dotted(node.func) == "torch.manual_seed":
                yield node.lineno, "seeds the global generator: the runner owns it"
            if isinstance(node, ast.Call) and id(node) not in starts and is_draw(node):
                yield (
                    node.lineno,
                    f"`torch.{called(node)}` draws from the global generator: take the noise as an argument",
                )


def is_draw(node: ast.Call) -> bool:
    seeded = any(word.arg == "generator" for word in node.keywords)
    return dotted(node.func).startswith("torch.") and called(node) in DRAWS and not seeded


def is_one_persons_path(source: Source) -> Smell:
    """A string that is an absolute path: it is there on one machine only."""
    for node in ast.walk(source.tree):
        text = node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""
        if ONE_MACHINE.match(text):
            yield node.lineno, f"`{text}` is a path of one machine"
