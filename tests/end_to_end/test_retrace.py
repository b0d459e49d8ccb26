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
    assert shown == (tmp_path / "diverged" / "diagnosis.txt").read_text() == "\n".join([again.cause, *again.lines(), ""])
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
        found = lost(tmp_path, {**FIT, "blocks": {"net": {"kind": "mine"}}}, data=batches(large), blocks={"net": Fragile()})
    finally:
        BLOCKS._declared.pop("given.net", None)
    assert "`guess` is the first, which the block `net` makes of finite values" in found.message
