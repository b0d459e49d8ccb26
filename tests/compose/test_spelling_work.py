"""How much looking for names costs: it grows with the file, not with the square of what is wrong in it."""

import pytest

from compose import spelling
from compose.spec import parse_spec
from runners.examination import examine

SPEC = """
compose: 1
name: long
data: {{source: toy.moons, batch_size: 64}}
blocks:
  energy: {{kind: energy.mlp, hidden: [8]}}
graph:
{lines}
stages:
  - steps: 10
    minimize:
      l: energy(x)
    optimizer: {{kind: adam, lr: 1e-3}}
"""


@pytest.fixture
def measured(monkeypatch):
    """The number of pairs of words that were measured so far."""
    counted, real = [0], spelling.distance

    def distance(*words):
        counted[0] += 1
        return real(*words)

    monkeypatch.setattr(spelling, "distance", distance)
    return counted


def pairs_measured(count, measured):
    before = measured[0]
    lines = "\n".join(f"  line{i}: unknown{i}(x + other{i})" for i in range(count))
    _, findings = examine(parse_spec(SPEC.format(lines=lines), "long.yaml"))
    assert len(findings) >= count
    return measured[0] - before


def test_twice_the_unknown_names_are_no_more_than_twice_the_work(measured):
    few, many = pairs_measured(150, measured), pairs_measured(300, measured)
    assert few > 0
    assert many < 2.2 * few


def test_the_first_unknown_names_of_a_long_file_have_their_suggestions():
    lines = "\n".join(f"  line{i}: squared_eror(x, {i})" for i in range(100))
    _, findings = examine(parse_spec(SPEC.format(lines=lines), "long.yaml"))
    assert "did you mean `squared_error`?" in {found.help for found in findings}
