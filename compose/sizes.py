"""Sizes: every node's type, and what every block takes and makes, found by a worklist.

A node whose arguments are known is *run*, through the real blocks, on fake tensors that hold no data. What is not known
yet is asked of its use: a leaf takes the size of the block, the density or the sum that it meets. Loops give type
rules. What is left over in the end is an error.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from blocks.types import Field, Size
from compose.allowance import Allowance
from compose.declarations import Declared
from compose.diagnostics import Finding
from compose.fake_runs import REFUSALS, execute, extra_axes, fake, faking, refused, rerun, type_of, wrong_rows
from compose.graph import Body, Distribution, Edge, Graph, Node, Tensor
from compose.leftovers import leftovers
from compose.loop_types import state_sources
from compose.slots import OF_NOISE, Slot, Slots
from compose.wording import not_scalar, shapes_disagree, two_sizes, unequal_events, wide_term

__all__ = ["Sizes", "Slot", "extra_axes"]

FLEXIBLE = ("add", "subtract", "multiply", "divide", "negative", "interpolate", "repeat", "Normal")


class Sizes:
    """The worklist.   `solve(graphs)` sets the type of every node that it can; `slots` are the blocks' sizes."""

    def __init__(self, blocks: Mapping[str, Declared], fields: Mapping[str, Field], batch: int) -> None:
        self.blocks, self.fields, self.batch = blocks, fields, batch
        self.mode = Allowance()
        self.slots = Slots(blocks, self.mode)
        self.lines: dict[str, Node] = {}
        self.findings = self.slots.findings
        self.failed: set[int] = set()
        self.told: set[int] = set()  # leaves whose size is that of an example, whatever they meet
        self.fakes: dict[int, Any] = {}

    def solve(self, graphs: Iterable[Graph], *, complete: bool = True) -> list[Finding]:
        """Type everything in `graphs` that can be typed; what is wrong.

        `complete`: nothing is missing in the graphs, so what has no size in the end is at fault too.
        """
        graphs = list(graphs)
        self.told = {id(leaf) for graph in graphs for held in self._all(graph) for leaf, _ in held.alike}
        with faking(self.mode):
            while self._pass(graphs):
                pass
        self.findings += self.slots.disagreements()
        for graph in graphs:
            self._energies(graph)
            if complete and not self.failed and not any(slot.broken for slot in self.slots.values()):
                for found in leftovers(graph, self.slots, self.fakes):
                    self._fault(None, found)
        if not self.findings:
            with faking(self.mode):
                for graph in graphs:
                    self.findings += rerun(graph, self.callee, self.fakes, 2 * self.batch)
        return self.findings

    def makes(self, name: str) -> Size | None:
        """What block `name` must make: from `like`; by default the data (decoders, generators), or its input."""
        declared, slot = self.blocks[name], self.slots[name]
        like = declared.like or getattr(declared.block, "like", None)
        if like == "input":
            first = slot.takes[0] if slot.takes else None
            return first if isinstance(first, tuple) else None
        if like == "data":
            return next((held.event for held in self.fields.values() if held.dtype == "float32"), None)
        if like in self.fields:
            return self.fields[str(like)].event
        node = self.lines.get(str(like))
        return node.type.event if node is not None and isinstance(node.type, Tensor) else None

    # one pass ---------------------------------------------------------------------------------------------------------

    def _pass(self, graphs: list[Graph]) -> bool:
        progress = self._alike()
        for graph in graphs:
            for node in _live(graph):
                if node.type is None and id(node) not in self.fakes and id(node) not in self.failed:
                    progress |= self._visit(node)
            for held in self._all(graph):
                for leaf, like in held.alike:
                    if leaf.type is None and isinstance(like.type, Tensor):
                        progress |= self._know(leaf, Tensor(like.type.event, rows=like.type.rows))
                for leaf, _, is_leaf in held.scalars:
                    if is_leaf and leaf.type is None:
                        progress |= self._want(leaf, (), 1)
            progress |= self._written(graph)
        return progress

    def _alike(self) -> bool:
        """A flow makes what it takes, so that its `like` says both."""
        progress = False
        for name, declared in self.blocks.items():
            event = self.makes(name) if declared.is_model and declared.like else None
            if event is not None:
                progress |= self.slots.bind(name, 0, Tensor(event), declared.span)
        return progress

    def _written(self, graph: Graph) -> bool:
        """A memory holds rows of what is written to it, and a block is fitted to what it takes."""
        progress = False
        for name, node in graph.outputs.items():
            word, _, block = name.partition(" ")
            held = block in self.blocks and (word == "fit" or (word == "write" and self.blocks[block].role == "memory"))
            if held and isinstance(node.type, Tensor):
                progress |= self.slots.bind(block, 0, node.type, node.span)
        return progress

    def _all(self, graph: Graph) -> Iterable[Graph]:
        yield graph
        for node in graph.nodes:
            for body in node.bodies:
                yield from self._all(body.graph)

    def _visit(self, node: Node) -> bool:
        if node.operation.kind == "input":
            return self._input(node)
        progress = _any_of([self._link(node, index) for index in range(len(node.bodies))])
        if id(node) in self.failed:
            return True
        sources = [edge.source for edge in node.edges]
        if any(id(source) in self.failed for source in sources):
            self.failed.add(id(node))
            return True
        missing = [source for source in sources if id(source) not in self.fakes]
        if missing:
            return self._ask(node) or progress
        return self._run(node) or progress

    def _input(self, node: Node) -> bool:
        name = node.arguments[0] if node.arguments else ""
        if node.operation.target == "data":
            held = self.fields[name]
            kind_of = "integer" if held.dtype.startswith("int") else "float"
            return self._know(node, Tensor(held.event, dtype=kind_of, classes=held.classes))
        if node.operation.target in ("clock", "option"):
            return self._know(node, Tensor((), batched=False))
        if node.origin is not None:
            return self._copy(node.origin, node)
        if node.leaf is not None and node.leaf.law == "seed":
            self.fakes[id(node)] = 0
            return True
        if node.leaf is not None and node.leaf.law == "integers":
            return self._know(node, Tensor((), dtype="integer", chain=node.chain))
        return False

    def _link(self, node: Node, index: int) -> bool:
        """Carry types between a loop and its body: captures, and the state it supplies."""
        body, progress = node.bodies[index], False
        for outer, inner in body.captures:
            progress |= self._copy(outer.source, inner)
        for inner, outer in zip(body.state, state_sources(node), strict=True):
            if isinstance(outer, Node):
                progress |= self._copy(outer, inner)
                if isinstance(inner.type, Tensor) and outer.type is None:
                    progress |= self._want(outer, inner.type.event, inner.type.rows)
                self._check_start(node, body, inner, outer)
            elif inner.type is None:
                progress |= self._know(inner, outer)
        return progress

    # knowing ----------------------------------------------------------------------------------------------------------

    def _know(self, node: Node, known: Tensor) -> bool:
        node.type = known
        try:
            self.fakes[id(node)] = fake(known, self.batch)
        except REFUSALS as error:  # more entries than any tensor has
            self._fault(node, refused(node, error))
        return True

    def _copy(self, source: Node, target: Node) -> bool:
        if id(source) in self.failed and id(target) not in self.failed:
            self.failed.add(id(target))
            return True
        if id(target) in self.fakes or id(source) not in self.fakes:
            return False
        target.type, self.fakes[id(target)] = source.type, self.fakes[id(source)]
        return True

    def _want(self, node: Node, event: Size, rows: int) -> bool:
        """Ask an unsized value to have this event; whether that was news."""
        if id(node) in self.fakes or id(node) in self.failed or id(node) in self.told:
            return False
        if node.operation.kind == "input" and (node.leaf is not None or node.operation.target in ("state", "capture")):
            return self._know(node, Tensor(event, rows=rows))
        if node.origin is not None:
            return self._want(node.origin, event, rows)
        if node.use is not None and self.blocks[node.use.block].role == "memory":
            return self.slots.bind(node.use.block, 0, Tensor(event), node.span)
        name = getattr(node.operation.target, "__name__", str(node.operation.target))
        if name not in FLEXIBLE and node.operation.kind != "stop":
            return False
        share = {"interpolate": "n", "repeat": "k"}.get(name)
        rows = 1 if share else rows
        return _any_of([self._want(edge.source, event, rows) for edge in node.edges if edge.source.family is None])

    def _ask(self, node: Node) -> bool:
        """Arguments of `node` that are not sized yet, sized by what they meet here."""
        if node.use is not None:
            return self._ask_block(node)
        known = [edge.source.type for edge in node.edges if edge.source.type is not None]
        event = next((t.value.event for t in known if isinstance(t, Distribution)), None)
        like = [t for t in known if isinstance(t, Tensor) and t.batched]
        if node.operation.kind == "method":
            lead = next((t.value for t in known if isinstance(t, Distribution)), None)
            if lead is None or not (lead.batched or lead.event):  # a law of plain numbers fits every shape
                return False
            return _any_of([self._want(e.source, lead.event, lead.rows) for e in node.edges])
        if not node.operation.align and node.family is None:
            return False
        if event is None and like:
            longest = max(like, key=lambda t: len(t.event))
            return _any_of([self._want(e.source, longest.event, longest.rows) for e in node.edges])
        return False

    # blocks -----------------------------------------------------------------------------------------------------------

    def _ask_block(self, node: Node) -> bool:
        assert node.use is not None
        name, progress = node.use.block, self.slots.bind_known(node)
        if self.blocks[name].role == "chain":
            known = [e.source.type for e in node.edges if isinstance(e.source.type, Tensor) and not e.source.type.chain]
            return _any_of([self._want(e.source, t.event, t.rows) for t in known[:1] for e in node.edges])
        rows = max((e.source.type.rows for e in node.edges if isinstance(e.source.type, Tensor)), default=1)
        takes = self.slots[name].takes
        if self.blocks[name].leaves:
            progress |= self._ask_noise(node, rows)
        for slot, argument in self.slots.positions(node):
            size = takes[slot] if slot < len(takes) else None
            if isinstance(argument, Edge) and isinstance(size, tuple):
                progress |= self._want(argument.source, size, rows)
        return progress

    def _ask_noise(self, node: Node, rows: int) -> bool:
        """The noise of a model of several leaves, sized as the model says once it is built."""
        assert node.use is not None
        name, leaves = node.use.block, self.blocks[node.use.block].leaves
        if node.operation.target not in OF_NOISE:
            return False
        module: Any = self.slots.build(name, self.slots.count(node), self.makes(name))
        if module is None:
            return False
        laws = module.noise_laws()
        given = zip(leaves, node.arguments, strict=False)
        return _any_of([self._want(e.source, laws[leaf][1], rows) for leaf, e in given if isinstance(e, Edge)])

    # running ----------------------------------------------------------------------------------------------------------

    def callee(self, node: Node) -> Any:  # noqa: ANN401  a module or a method of one; None if the node calls no block
        """What a node calls, of the block that it uses."""
        if node.use is None:
            return None
        module = self.slots[node.use.block].module
        return module if node.operation.target == "forward" else getattr(module, str(node.operation.target))

    def _run(self, node: Node) -> bool:
        call: Any = None
        if node.use is not None:
            news = self.slots.bind_known(node)
            count = self.slots.count(node)
            module = self.slots.build(node.use.block, count, self.makes(node.use.block))
            if self.slots[node.use.block].broken:
                self.failed.add(id(node))
                return True
            if module is None:
                return news
            wrong = self.slots.miscounted(node, count)
            wrong = (self.slots.lacking(node) if wrong is not None else None) or wrong
            if wrong is not None:
                self._fault(node, wrong)
                return True
            call = self.callee(node)
        if self._unequal(node):
            return True
        try:
            result = execute(node, call, self.fakes)
        except REFUSALS as error:
            self._fault(node, refused(node, error))
            return True
        self.fakes[id(node)] = result
        node.type = type_of(node, result)
        self._check_rows(node)
        return True

    # checks -----------------------------------------------------------------------------------------------------------

    def _unequal(self, node: Node) -> bool:
        """Two values of unlike events in a loss that sums or averages over the event: never what was meant."""
        rule = getattr(node.operation.target, "rule", None)
        types = [edge.source.type for edge in node.edges]
        held = [t for t in types if isinstance(t, Tensor) and t.batched and t.event]
        if getattr(rule, "scalar", False) and node.operation.align and len({t.event for t in held}) > 1:
            self._fault(node, unequal_events(node.span, node.operation.target.__name__, held[0], held[1]))
            return True
        labels = [t for t in types if isinstance(t, Tensor) and t.classes]
        if getattr(rule, "scalar", False) and node.operation.align and held and labels:  # an image against a class
            self._fault(node, unequal_events(node.span, node.operation.target.__name__, held[0], labels[0]))
            return True
        return False

    def _check_start(self, node: Node, body: Body, inner: Node, outer: Node) -> None:
        """A loop starts at another size than its body took from what it calls."""
        start, taken = outer.type, inner.type
        if not (isinstance(start, Tensor) and isinstance(taken, Tensor)) or start.event == taken.event:
            return
        callers = [n for n in body.graph.nodes if n.use is not None and any(e.source is inner for e in n.edges)]
        written = next(edge.span for edge in node.edges if edge.source is outer)
        for use in [caller.use for caller in callers if caller.use is not None][:1]:
            place = self.slots[use.block].evidence.get(0)
            self._fault(node, two_sizes(written, use.block, start.event, taken.event, [place] if place else [], False))
            return
        self._fault(node, shapes_disagree(written, f"it starts at {start}, and what it follows takes {taken}", []))

    def _check_rows(self, node: Node) -> None:
        wrong = wrong_rows(node, self.fakes[id(node)], self.batch)
        if wrong is not None:
            self._fault(node, wrong)

    def _fault(self, node: Node | None, finding: Finding) -> None:
        if node is not None:
            self.failed.add(id(node))
        if finding not in self.findings:
            self.findings.append(finding)

    def _energies(self, graph: Graph) -> None:
        """Energies and tilting functions are one number per sample."""
        for held in self._all(graph):
            for node, span, is_leaf in held.scalars:
                known = node.type
                if not is_leaf and isinstance(known, Tensor) and (known.event or not known.batched):
                    self._fault(None, not_scalar(span or node.span, known))
        for name, (node, span) in graph.terms.items():
            if isinstance(node.type, Tensor) and node.type.event:
                self._fault(None, wide_term(span, name, node.type))


def _live(graph: Graph) -> Iterator[Node]:
    """The nodes that an output needs, if only for its size, those inside loops before the loop that holds them."""
    examples = [like for _, like in graph.alike]
    for node in graph.needed([*graph.outputs.values(), *examples]):
        for body in node.bodies:
            yield from body.graph.walk()
        yield node


def _any_of(news: list[bool]) -> bool:
    """Whether one of them is news; a list, so that all are asked."""
    return any(news)
