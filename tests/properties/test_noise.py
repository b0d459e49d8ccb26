"""Noise by name: a leaf's path is its own, and nothing that is added elsewhere changes it."""

import pytest
import torch

from compose.program import Program
from tests import systems
from tests.compose.test_printer import MANY
from tests.driving import compiled, fill
from tests.properties.random_specs import RandomSpec

X = torch.randn(16, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
CLASHES = """
name: clashes
data: {source: toy.moons, batch_size: 16}
blocks:
  energy: {kind: energy.mlp, hidden: [4]}
models:
  pair:
    a: ~normal(like=x)
    b: ~normal(a, 0.5)
  ode: push(normal(like=x), gradient_flow(energy, time=0.1, trace=hutchinson, method=rk4, steps=1))
graph:
  z: ~normal(like=x)
  both: ~pair
  down: ~descend(pair, steps=1, step_size=0.1)
  lower: ~descend(pair, steps=1, step_size=0.1)
  sums: ~normal(like=x) + ~normal(like=x) + (~normal(like=x)) ** 2
stages:
  - steps: 1
    minimize:
      z: energy(~normal(like=x)) + energy(z) + energy(down) + energy(lower)
      both: energy(~pair) + energy(both) + energy(sums)
      density: -ode.log_prob(x) - ode.log_prob(z)
    monitor:
      z: energy(~normal(like=x))
samplers:
  z: ~normal(like=x) + z
"""


def paths(program: Program) -> list[str]:
    return [one.leaf.path for one in program.inputs if one.leaf is not None]


def programs(text: str) -> list[Program]:
    executable = compiled(text)
    stages = [executable.stage(index) for index, _ in enumerate(executable.composition.stages)]
    updates = [update.program(frozenset(update.terms)) for stage in stages for update in stage.updates]
    return updates + [executable.sampler(name).program for name in executable.composition.samplers]


@pytest.mark.parametrize("text", [systems.GLF, systems.VAEBM, systems.SHORT_RUN, systems.DDGAN, MANY, CLASHES])
def test_the_paths_of_a_program_are_its_own(text):
    for program in programs(text):
        found = paths(program)
        assert len(found) == len(set(found)), found


def test_equal_names_of_a_term_a_line_and_a_monitor_draw_different_noise():
    program = programs(CLASHES)[0]
    values = fill(program, 16, {"x": X})
    drawn = [v for name, v in values.items() if name != "x" and isinstance(v, torch.Tensor) and v.ndim == 2]
    assert not any(torch.equal(a, b) for at, a in enumerate(drawn) for b in drawn[:at])


ADDED = {  # what is added, and after which line of the VAEBM spec
    "a line that is not used": ("graph:\n", "graph:\n  aside: ~normal(like=x)\n"),
    "a line that is monitored": ("graph:\n", "graph:\n  aside: ~normal(like=x)\n"),
    "a block": ("blocks:\n", "blocks:\n  other: {kind: energy.mlp, hidden: [4]}\n"),
    "a model": ("models:\n", "models:\n  another: tilt(vae, -energy(_))\n"),
    "a chain": ("graph:\n", "graph:\n  before: ~langevin(vaebm, steps=2, step_size=0.1)\n"),
    "a term": (
        "    minimize:\n      contrast",
        "    minimize:\n      first: energy(~vae) + sum(~normal(like=x)) * 0\n      contrast",
    ),
    "a sampler": ("samplers:\n", "samplers:\n  more: ~vae\n"),
}


@pytest.mark.parametrize("name", ADDED)
def test_an_addition_changes_no_other_noise_and_no_other_loss(name):
    old, new = ADDED[name]
    assert systems.VAEBM.count(old) == 1
    changed = systems.VAEBM.replace(old, new)
    if "monitored" in name:
        changed = changed.replace(
            "    train: [energy]\n", "    train: [energy]\n    monitor: {far: square_norm(aside)}\n"
        )
    before, after = compiled(systems.VAEBM), compiled(changed)
    for block, module in before.blocks.items():
        after.blocks[block].load_state_dict(module.state_dict())
    for stage in (0, 1):
        made = {}
        for key, executable in (("before", before), ("after", after)):
            update = executable.stage(stage).updates[0]
            program = update.program(frozenset(update.terms))
            values = fill(program, 16, {"x": X})
            noise = {one.leaf.path: values[one.name] for one in program.inputs if one.leaf is not None}
            made[key] = noise, program(values)["terms"]
        for path, value in made["before"][0].items():
            assert torch.equal(torch.as_tensor(value), torch.as_tensor(made["after"][0][path])), path
        for term, value in made["before"][1].items():
            assert torch.equal(value, made["after"][1][term]), term
    for sampler in before.composition.samplers:
        programs = [executable.sampler(sampler).program for executable in (before, after)]
        one, other = (program(fill(program, 8, {"x": X[:8]}))["value"] for program in programs)
        assert torch.equal(one, other)


def test_a_line_added_to_a_random_graph_changes_no_other_path():
    for seed in range(20):
        text = RandomSpec(seed).text
        more = text.replace("graph:\n", "graph:\n  aside: energy(~normal(like=x)) + energy(~vae)\n").replace(
            "    minimize:\n", "    minimize:\n      aside: aside\n"
        )
        (before,), (after,) = programs(text), programs(more)
        assert {*paths(after)} - {*paths(before)} == {"aside", "aside~1.z", "aside~1.x"}
        assert {*paths(before)} <= {*paths(after)}
