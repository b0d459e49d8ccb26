"""What `explain` shows of a spec that uses every key of training: nothing that changes the numbers is left out."""

import pytest

from compose.explanation import explained, programs, tables
from compose.spec import load_spec, parse_spec
from runners.launch import assemble, examine
from tests.house.sources import ROOT

SPEC = """
compose: 1
name: everything
params: {rate: 2e-3, gamma: 0.1}
data: {source: toy.gaussians8, batch_size: 64, size: 400}
blocks:
  generator: {kind: decoder.mlp, hidden: [16]}
  critic: {kind: discriminator.mlp, hidden: [16]}
  memory: {kind: memory.replay, size: 1000}
graph:
  z: ~normal(like=x)
  fake: generator(z)
  old: ~memory.read(probability=0.5, fresh=normal)
stages:
  - name: adversarial
    steps: 1000
    shared: [z]
    mode: {critic: eval}
    updates:
      - name: judge
        train: [critic]
        times: 5
        batch: next
        minimize:
          real: softplus(-critic(x))
          fake: softplus(critic(old))
          r1: {value: "gamma * square_norm(grad(critic(x), x))", every: 16}
        project: {critic: {clip: 0.01}}
        gradients: {norm: 1.5, sigma: 3}
      - name: deceive
        train: [generator]
        every: 2
        maximize: {adversarial: critic(fake)}
        monitor: {size: square_norm(fake)}
        ema: {generator: 0.999}
        write: {memory: fake}
        optimizer: {kind: sgd, lr: 0.1, momentum: 0.9}
    optimizer:
      kind: adam
      lr: cosine(rate, 1e-5)
      betas: [0.5, 0.9]
      blocks: {critic: {lr: 1e-4, weight_decay: 1e-5}, generator: {lr: 5e-4}}
  - epochs: 1
    train: [generator]
    minimize: {error: "squared_error(fake, x)"}
samplers:
  default: generator(~normal(like=x))
evaluate:
  share: share_within(default, data)
"""


@pytest.fixture(scope="module")
def composition():
    made, findings = examine(parse_spec(SPEC))
    assert [found for found in findings if found.severity == "error"] == []
    return made


SHOWN = {
    "data": "toy.gaussians8 (size 400)",
    "fields": "x: 2, y: class of 8",
    "params": "rate 0.002, gamma 0.1",
    "options of a block": "hidden [16]",
    "length": "stage adversarial: 1,000 steps",
    "one epoch": "stage stage2: 1 epoch\n",
    "shared": "  shared     z",
    "mode": "  mode       critic eval",
    "how often": "update judge, 5 times, each on the next batch: trains critic",
    "schedule": "  optimizer  adam, lr cosine(rate, 1e-05) with rate = 0.002, betas [0.5, 0.9]",
    "a block's own": "    critic   lr 0.0001, weight_decay 1e-05",
    "clipping": "  gradients  norm at most 1.5, entries at most 3 of Adam's sigma",
    "projection": "  project    critic: clip 0.01",
    "lazy update": "update deceive, every 2 steps: trains generator",
    "an update's own optimizer": "  optimizer  sgd, lr 0.1, momentum 0.9",
    "ema": "  ema        generator 0.999",
    "write": "  write      fake into memory",
    "monitor": "  monitor    size: square_norm(fake)",
    "default optimizer": "  optimizer  adam, lr 0.001",
    "evaluate": "share_within(default, data)",
}


@pytest.mark.parametrize("line", SHOWN.values(), ids=SHOWN.keys())
def test_explain_shows_what_a_spec_says_of_its_training(line, composition):
    assert line in tables(composition)


def test_a_blocks_own_options_stand_where_it_is_trained_alone(composition):
    judge, _, deceive = tables(composition).partition("update deceive")
    assert "lr 0.0005" not in judge + deceive  # the second update has an optimizer of its own


def test_terms_are_lined_up_with_what_they_reach(composition):
    lines = tables(composition).split("\n")
    (lazy,) = [line for line in lines if line.startswith("r1 ")]
    head = next(line for line in reversed(lines[: lines.index(lazy)]) if line.startswith("term "))
    assert lazy[head.index("every") :].startswith("16 steps")
    assert lazy[head.index("critic", head.index("generator")) :].startswith("reaches")
    assert "maximize critic(fake)" in tables(composition)


def test_nothing_is_wider_than_the_page_and_no_line_ends_in_blanks(composition):
    for width in (80, 110):
        lines = tables(composition, width=width).split("\n")
        assert max(map(len, lines)) <= width
        assert all(line == line.rstrip() for line in lines)


def test_the_settings_are_plain_data_too(composition):
    assert ["ema", "generator 0.999"] in explained(composition)["settings"]["adversarial"]["deceive"]


MAKES = {
    "thesis/glf": {"encoder": "20", "decoder": "1 x 8 x 8", "prior": "20"},
    "thesis/vaebm_gaussians25_memory": {
        "encoder": "normal of 2", "decoder": "normal of 2", "energy": "number", "memory": "2",
    },
}  # fmt: skip


@pytest.mark.parametrize("name", MAKES)
def test_every_block_says_what_it_makes(name):
    composition, _ = examine(load_spec(ROOT / "specs" / f"{name}.yaml"))
    lines = tables(composition, width=300).split("\n")
    at = next(at for at, line in enumerate(lines) if line.startswith("block "))
    start, rows = lines[at].index("makes"), lines[at + 2 : lines.index("", at)]
    end = max(map(len, rows)) - max(len(row.split()[-1]) for row in rows)
    assert {row.split()[0]: row[start:end].strip() for row in rows} == MAKES[name]


def test_a_program_has_one_heading_and_is_shown_once():
    composition, _ = examine(load_spec(ROOT / "specs" / "thesis" / "glf.yaml"))
    lines = programs(assemble(composition, 0)).split("\n")
    heads = [line for line in lines if line.startswith(("# stage", "# sampler", "# evaluate"))]
    assert heads == [
        "# stage stage1, update update1: trains encoder, decoder, prior",
        "# sampler default", "# sampler reconstruction", "# sampler interpolation", "# sampler between",
        "# sampler neighbours", "# evaluate frechet",
    ]  # fmt: skip
    assert sum(line.startswith("def sample_default(") for line in lines) == 1
    assert not any(line.startswith(("# The sampler", "# One step")) for line in lines)
