"""The autoregressive law: its probabilities add up to one, no entry sees a later one, draws are as likely."""

import itertools
import math

import pytest
import torch
from torch.testing import assert_close

from blocks.autoregressive_prior import AutoregressivePrior
from blocks.types import Classes


def filled(*takes, levels=3, std=0.7, **options):
    """A law whose layers are far from where they start."""
    torch.manual_seed(0)
    block = AutoregressivePrior(takes, levels=levels, width=8, heads=2, **options).double()
    for parameter in block.parameters():
        torch.nn.init.normal_(parameter, std=std)
    return block


def every(event, levels=3):
    """Every value of this event."""
    count = math.prod(event)
    rows = torch.tensor(list(itertools.product(range(levels), repeat=count)), dtype=torch.float64)
    return rows.reshape(-1, *event) / (levels - 1)


@pytest.mark.parametrize("event", [(), (3,), (2, 2), (1, 2, 2)])
def test_the_probabilities_of_all_values_add_up_to_one(event):
    block = filled(event)
    assert_close(block.log_prob(every(event)).exp().sum(), torch.ones((), dtype=torch.float64))


def test_they_add_up_to_one_for_each_class_that_it_is_told():
    block, values = filled((2, 2), Classes(2)), every((2, 2))
    told = [block.log_prob(values, torch.full((len(values),), y)) for y in range(2)]
    for one in told:
        assert_close(one.exp().sum(), torch.ones((), dtype=torch.float64))
    assert (told[0] - told[1]).abs().max() > 0.1


def test_no_entry_sees_itself_or_a_later_one():
    """The logits' Jacobian by the values' embeddings: what is not before an entry is exactly nothing to it."""
    block, count = filled((4,)), 4
    index = torch.tensor([[0, 2, 1, 0]])
    rows = block.rows(index).detach()
    jacobian = torch.autograd.functional.jacobian(lambda held: _logits_of(block, index, held), rows)  # 1 n k, 1 n w
    seen = jacobian.abs().amax((0, 2, 3, 5))  # n (of the logits), n (of the values)
    assert torch.equal(seen > 0, torch.ones(count, count).tril(-1).bool())


def _logits_of(block, index, rows):
    block.rows.forward = lambda before: rows[:, : before.shape[1]]
    return block._logits(index[:, :-1], ())


@pytest.mark.parametrize("told", [(), (1,)])
def test_draws_are_as_frequent_as_they_are_likely(told):
    event, count = (2, 2), 10_000
    block = filled(event, *(Classes(2) for _ in told), std=0.3)
    generator = torch.Generator().manual_seed(1)
    noise = torch.rand(count, *event, generator=generator, dtype=torch.float64)
    draws, log_prob = block.log_prob_at(noise, *(torch.full((count,), y) for y in told))
    assert_close(log_prob, block.log_prob(draws, *(torch.full((count,), y) for y in told)))
    values = every(event)
    weights = torch.tensor([27.0, 9.0, 3.0, 1.0]).double()
    found = torch.bincount((draws.flatten(1) * 2 @ weights).round().long(), minlength=81) / count
    expected = block.log_prob(values, *(torch.full((81,), y) for y in told)).exp()
    error = (expected * (1 - expected) / count).sqrt()
    assert ((found - expected).abs() < 5 * error).all()
    assert expected.min() * count > 10  # of each outcome enough draws for a normal's bound
    assert ((found - 1 / 81).abs() > 5 * error).any()  # not what a law of equal levels would pass


def test_it_starts_with_every_level_alike_likely():
    block = AutoregressivePrior(((2, 2),), levels=7)
    values = torch.randint(0, 7, (5, 2, 2)) / 6
    assert_close(block.log_prob(values), torch.full((5,), -4 * math.log(7)))


def test_it_learns_what_a_law_of_independent_entries_cannot():
    """Two entries that are always equal: independent ones have 2 log 2 nats, this one comes to log 2."""
    torch.manual_seed(0)
    block = AutoregressivePrior(((2,),), levels=2, width=16, layers=1)
    values = torch.tensor([[0.0, 0.0], [1.0, 1.0]])
    optimizer = torch.optim.Adam(block.parameters(), lr=1e-2)
    for _ in range(60):
        optimizer.zero_grad()
        loss = -block.log_prob(values).mean()
        loss.backward()
        optimizer.step()
    assert float(loss.detach()) == pytest.approx(math.log(2), abs=0.02)


@pytest.mark.parametrize(("takes", "options", "says"), [
    ((Classes(3),), {"levels": 3}, "over tensors of levels"), (((2,),), {"levels": 1}, "write 2 or more"),
    (((2,),), {"levels": 3, "heads": 3}, "do not divide"), (((2,),), {"levels": 3, "layers": 0}, "`layers`"),
])  # fmt: skip
def test_wrong_options_say_the_way_out(takes, options, says):
    with pytest.raises(ValueError, match=says):
        AutoregressivePrior(takes, **options)
