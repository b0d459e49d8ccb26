"""Which block each term reaches, and the type of every value: predicted, and as they are when the program runs."""

from collections import Counter

import pytest
import torch
from torch import fx

from blocks.registry import OPERATORS
from compose.gradients import matrix
from compose.graph import Tensor
from tests.driving import POINTS, compiled, fill
from tests.properties.random_specs import RandomSpec
from tests.thinning import thinned

ROWS, GRAPHS = 8, 240
WORDS = {
    "add": "+", "subtract": "-", "multiply": "*", "divide": "/", "floor_divide": "//", "power": "**", "less": "<",
    "less_equal": "<=", "greater": ">", "greater_equal": ">=", "equal": "==",
}  # fmt: skip
FLAGS = (
    "sg", "freeze", "ema", "train", "langevin", "descend", "grad", "record", "program", "ode", "parameter",
    "differentiable=true", "differentiable=false",
)  # fmt: skip
KINDS = {
    "float": torch.is_floating_point,
    "integer": lambda v: v.dtype == torch.int64,
    "boolean": lambda v: v.dtype == torch.bool,
}


class Typed(fx.Interpreter):
    """Runs a program, and holds every value against its predicted type."""

    def run_node(self, n: fx.Node):
        value = super().run_node(n)
        node = n.meta.get("source")
        if node is not None and isinstance(node.type, Tensor):
            known = node.type
            assert isinstance(value, torch.Tensor), node
            lead = (ROWS * known.rows,) if known.batched else ()
            assert tuple(value.shape) == (*lead, *known.event), (node, value.shape)
            assert KINDS[known.dtype](value), (node, value.dtype)
        return value


def check(spec: RandomSpec) -> Counter[str]:
    """Compile a spec; for each term, hold the predicted gradients and types against the actual ones."""
    executable = compiled(spec.text)
    (update,) = executable.composition.stages[0].updates
    made = executable.stage(0).updates[0]
    predicted = matrix(update.terms, update.trains, tuple(executable.blocks))
    x = torch.randn(ROWS, *POINTS["x"].event, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    seen: Counter[str] = Counter()
    for name in update.terms:
        program = made.program(frozenset({name}))
        values = fill(program, ROWS, {"x": x})
        executable.blocks.zero_grad(set_to_none=True)
        loss = Typed(program.module).run(*values.values())["loss"]
        if loss.requires_grad:
            loss.backward()
        for block, module in executable.blocks.items():
            grads = [parameter.grad for parameter in module.parameters() if parameter.grad is not None]
            reached = predicted[name][block] == "reaches"
            assert bool(grads) == reached, (name, block, predicted[name][block], spec.text, program.code)
            seen[predicted[name][block]] += 1
            if reached and spec.smooth:
                assert any(bool(grad.any()) for grad in grads), (name, block, spec.text)
    return seen


@pytest.mark.parametrize("part", thinned(range(10), every=2))
def test_gradients_and_types_are_as_predicted(part):
    seen: Counter[str] = Counter()
    for seed in range(part * GRAPHS // 10, (part + 1) * GRAPHS // 10):
        seen += check(RandomSpec(seed))
    assert all(seen[verdict] for verdict in ("reaches", "no path", "untrained"))


def test_every_operator_and_every_flag_is_tried():
    used: Counter[str] = Counter()
    for seed in range(GRAPHS):
        used += RandomSpec(seed).used
    wanted = {WORDS.get(name, name) for name in OPERATORS.names()} - {"negative"} | set(FLAGS)
    assert not {name for name in wanted if used[name] < 4}, {name: used[name] for name in wanted if used[name] < 4}
