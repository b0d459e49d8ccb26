"""A run that loses something: which value was the first, of which step and rows, and what is left of it."""

import json
import math
import re

import pytest
import torch
from torch import nn

import compose
from blocks.registry import BLOCKS
from compose.cli import main
from runners.checkpoints import checkpoint_paths
from runners.state import Diverged, RunFailed

FIT = {
    "compose": 1,
    "name": "lossy",
    "data": {"source": "mine"},
    "blocks": {"net": {"kind": "decoder.mlp", "hidden": [8]}},
    "graph": {"guess": "net(x)", "gap": "guess - x"},
    "stages": [{"name": "fit", "steps": 12, "minimize": {"error": "sum(gap ** 2)"}}],
    "samplers": {"default": "net(~normal(like=x))"},
    "run": {"log_every": 5, "checkpoint_every": 4},
}
LOST = 7  # the step that meets the batch below


def batches(spoil=lambda x: None, count=12):
    """Batches of 8 rows, the seventh spoilt; their rows are numbered through."""
    draws = torch.Generator().manual_seed(0)
    made = [{"x": torch.randn(8, 2, generator=draws), "index": torch.arange(8) + 8 * at} for at in range(count)]
    spoil(made[LOST - 1]["x"])
    return made


def spoil_row(x):
    x[3, 1] = math.nan


def lost(folder, spec, **given):
    """What a run ends with that loses something."""
    with pytest.raises(Diverged) as failed:
        compose.run(compose.load(spec), out=folder, quiet=True, **given)
    (found,) = failed.value.findings
    assert found.code == "R181"
    return found


def with_stage(spec=FIT, run=None, **keys):
    stage = {**spec["stages"][0], **keys}
    return {**spec, "stages": [stage], "run": {**spec["run"], **(run or {})}}


def finite_checkpoints(folder):
    paths = checkpoint_paths(folder / "checkpoints")
    for path in paths:
        made = compose.load_run(folder, checkpoint=int(path.name.removeprefix("step-")))
        assert all(value.isfinite().all() for value in made.state.parameters().values())
    return [path.name for path in paths]


def test_a_term_names_the_value_the_step_and_the_rows_and_its_step_can_be_taken_again(tmp_path, capsys):
    found = lost(tmp_path, FIT, data=batches(spoil_row))
    when = f"became nan in step {LOST} of stage `fit`, noticed at step 8, where losses are read"
    assert found.message == (
        f"the term `error` of update `update1` {when}: `x` is the first, as it comes in, in row 3 of the batch "
        "(sample 51 of the data); nothing of it was saved"
    )
    assert f"`compose replay {tmp_path}` shows that step again" in found.help
    assert finite_checkpoints(tmp_path) == ["step-00000004"]
    again = compose.replay(tmp_path)
    assert (again.node, again.step, again.rows, again.samples) == ("x", LOST, (3,), (51,))
    assert main(["replay", str(tmp_path)]) == 0
    shown = capsys.readouterr().out
    assert (
        shown == (tmp_path / "diverged" / "diagnosis.txt").read_text() == "\n".join([again.cause, *again.lines(), ""])
    )
    assert [line.split()[1] for line in shown.splitlines() if line.startswith(">")] == ["x"]
    named = [line.split()[0] for line in shown.splitlines()[2:]]
    assert named[:5] == [">", "guess", "gap", "powered", "error"]
    assert main(["replay", str(tmp_path), "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert [value["name"] for value in data["values"] if value["first"]] == ["x"]
    (x,) = [value for value in data["values"] if value["name"] == "x"]
    kept = batches()[LOST - 1]["x"].flatten()
    kept = torch.cat([kept[:7], kept[8:]])
    assert (x["low"], x["high"], x["lost"]) == (kept.min().item(), kept.max().item(), 1)


def test_a_value_that_is_not_finite_beside_the_way_is_no_cause(tmp_path):
    """An infinity that a minimum takes away again is meant; the quotient behind it is not."""
    graph = {**FIT["graph"], "far": "guess ** 2 / x ** 2", "near": "minimum(far, 5)", "odd": "guess / x"}
    terms = {"error": "sum(near)", "inverse": "sum(odd ** 2)"}

    def zero(x):
        x[5, 0] = 0.0

    found = lost(tmp_path, with_stage({**FIT, "graph": graph}, minimize=terms), data=batches(zero))
    assert "the term `inverse` of update `update1` became inf" in found.message
    assert "`odd` is the first, in row 5 of the batch (sample 53 of the data)" in found.message
    values = compose.replay(tmp_path).values
    assert [seen.name for seen in values if not seen.finite].index("far") == 0  # it was seen, and passed over


def test_a_gradient_alone_names_the_value_it_goes_back_through(tmp_path):
    graph = {**FIT["graph"], "size": "sqrt(sum(gap ** 2))"}
    spec = with_stage({**FIT, "graph": graph}, minimize={"error": "size"})
    spec["graph"]["gap"] = "guess * x"  # 0 where x is: the root is finite there, its slope is not

    def zero(x):
        x[2] = 0.0

    found = lost(tmp_path, spec, data=batches(zero))
    assert re.match(r"the gradient of `net\.\S+` in update `update1` is not finite, and its terms are", found.message)
    assert f"in step {LOST} of stage `fit`" in found.message
    assert "in row 2 of the batch (sample 50 of the data)" in found.message
    assert compose.replay(tmp_path).node == "size"


class Steep(nn.Module):
    """A linear map, and a root whose slope is infinite at 0: of finite values, and of finite gradients for all else."""

    def __init__(self):
        super().__init__()
        self.net = nn.Linear(2, 2)
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, x):
        part = (self.scale * x.sum(1, keepdim=True)).abs().sqrt()
        return self.net(x) + part


def test_a_gradient_within_one_block_names_the_block(tmp_path):
    spec = {**FIT, "blocks": {"net": {"kind": "mine"}}}

    def zero(x):
        x[4] = 0.0

    try:
        found = lost(tmp_path, spec, data=batches(zero), blocks={"net": Steep()})
        assert "the gradient of `net.scale` in update `update1`" in found.message
        assert "the gradient that reaches the block `net` is finite, and going back through it is not" in found.message
        assert compose.replay(tmp_path).node == "net"
    finally:
        BLOCKS._declared.pop("given.net", None)


class Fragile(Steep):
    """Makes infinities of finite values, from an input above 50."""

    def forward(self, x):
        return self.net(x) + (x.abs() > 50) * (x / 0)


def test_a_value_within_one_block_names_the_block(tmp_path):
    def large(x):
        x[1, 0] = 60.0

    try:
        found = lost(
            tmp_path, {**FIT, "blocks": {"net": {"kind": "mine"}}}, data=batches(large), blocks={"net": Fragile()}
        )
    finally:
        BLOCKS._declared.pop("given.net", None)
    assert "`guess` is the first, which the block `net` makes of finite values" in found.message


CHAIN = {
    **FIT,
    "blocks": {"energy": {"kind": "energy.mlp", "hidden": [8]}},
    "models": {"tilted": "tilt(normal(like=x), energy)"},
    "graph": {"neg": "~langevin(tilted, init=x, steps=6, step_size=1e9)"},
    "stages": [{"name": "fit", "steps": 4, "minimize": {"contrast": "energy(x) - energy(neg)"}}],
    "samplers": {"default": "~tilted"},
}


def test_a_chain_names_the_call_of_its_body(tmp_path):
    spec = {**CHAIN, "samplers": {"default": "~langevin(tilted, steps=2, step_size=0.01)"}}
    found = lost(tmp_path, spec, data=batches())
    assert re.search(r"in step 1 of stage `fit`.* the loop `neg\S*`, in call \d of its body", found.message)
    assert compose.replay(tmp_path).call is not None


MEASURED = {
    "compose": 1,
    "name": "measured",
    "data": {"source": "toy.moons", "batch_size": 16, "size": 64, "test_size": 16},
    "blocks": {"net": {"kind": "decoder.mlp", "hidden": [8]}},
    "graph": {"guess": "net(x)"},
    "stages": [{"name": "fit", "steps": 8, "minimize": {"error": "squared_error(guess, x)"}}],
    "samplers": {"default": "net(~normal(like=x))"},
    "evaluate": {"odd": "sum(guess / (0 * x))"},
    "run": {"checkpoint_every": 4},
}


def test_a_figure_stops_the_run_before_the_save_of_that_step(tmp_path):
    found = lost(tmp_path, {**MEASURED, "evaluate": {"every": "4 steps", **MEASURED["evaluate"]}})
    assert "the figure `odd` is not finite in step 4 of stage `fit`" in found.message
    assert finite_checkpoints(tmp_path) == []
    again = compose.replay(tmp_path)
    assert (again.kind, again.name) == ("metric", "odd")
    assert any(seen.name == "guess" and seen.finite for seen in again.values)


def test_a_figure_at_the_end_of_all_is_told_and_the_run_is_kept(tmp_path):
    made = compose.run(compose.load(MEASURED), out=tmp_path, quiet=True)
    assert made.finished
    assert re.match(r"`odd` has no figure: it came out as (nan|inf|-inf)", made.refused["odd"])


def events(folder):
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [line for line in lines if "event" in line], [line["run_step"] for line in lines]


def test_rollbacks_are_bounded_and_each_is_an_event(tmp_path):
    spec = with_stage(run={"on_nan": "rollback", "rollbacks": 2})
    found = lost(tmp_path, spec, data=batches(spoil_row))
    assert f"in step {LOST} of stage `fit`" in found.message
    told, steps = events(tmp_path)
    assert [(line["event"], line["number"], line["run_step"]) for line in told] == [
        ("rollback", 1, 4),
        ("rollback", 2, 4),
    ]
    assert steps == sorted(steps)
    assert finite_checkpoints(tmp_path) == ["step-00000004"]


UNLUCKY = with_stage(
    {**FIT, "graph": {**FIT["graph"], "eps": "~normal(like=x)", "chance": "guess / relu(sum(eps) + 3.2)"}},
    run={"on_nan": "rollback", "rollbacks": 9, "checkpoint_every": 1, "log_every": 1},
    minimize={"error": "sum(gap ** 2) + 1e-3 * sum(chance ** 2)"},
)


class Crash(Exception):
    pass


class Cut:
    """Batches that end in a crash, once so many were read."""

    def __init__(self, after):
        self.left = after

    def __iter__(self):
        for batch in batches():
            self.left -= 1
            if not self.left:
                raise Crash
            yield batch


def test_other_noise_takes_a_run_past_a_bad_draw_and_one_that_was_cut_off_alike(tmp_path):
    """About one step in ten draws a number by which nothing can be divided."""
    spec = compose.load(UNLUCKY)
    made = compose.run(spec, out=tmp_path / "run", data=batches(), quiet=True)
    assert made.finished
    assert made.state.rollbacks == len(events(tmp_path / "run")[0]) > 0
    with pytest.raises(Crash):
        compose.run(spec, out=tmp_path / "cut", data=Cut(9), quiet=True)
    again = compose.run(spec, out=tmp_path / "cut", data=batches(), quiet=True)
    assert events(tmp_path / "cut") == events(tmp_path / "run")
    weights = [one.executable.blocks.state_dict() for one in (made, again)]
    assert all(torch.equal(value, weights[1][name]) for name, value in weights[0].items())


def test_a_value_beyond_its_bound_ends_the_stage_with_the_weights_before(tmp_path):
    def large(x):
        x *= 100

    spec = with_stage(bound={"error": 1000})
    spec["stages"].append({"name": "after", "steps": 2, "minimize": {"error": "sum(gap ** 2)"}})
    made = compose.run(compose.load(spec), out=tmp_path / "run", data=batches(large), quiet=True)
    assert made.finished
    (told,), steps = events(tmp_path / "run")
    assert (told["event"], told["run_step"], told["value"], told["stage"]) == ("exploded", LOST - 1, "error", "fit")
    assert steps == sorted(steps)
    assert made.state.run_step == LOST - 1 + 2
    short = with_stage(steps=LOST - 1)
    before = compose.run(compose.load(short), out=tmp_path / "short", data=batches(), quiet=True)
    kept = compose.load_run(tmp_path / "run", checkpoint=LOST - 1)
    expected = before.executable.blocks.state_dict()
    for name, value in kept.executable.blocks.state_dict().items():
        assert torch.equal(value, expected[name]), name


def test_a_run_that_lost_nothing_has_no_step_to_replay(tmp_path, capsys):
    compose.run(compose.load(MEASURED), out=tmp_path, quiet=True)
    with pytest.raises(RunFailed, match="keeps no step to replay"):
        compose.replay(tmp_path)
    assert main(["replay", str(tmp_path)]) == 2
    assert "keeps no step to replay" in capsys.readouterr().err
