"""Slots: the sizes of every block, as its calls fix them, and the block itself on fake tensors once they are known."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from typing import Any

from torch import nn

from blocks.types import Classes, Levels, Size, Taken
from compose.allowance import Allowance
from compose.bounds import bounded_parts
from compose.declarations import Declared
from compose.diagnostics import NOWHERE, Finding, Span
from compose.fake_runs import REFUSALS
from compose.graph import OF_ROWS, Edge, Node, Operation, Tensor
from compose.wording import missing_input, other_count, refused_sizes, two_sizes

__all__ = ["OF_NOISE", "Slot", "Slots"]

SHOWN = 2  # other calls beside the odd one
OF_NOISE = ("at", "log_prob_at")  # methods of a model whose first arguments are its noise
TIME = "t"  # what an input is called that is a time step, or a number for each sample


Given = dict[int, tuple[Taken, Span | None]]
"""What one call gives in each place, and where that stands."""


@dataclass
class Slot:
    """What is known of one block's sizes, and which uses said so; `built` is how many values its module takes."""

    takes: list[Taken | None] = field(default_factory=list)
    makes: Size | None = None
    evidence: dict[int, Span | None] = field(default_factory=dict)
    module: nn.Module | None = None
    broken: bool = False
    built: int = 0
    calls: dict[tuple[Span | None, int], Given] = field(default_factory=dict)


class Slots(dict[str, Slot]):
    """The slot of each block.   What is wrong with sizes is kept in `findings`."""

    def __init__(self, blocks: Mapping[str, Declared], mode: Allowance) -> None:
        super().__init__({name: Slot(list(declared.argument_sizes())) for name, declared in blocks.items()})
        self.blocks, self.mode = blocks, mode
        self.findings: list[Finding] = []

    def positions(self, node: Node) -> list[tuple[int, Any]]:
        """(place in `takes`, argument) of a block's call: by position, or as the method says."""
        assert node.use is not None
        declared = self.blocks[node.use.block]
        places = getattr(declared.block, "slots", {}).get(node.operation.target)
        if declared.leaves and node.operation.target in OF_NOISE:  # leaves first, then what the model is told
            places = (*(None for _ in declared.leaves), *range(1, len(node.arguments)))
        indexed = enumerate(node.arguments) if places is None else zip(places, node.arguments, strict=False)
        return [(place, argument) for place, argument in indexed if place is not None]

    def count(self, node: Node) -> int:
        """How many values a block's call gives; the noise of a model stands for its value."""
        assert node.use is not None
        noise = bool(self.blocks[node.use.block].leaves) and node.operation.target in OF_NOISE
        return max((place + 1 for place, _ in self.positions(node)), default=int(noise))

    def bind_known(self, node: Node) -> bool:
        """Take the sizes of a call's arguments that are known; whether there was news."""
        assert node.use is not None
        news = False
        for place, argument in self.positions(node):
            if isinstance(argument, Edge) and isinstance(argument.source.type, Tensor):
                at, known = _place(argument, node), argument.source.type
                if node.operation.rows == OF_ROWS:
                    known = replace(known, event=known.event[1:])
                news |= self.bind(node.use.block, place, known, at, node)
        return news

    def bind(self, name: str, place: int, known: Tensor, span: Span | None, call: Node | None = None) -> bool:
        """Take the size of one argument of block `name`, or find that it disagrees with another use.

        `span` is where the argument stands, `call` the node that gives it: in the body of a function one
        place gives values of several sizes.
        """
        slot, declared, taken = self[name], self.blocks[name], self._taken(known)
        slot.calls.setdefault((call.span, id(call)) if call else (span, 0), {})[place] = (taken, span)
        if "takes" not in declared.inferred or slot.broken:
            return False
        slot.takes += [None] * (place + 1 - len(slot.takes))
        if slot.takes[place] is None:
            slot.takes[place], slot.evidence[place] = taken, span
            return True
        slot.broken = slot.broken or slot.takes[place] != taken  # `disagreements` says who is the odd one
        return False

    def disagreements(self) -> list[Finding]:
        """Calls of one block on values of different sizes: the odd ones out, which are fewer or come later."""
        return [found for name, slot in self.items() for found in _odd_calls(name, self.blocks[name], slot)]

    def _taken(self, known: Tensor) -> Taken:
        if known.chain:
            return Levels(int(self.blocks[known.chain].options["steps"]))
        return Classes(known.classes) if known.classes else known.event

    def build(self, name: str, arguments: int, makes: Size | None) -> nn.Module | None:
        """The block on fake tensors, called with so many arguments, once its sizes are known; None before."""
        slot, declared = self[name], self.blocks[name]
        if slot.module is not None or slot.broken:
            return slot.module
        if "makes" in declared.inferred:
            slot.makes = makes
            if slot.makes is None and not declared.may_omit("makes"):
                return None
        if "takes" in declared.inferred and (len(slot.takes) < arguments or None in slot.takes or not slot.takes):
            return None
        try:
            # a table needs its numbers
            with self.mode.lift() if declared.role == "chain" else nullcontext(), bounded_parts():
                slot.module = declared.build(tuple(slot.takes), slot.makes)  # type: ignore[arg-type]
            slot.built = len(slot.takes)
        except REFUSALS as error:
            self._break(name, refused_sizes(declared.span, name, str(error)))
        return slot.module

    def miscounted(self, node: Node, count: int) -> Finding | None:
        """What is wrong with a call that gives a block another number of values than it was built for."""
        assert node.use is not None
        name, slot = node.use.block, self[node.use.block]
        sizeless = count == 0 and node.operation.target in getattr(self.blocks[name].block, "slots", {})
        if "takes" not in self.blocks[name].inferred or count == slot.built or sizeless:
            return None
        place = next((place for place in slot.evidence.values() if place is not None), self.blocks[name].span)
        return other_count(node.span, name, count, slot.built, place)

    def lacking(self, node: Node) -> Finding | None:
        """What is wrong with a call that leaves out an input which the kind of the block names, or its options size."""
        assert node.use is not None
        name, inputs = node.use.block, self.blocks[node.use.block].arguments
        given = [argument for _, argument in self.positions(node)]
        at = inputs.index(TIME) if TIME in inputs else len(given)
        no_time = at < len(inputs) and (at >= len(given) or _no_time(given[at]))
        if no_time:
            return missing_input(node.span, name, TIME, inputs)
        short = len(given) < min(len(inputs), len(self[name].takes))
        return missing_input(node.span, name, inputs[len(given)], inputs) if short else None

    def _break(self, name: str, found: Finding) -> None:
        self[name].broken = True
        if found not in self.findings:
            self.findings.append(found)


def _place(argument: Edge, node: Node) -> Span | None:
    """Where to blame an argument of `node`: of a chain's state, where the start of the chain is written."""
    state = argument.source.operation == Operation("input", "state")
    return (state and argument.source.span) or argument.span or node.span


def _no_time(argument: Any) -> bool:  # noqa: ANN401  an edge, or a number
    """Whether a value is seen to be no time: it has an event, or is a draw that anything could shape."""
    if not isinstance(argument, Edge) or argument.source.chain is not None:
        return False
    known = argument.source.type
    return bool(known.event) if isinstance(known, Tensor) else argument.source.leaf is not None


def _odd_calls(name: str, declared: Declared, slot: Slot) -> Iterator[Finding]:
    calls = _told_apart(slot)
    usual = {place: _usual(calls, place) for place in {place for call in calls for place in call}}
    fixed = dict(enumerate(declared.argument_sizes()))  # by the options
    usual |= {place: size for place, size in fixed.items() if size is not None}
    for call in calls if "takes" in declared.inferred else ():
        odd = next((place for place in sorted(call) if call[place][0] != usual[place]), None)
        if odd is not None:
            like = [other[odd][1] for other in calls if odd in other and other[odd][0] == usual[odd]]
            swapped = len(call) > 1 and Counter(t for t, _ in call.values()) == Counter(usual[at] for at in call)
            notes = [place for place in like if place is not None][:SHOWN] or [declared.span]
            yield two_sizes(call[odd][1], name, call[odd][0], usual[odd], notes, swapped)
            if not like:  # no call fits the options: one cause
                return


def _told_apart(slot: Slot) -> list[Given]:
    """The calls in the order of the text, those that give the same at the same place once."""
    apart: dict[tuple[Span | None, frozenset[tuple[int, Taken]]], Given] = {}
    for span, node in sorted(slot.calls, key=lambda at: at[0] or NOWHERE):
        given = slot.calls[span, node]
        apart.setdefault((span, frozenset((place, taken) for place, (taken, _) in given.items())), given)
    return list(apart.values())


def _usual(calls: Sequence[Given], place: int) -> Taken:
    """The size that most calls give in a place; of as many, the one that comes first."""
    return Counter(call[place][0] for call in calls if place in call).most_common(1)[0][0]
