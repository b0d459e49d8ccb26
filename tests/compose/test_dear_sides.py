"""Bijections that are cheap one way: what the dear way costs, and the warning where a loss takes it."""

import pytest
import torch
from torch import Tensor

from blocks.flows import Flow, RealNVP
from blocks.registry import BLOCKS
from blocks.transforms import Permutation
from blocks.types import Takes
from compose.catalogue import Catalogue
from compose.checks import check, cost
from compose.spec import parse_spec
from tests.driving import POINTS

TEXT = """
compose: 1
name: dear
data: {source: toy.moons, batch_size: 16}
blocks:
  flow: {kind: flow.one_way}
  energy: {kind: energy.mlp, hidden: [4]}
graph:
  fake: ~flow
  neg: ~langevin(energy, init=flow.inverse(x), steps=2, step_size=0.1)
stages:
  - steps: 1
    minimize:
      loss: TERM
samplers:
  default: ~flow
"""


class OneWay(Flow):
    """A flow of a type that the test chooses, whose dear side takes a pass for each entry."""

    def __init__(self, takes: Takes) -> None:
        super().__init__(takes, Permutation(torch.tensor([1, 0])))
        self.shift = torch.nn.Parameter(torch.zeros(2))
        self.dear_passes = 2

    def log_prob(self, x: Tensor) -> Tensor:
        """The density of the shifted value."""
        return super().log_prob(x + self.shift)


@pytest.fixture
def checked(monkeypatch):
    """What the checker finds, and the cost, of the text with a term and a cheap side."""

    def run(term, cheap):
        monkeypatch.setattr(OneWay, "cheap", cheap)
        monkeypatch.setitem(BLOCKS._declared, "flow.one_way", OneWay)
        composition, found = check(parse_spec(TEXT.replace("TERM", term)), Catalogue.of_fields(POINTS))
        assert not [each for each in found if each.severity == "error"], found
        return [each for each in found if each.code == "C101"], cost(composition)

    return run


@pytest.mark.parametrize(
    ("term", "cheap", "passes"),
    [
        ("-flow.log_prob(x)", "both", None),
        ("-flow.log_prob(x)", "inverse", None),
        ("-flow.log_prob(x)", "forward", 2),
        ("square_norm(fake) + flow.log_prob(fake)", "forward", None),  # at its own draw: nothing is inverted
        ("square_norm(fake) + flow.log_prob(x)", "inverse", 2),
        ("energy(neg) + flow.log_prob(fake)", "forward", 2),
    ],
)
def test_a_loss_that_takes_the_dear_side_is_warned_of_once(checked, term, cheap, passes):
    found, _ = checked(term, cheap)
    assert [each.severity for each in found] == ["warning"] * (passes is not None)
    for each in found:
        assert f"{passes} passes" in each.message
        assert each.span is not None


def test_the_cost_counts_the_passes_of_the_dear_side(checked):
    for cheap, trained, drawn in (("both", 1, 1), ("inverse", 1, 2), ("forward", 2, 1)):
        _, made = checked("-flow.log_prob(x)", cheap)
        assert made["updates"]["stage1"]["update1"]["flow"] == trained
        assert made["samplers"]["default"]["flow"] == drawn


def test_couplings_are_cheap_both_ways():
    assert RealNVP.cheap == "both"
