"""Slips of the layout: one cause, told once, and mended to what was meant."""

import pytest

from compose.diagnostics import SpecError
from compose.fixes import foreseen, settled
from compose.spec import parse_spec

HEAD = "compose: 1\ndata: {source: toy.moons}\nblocks:\n"
FLOW = "  flow: {kind: flow.realnvp}\n"
STAGE = "stages:\n  - steps: 10\n    minimize:\n      nll: -flow.log_prob(x)\n"
SLIPS = {
    "a tab within blanks": (HEAD + FLOW + STAGE.replace("    minimize", "\tminimize"), "Y121"),
    "a tab is deeper than two blanks": (HEAD + "  flow:\n\tkind: flow.realnvp\n" + STAGE, "Y121"),
    "a tab and two blanks": (HEAD + FLOW + STAGE.replace("      nll", "\t  nll"), "Y121"),
    "tabs everywhere": (
        HEAD + FLOW.replace("  ", "\t") + STAGE.replace("  - ", "\t- ").replace("    ", "\t  "),
        "Y121",
    ),
    "no dash of a stage": (HEAD + FLOW + STAGE.replace("  - ", "  ").replace("    ", "  "), "Y303"),
    "no dash of an update": (
        HEAD + FLOW + "stages:\n  - steps: 1\n    updates:\n      train: [flow]\n"
        "      minimize:\n        nll: -flow.log_prob(x)\n",
        "Y303",
    ),
    "a decimal comma": (HEAD + FLOW + STAGE + "    optimizer:\n      lr: 0,001\n", "Y223"),
    "a decimal comma in braces": (HEAD + FLOW + STAGE + "    optimizer: {kind: adam, lr: 0,001}\n", "Y111"),
}


def _found(text):
    try:
        parse_spec(text, "slip.yaml")
    except SpecError as error:
        return list(error.findings)
    return []


@pytest.mark.parametrize("slip", SLIPS)
def test_a_slip_of_the_layout_is_one_cause_and_can_be_mended(slip):
    text, code = SLIPS[slip]
    found = _found(text)
    assert [one.code for one in [*found, *foreseen(text, "slip.yaml", found, _found)]] == [code]
    mended, count = settled(text, "slip.yaml", _found)
    assert count
    spec = parse_spec(mended)
    assert list(spec.blocks) == ["flow"]
    assert spec.blocks["flow"].kind == "flow.realnvp"
    assert [term for update in spec.stages[0].all_updates() for term in update.minimize] == ["nll"]


def test_the_comma_of_a_number_becomes_its_point():
    for slip in ("a decimal comma", "a decimal comma in braces"):
        mended, _ = settled(SLIPS[slip][0], "slip.yaml", _found)
        assert "lr: 0.001" in mended
