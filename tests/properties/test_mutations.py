"""Single typing mistakes in the library's specs: each is underlined where it is, and the word that was meant is named.

What is silent must be harmless: a name that stands for itself (of the spec, a term, a stage, a sampler, a line that is
shown or measured). `python -m benchmarks.mutations` lists each, with the reason.
"""

import pytest

from benchmarks.mutations.judging import judge, library
from benchmarks.mutations.report import Report
from benchmarks.mutations.typos import mutants

UNDERLINED, NAMED, ONCE = 0.95, 0.9, 0.9
MEANT = 0.005  # of the mistakes make another spec that could be meant, such as `x0` for `x` where both are known


def report(count: int, seed: int) -> Report:
    return Report([judge(mutant) for mutant in mutants(library(), count, seed)])


@pytest.fixture(scope="module")
def few() -> Report:
    return report(80, seed=20)


@pytest.fixture(scope="module")
def many() -> Report:
    return report(1200, seed=7)


def check_bar(found: Report) -> None:
    assert not found.faults, str(found)
    assert found.placed >= UNDERLINED, str(found)
    assert found.named >= NAMED, str(found)
    assert found.once >= ONCE, str(found)


def check_silence(found: Report) -> None:
    """Hardly any mistake outside of a freely given name is silent: words that are other words by accident."""
    assert len(found.harmful) <= max(MEANT * len(found.verdicts), 1), [each.mutant.shown for each in found.harmful]


def test_most_typing_mistakes_are_underlined_and_their_cure_is_named(few):
    check_bar(few)
    check_silence(few)


@pytest.mark.slow
def test_of_a_thousand_typing_mistakes_too(many):
    assert len(many.verdicts) >= 1000
    check_bar(many)
    check_silence(many)


def test_mutants_are_the_same_for_the_same_seed():
    first, second = (list(mutants(library(), 20, seed=3)) for _ in range(2))
    assert first == second
    assert all(mutant.text != library()[mutant.file] for mutant in first)
