"""What checks also runs: a step of every update, a draw of every sampler, saved and loaded, for random specs."""

import re
from itertools import count

import pytest
import torch

from compose.spec import parse_spec
from runners.launch import Order, examine, reopen, train
from tests.properties.random_specs import RandomSpec

SPECS, GROUPS = 200, 40  # specs that pass, over all groups
SAMPLERS = """
samplers:
  default: ~vae
  tilted: ~langevin(sharp, steps=2, step_size=0.01)
  pushed: ~pushed
  noise: vae.at(interpolate(~vae.noise, ~vae.noise, 3))
  lines: record({lines})
run: {{log_every: 1, threads: 1}}
"""


def text_of(seed):
    made = RandomSpec(seed)
    lines = ", ".join(f"{name}={name}" for name in made.lines)
    small = made.text.replace("batch_size: 8", "batch_size: 8, size: 32, test_size: 16")
    small = re.sub(r"^    train: .*\n", "", small, flags=re.MULTILINE)  # whatever the terms reach
    return "compose: 1\n" + small + SAMPLERS.format(lines=lines)


def runs(seed, folder):
    """Whether the spec checks; if it does, it has run."""
    composition, findings = examine(parse_spec(text_of(seed), f"random-{seed}.yaml"))
    if any(found.severity == "error" for found in findings):
        return False
    made = train(composition.spec, composition, Order(out=folder, quiet=True))
    again = reopen(folder).run
    for name in ("default", "tilted", "pushed", "noise"):
        assert torch.equal(made.sample(name, 4), again.sample(name, 4)), (seed, name)
    return True


@pytest.mark.parametrize("group", [0, *(pytest.param(n, marks=pytest.mark.slow) for n in range(1, GROUPS))])
def test_a_random_spec_that_checks_also_runs(group, tmp_path):
    passed = 0
    for seed in count(group, GROUPS):
        passed += runs(seed, tmp_path / str(seed))
        if passed == SPECS // GROUPS:
            break
        assert seed < 20 * SPECS, "hardly any random spec passes the checker"
