"""Sizes are found from the uses, disagreements are told once, and the batch axis stays the first."""

import pytest
import torch

from blocks.operators.rules import rule
from blocks.registry import OPERATORS
from blocks.types import Field, Levels
from compose.catalogue import Catalogue
from compose.checks import check
from compose.fake_runs import extra_axes, rerun
from compose.graph import Edge, Graph, Node, Operation, Tensor
from compose.spec import parse_spec
from tests.driving import findings_of

FIELDS = {"x": Field((2,)), "y": Field((), "int64", classes=25)}
HEAD = "compose: 1\ndata: {source: points, batch_size: 32}\n"


def solved(body):
    """The composition of a spec, and the codes of its errors."""
    composition, findings = check(parse_spec(HEAD + body), Catalogue.of_fields(FIELDS))
    return composition, [found.code for found in findings if found.severity == "error"]


def test_a_flow_is_sized_by_the_value_whose_density_is_asked_for():
    composition, errors = solved("""
blocks:
  encoder: {kind: encoder.mlp, latent: 5, hidden: [8]}
  prior: {kind: flow.realnvp, couplings: 2, hidden: [8]}
stages:
  - steps: 1
    minimize:
      nll: -prior.log_prob(sg(encoder(x)))
      code: square_norm(encoder(x))
""")
    assert errors == []
    assert composition.sizes.slots["prior"].takes == [(5,)]


def test_a_bare_normal_is_sized_by_the_block_that_takes_it():
    composition, errors = solved("""
blocks:
  generator: {kind: generator.mlp, latent: 7, hidden: [8]}
stages:
  - steps: 1
    minimize:
      loss: squared_error(generator(~normal), x)
""")
    assert errors == []
    graph = composition.stages[0].updates[0].graph
    assert [node.type.event for node in graph.nodes if node.leaf is not None] == [(7,)]
    assert composition.sizes.slots["generator"].makes == (2,)


def test_a_time_step_carries_the_levels_of_its_chain():
    composition, errors = solved("""
blocks:
  chain: {kind: diffusion.vp, steps: 9}
  denoiser: {kind: denoiser.mlp, hidden: [8]}
graph:
  t: ~chain.timestep
stages:
  - steps: 1
    minimize:
      loss: squared_error(denoiser(~chain.diffuse(x, t), t), x)
""")
    assert errors == []
    assert composition.sizes.slots["denoiser"].takes == [(2,), Levels(9)]


def test_a_memory_is_sized_by_what_is_written_to_it():
    composition, errors = solved("""
blocks:
  energy: {kind: energy.mlp, hidden: [8]}
  memory: {kind: memory.replay, size: 100}
graph:
  neg: ~langevin(energy, ~memory.read(probability=0.9, fresh=normal), steps=2, step_size=0.1)
stages:
  - steps: 1
    train: [energy]
    minimize:
      contrast: energy(x) - energy(neg)
    write: {memory: neg}
""")
    assert errors == []
    assert composition.sizes.slots["memory"].takes == [(2,)]


@pytest.mark.parametrize("like", ["x", "z"])
@pytest.mark.parametrize(
    "chain",
    [
        "~langevin(energy, {start}, steps=2, step_size=0.1)",
        "~langevin(tilt(normal, energy), init={start}, steps=2, step_size=0.1)",
        "~langevin(tilt(normal, energy), init={start}, steps=2, step_size=0.1, space=values)",
        "~descend(energy, {start}, steps=2, step_size=0.1)",
        "~push({start}, gradient_flow(energy, time=1))",
        "~push({start}, ode(drift, time=1))",
    ],
)
def test_a_chain_starts_at_the_size_of_what_it_follows(chain, like):
    _, errors = solved(f"""
blocks:
  energy: {{kind: energy.mlp, hidden: [8]}}
  field: {{kind: decoder.mlp, hidden: [8]}}
  encoder: {{kind: encoder.mlp, latent: 3, hidden: [8]}}
models:
  drift(v, t): field(v)
graph:
  z: encoder(x)
stages:
  - steps: 1
    minimize:
      contrast: energy(x) - energy(~normal(like=x))
      field: squared_error(field(x), x)
      size: square_norm(z)
samplers:
  default: {chain.format(start=f"normal(like={like})")}
""")
    assert errors == ([] if like == "x" else ["S104"])


def test_sizes_are_solved_beside_faulty_lines():
    composition, errors = solved("""
blocks:
  encoder: {kind: encoder.mlp, latent: 5, hidden: [8]}
  energy: {kind: energy.mlp, hidden: [8]}
graph:
  w: nothing(x)
stages:
  - steps: 1
    minimize:
      loss: squared_error(encoder(x), x)
      other: energy(w) ** 2
      fine: energy(x) ** 2
""")
    assert errors == ["N101", "S102"]
    assert composition.sizes.slots["energy"].takes == [(2,)]


def test_a_shape_fault_is_told_once_though_many_graphs_have_it():
    _, errors = solved("""
blocks:
  encoder: {kind: encoder.mlp, latent: 5, hidden: [8]}
graph:
  bad: encoder(x) + x
stages:
  - steps: 1
    minimize: {a: square_norm(bad)}
  - steps: 1
    minimize: {b: square_norm(bad)}
samplers:
  default: bad
""")
    assert errors == ["S103"]


@rule()
def only_for_batches_of_four(v):
    """A wrong operator: right at one batch size, and wrong at all others."""
    return v if len(v) == 4 else v[:4]


@rule()
def refuses_other_batches(v):
    """A wrong operator that fails at another batch size."""
    return v.reshape(4, 2)


def one_operator(function):
    """A graph of one operator on the data, and its nodes as if solved at a batch of 4."""
    source = Node("x", Operation("input", "data"), ("x",), type=Tensor((2,)))
    node = Node("made", Operation("call", function), (Edge(source),), type=Tensor((2,)))
    graph = Graph("g", [source, node], {"made": node})
    return graph, {id(source): None, id(node): None}


def test_twice_the_batch_finds_what_one_batch_size_hides():
    graph, known = one_operator(only_for_batches_of_four)
    assert list(rerun(graph, lambda node: None, known, 4)) == []
    assert [found.code for found in rerun(graph, lambda node: None, known, 8)] == ["S107"]


def test_twice_the_batch_finds_what_then_fails():
    graph, known = one_operator(refuses_other_batches)
    assert list(rerun(graph, lambda node: None, known, 4)) == []
    assert [found.code for found in rerun(graph, lambda node: None, known, 8)] == ["S103"]


def test_batched_values_of_unlike_rank_align_from_the_left():
    number = Node("n", Operation("input", "data"), type=Tensor(()))
    image = Node("i", Operation("input", "data"), type=Tensor((1, 8, 8)))
    edges = Edge(number), Edge(image)
    node = Node("sum", Operation("call", torch.add, align=True), edges)
    assert extra_axes(node) == {id(edges[0]): 3}


@pytest.mark.parametrize("time", ["t + 1", "2 * t", "t - 2", "-t"])
def test_arithmetic_that_leaves_the_levels_is_told_as_such(time):
    text = (
        HEAD + "blocks:\n  chain: {kind: diffusion.vp, steps: 4}\n"
        "  denoiser: {kind: denoiser.mlp}\ngraph:\n  t: ~chain.timestep\n"
        f"  x_t: ~chain.diffuse(x, {time})\n"
        "stages:\n  - steps: 1\n    minimize:\n      e: squared_error(denoiser(x_t, t), x)\n"
    )
    (found,) = check(parse_spec(text), Catalogue.of_fields(FIELDS))[1]
    assert (found.code, "stay in 0 .. 4" in found.message, "`t - 1`" in found.help) == ("T213", True, True)


def test_a_flow_that_is_only_drawn_has_the_shape_of_its_like():
    composition, findings = solved(
        "blocks:\n  encoder: {kind: encoder.mlp, latent: 3}\n  flow: {kind: flow.realnvp, like: z}\n"
        "graph:\n  z: encoder(x)\n"
        "stages:\n  - {steps: 1, minimize: {size: square_norm(z) + square_norm(~flow)}}\n"
    )
    assert (composition.sizes.slots["flow"].takes, findings) == ([(3,)], [])


LAWS = {
    "flow": "flow",
    "pushed": "push(normal(like=x), flow)",
    "ode": "push(normal(like=x), gradient_flow(energy, time=1))",
    "mixed": "mixture(flow, flow)",
    "program": "vae",
}


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("asked", ["log_prob(0.5)", "log_density(2)", "log_prob(z=0, x=x)", "log_prob(z=x, x=-1)"])
def test_a_density_is_asked_at_a_tensor(law, asked):
    _, errors = solved(f"""
blocks:
  energy: {{kind: energy.mlp, hidden: [8]}}
  flow: {{kind: flow.realnvp, couplings: 2, hidden: [8]}}
  decoder: {{kind: decoder.mlp, hidden: [8], output: normal}}
models:
  vae: {{z: ~normal, x: ~decoder(z)}}
  law: {LAWS[law]}
stages:
  - steps: 1
    minimize:
      nll: -law.{asked}
      fit: energy(x) - flow.log_prob(x)
""")
    assert errors == ["T205"]


def test_a_law_of_a_block_may_be_asked_at_a_number():
    """`bernoulli(p).log_prob(1)` is the log-likelihood of "yes", whatever the event."""
    _, errors = solved("""
blocks:
  decoder: {kind: decoder.mlp, hidden: [8], output: bernoulli}
stages:
  - steps: 1
    minimize:
      nll: -decoder(x).log_prob(1)
      mixed: -mixture(decoder(x), decoder(x)).log_prob(1)
""")
    assert errors == []


OPERANDS = sorted(set(OPERATORS.names()) - {"bce", "bce_with_logits"})  # those have an answer to a number


@pytest.mark.parametrize("name", OPERANDS)
@pytest.mark.parametrize("arguments", ["3, x", "x, 3", "3", "x, x, 3", "3, 2, x"])
def test_a_number_in_the_place_of_a_tensor_is_placed_and_told_in_words(name, arguments):
    text = (
        HEAD
        + f"""
blocks:
  energy: {{kind: energy.mlp, hidden: [8]}}
graph:
  v: {name}({arguments})
stages:
  - steps: 1
    minimize:
      fit: energy(x) + mean(v)
"""
    )
    findings = findings_of(text, FIELDS)
    told = " ".join(found.message for found in findings)
    assert "object has no" not in told
    assert "must be Tensor" not in told
    assert all(found.span for found in findings)
