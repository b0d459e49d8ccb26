"""Schedules: the formulas, and what is no number of the clock."""

import math

import pytest

from runners.schedules import scheduled
from runners.state import Clock

VALUES = {  # expression, clock (step, epoch, progress, run_step), value
    "constant": ("0.5 * base", (7, 0, 0.0, 0), 1.5),
    "linear_starts": ("linear(2, 1, steps=10)", (0, 0, 0.0, 0), 2.0),
    "linear_midway": ("linear(2, 1, steps=10)", (5, 0, 0.9, 0), 1.5),
    "linear_ends": ("linear(2, 1, steps=10)", (50, 0, 0.9, 0), 1.0),
    "linear_over_the_stage": ("linear(0, 1)", (50, 0, 0.25, 0), 0.25),
    "cosine_midway": ("cosine(1, 0, steps=4)", (1, 0, 0.0, 0), (1 + math.cos(math.pi / 4)) / 2),
    "cosine_ends": ("cosine(1, 0.1, steps=4)", (4, 0, 0.0, 0), 0.1),
    "arithmetic": ("-(step + 2 * epoch) / 4 ** 2", (6, 5, 0.0, 0), -1.0),
    "where": ("where(run_step >= 100, 1, 2)", (0, 0, 0.0, 100), 1),
    "minimum": ("min(1, step / 100)", (30, 0, 0.0, 0), 0.3),
}


@pytest.mark.parametrize("name", VALUES)
def test_a_schedule_has_the_value_of_its_formula(name):
    text, clock, value = VALUES[name]
    assert scheduled(text, {"base": 3.0})(Clock(*clock)) == pytest.approx(value)


def test_what_does_not_follow_the_clock_is_known_to():
    assert scheduled("2 * base", {"base": 1.0}).constant
    assert scheduled([0.9, 0.99]).constant
    assert not scheduled([0.9, "progress"]).constant


@pytest.mark.parametrize("text", ["energy(step)", "x + 1", "step.mean", "~normal"])
def test_what_is_no_number_of_the_clock_is_refused(text):
    with pytest.raises(ValueError, match="of the clock"):
        scheduled(text)(Clock(0, 0, 0, 0))
