"""Numbers beyond all reason are found at once: checking builds no table and runs no loop of such a size."""

import time

import pytest
import torch

from blocks.diffusion import VPChain
from compose.diagnostics import SpecError
from compose.spec import parse_spec
from tests.driving import findings_of

TEXT = """
compose: 1
name: large
data: {source: toy.moons, batch_size: 16}
blocks:
  energy: {kind: energy.mlp, hidden: [WIDTH]}
  memory: {kind: memory.replay, size: SIZE}
  chain: {kind: diffusion.vp, steps: LEVELS}
  flow: {kind: flow.realnvp, couplings: COUPLINGS, hidden: [4]}
  number: {kind: parameter, size: LENGTH}
graph:
  start: ~memory.read(fresh=normal(like=x))
  neg: ~langevin(energy, start, steps=STEPS, step_size=0.1, keep=1)
  flux: push(normal(like=x), gradient_flow(energy, time=1, method=rk4, steps=SOLVER))
  t: ~chain.timestep
  x_t: ~chain.diffuse(x, t)
stages:
  - steps: STAGE
    times: TIMES
    minimize:
      contrast: energy(x) - energy(neg) + mean(group(energy(repeat(x, COPIES)), COPIES))
      flux: -flux.log_prob(x_t) - flow.log_prob(x) + sum(number)
    write: {memory: neg}
"""
SOUND = {
    "WIDTH": "4", "SIZE": "20", "LEVELS": "4", "COUPLINGS": "2", "LENGTH": "3", "STEPS": "2", "SOLVER": "2",
    "STAGE": "1", "TIMES": "1", "COPIES": "2",
}  # fmt: skip
CODES = {"STEPS": "T227", "SOLVER": "T227", "COPIES": "T227", "STAGE": "Y317", "TIMES": "Y317"}


def filled(text, **changed):
    for name, value in {**SOUND, **changed}.items():
        text = text.replace(name, value)
    return text


def codes(**changed):
    return {found.code for found in findings_of(filled(TEXT, **changed))}


def test_the_spec_with_sound_numbers_is_sound():
    assert codes() == set()


@pytest.mark.parametrize("number", ["1e18", "3e9", "1e300"])
@pytest.mark.parametrize("name", SOUND)
def test_a_number_beyond_reason_is_a_finding_at_once(name, number):
    began = time.process_time()
    assert codes(**{name: number}) == {CODES.get(name, "T110")}
    assert time.process_time() - began < 5


@pytest.mark.parametrize("number", [".inf", ".nan"])
def test_a_width_that_is_no_number_is_a_finding(number):
    assert codes(WIDTH=number) == {"T110"}


@pytest.mark.parametrize("number", [".nan", "-.inf"])
def test_a_param_that_is_no_number_is_refused_where_it_stands(number):
    text = TEXT.replace("sum(number)", "sum(number - ring)").replace("data:", f"params: {{ring: {number}}}\ndata:", 1)
    with pytest.raises(SpecError) as refused:
        parse_spec(filled(text))
    (found,) = refused.value.findings
    assert (found.code, found.span.line, found.span.column) == ("Y252", 4, 16)


@pytest.mark.parametrize("option", ["lr: -1", "betas: [0.5, 1.5]", "betas: 0.9", "eps: -1e-8", "weight_decay: .nan"])
def test_an_option_that_no_optimizer_takes_is_found_where_it_stands(option):
    text = filled(TEXT.replace("    write:", f"    optimizer: {{kind: adam, {option}}}\n    write:"))
    findings = findings_of(text)
    assert [found.code for found in findings] == ["Y317"]
    assert text.splitlines()[findings[0].span.line - 1].strip().startswith("optimizer")


def test_the_largest_numbers_are_checked_without_their_memory():
    """A memory of 800 MB and a vector of 4 MB are fakes; nothing of them is there."""
    with torch.profiler.profile(profile_memory=True) as profile:
        assert codes(SIZE="100000000", LENGTH="1000000", STEPS="1000000", LEVELS="10000") == set()
    largest = max(event.cpu_memory_usage for event in profile.events() or ())
    assert largest < 8e6


def test_the_tables_of_the_longest_chain_take_a_few_megabytes():
    chain = VPChain(steps=VPChain.largest["steps"])
    assert sum(buffer.nbytes for buffer in chain.buffers()) < 5e6
    tables = chain.tables.numbers["diffuse"]
    assert tables.nbytes == len(tables) * 16  # a view of the buffer: nothing is held twice
