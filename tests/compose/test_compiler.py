"""What an update sees and gives: averages, modes, shared values, signs, monitors, writes, lazy terms."""

import copy

import pytest
import torch
from torch import nn

from tests import systems
from tests.driving import compiled, fill, program_of, sampled

X = torch.randn(16, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
HEAD = "name: small\ndata: {source: toy.moons, batch_size: 16}\n"
BLOCKS = """blocks:
  encoder: {kind: encoder.mlp, latent: 2, hidden: [8], norm: batch}
  decoder: {kind: decoder.mlp, hidden: [8]}
  critic:  {kind: discriminator.mlp, hidden: [8]}
"""
TWO = f"""{HEAD}{BLOCKS}
graph:
  z: encoder(x)
  eps: ~normal(like=x)
  x_hat: decoder(z + 0.1 * eps)
stages:
  - name: first
    steps: 4
    minimize:
      error: mse(x_hat, x)
    maximize:
      spread: square_norm(z)
    ema: {{decoder: 0.5}}
  - name: second
    steps: 4
    train: [critic]
    minimize:
      real: {{value: softplus(-critic(x)), every: 3}}
      fake: softplus(critic(x_hat))
    monitor:
      error: mse(x_hat, x)
      constant: 2 * batch_mean(z)
"""


def train_a_little(module: nn.Module) -> None:
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(
                torch.randn(parameter.shape, generator=torch.Generator().manual_seed(5), dtype=parameter.dtype)
            )


def test_the_loss_is_the_sum_of_the_terms_with_the_maximized_ones_negated():
    executable = compiled(TWO)
    program = program_of(executable)
    made = program(fill(program, 16, {"x": X}))
    assert set(made["terms"]) == {"error", "spread"}
    assert torch.equal(made["loss"], made["terms"]["error"] - made["terms"]["spread"])
    assert not any(term.requires_grad for term in made["terms"].values())
    spread = program_of(executable, active=["spread"])
    made = spread(fill(spread, 16, {"x": X}))
    assert torch.equal(made["loss"], -made["terms"]["spread"])


def test_a_lazy_term_is_active_on_every_kth_step_from_the_first_and_costs_nothing_between():
    update = compiled(TWO).stage(1).updates[0]
    assert [update.active(step) for step in range(4)] == [{"real", "fake"}, {"fake"}, {"fake"}, {"real", "fake"}]
    lazy, full = update.program(update.active(1)), update.program(update.active(0))
    calls = [
        len([n for n in p.module.graph.nodes if n.op == "call_module" and n.target == "critic"]) for p in (lazy, full)
    ]
    assert calls == [1, 2]
    assert update.program(update.active(3)) is full
    assert "# every 3 steps" in full.code


def test_monitored_values_are_means_without_gradient():
    executable = compiled(TWO)
    program = program_of(executable, 1)
    made = program(fill(program, 16, {"x": X}))
    assert set(made["monitor"]) == {"error", "constant"}
    assert all(value.ndim == 0 and not value.requires_grad for value in made["monitor"].values())


def test_a_monitor_changes_nothing_that_is_trained():
    text = TWO.replace("    maximize:\n      spread: square_norm(z)\n", "")
    bare, watched = (
        compiled(text),
        compiled(text.replace("    ema:", "    monitor: {seen: square_norm(encoder(2 * x))}\n    ema:")),
    )
    for executable in (bare, watched):
        program = program_of(executable)
        program(fill(program, 16, {"x": X}))["loss"].backward()
    for (name, one), (_, other) in zip(bare.blocks.named_parameters(), watched.blocks.named_parameters(), strict=True):
        assert (one.grad is None and other.grad is None) or torch.equal(one.grad, other.grad), name
    for (name, one), (_, other) in zip(bare.blocks.named_buffers(), watched.blocks.named_buffers(), strict=True):
        assert torch.equal(one, other), name


def test_later_stages_and_samplers_see_averages_where_they_exist():
    executable = compiled(TWO + "samplers:\n  default: x_hat\n  raw: x_hat\n")
    train_a_little(executable.averages["decoder"])
    z = copy.deepcopy(executable.blocks["encoder"]).eval()(X)
    for averaged, decoder in (
        (frozenset({"decoder"}), executable.averages["decoder"]),
        (frozenset(), executable.blocks["decoder"]),
    ):
        program = executable.sampler("default", averaged).program
        values = fill(program, 16, {"x": X})
        (eps,) = (value for name, value in values.items() if name != "x")
        assert torch.allclose(program(values)["value"], decoder(z + 0.1 * eps), atol=1e-12)
        update = executable.stage(1, averaged).updates[0]
        program = update.program(frozenset({"fake"}))
        values = fill(program, 16, {"x": X})
        (eps,) = (value for name, value in values.items() if name != "x")
        expected = torch.nn.functional.softplus(executable.blocks["critic"](decoder(z + 0.1 * eps))).mean()
        assert torch.allclose(program(values)["terms"]["fake"], expected, atol=1e-12)


def test_a_stage_that_trains_a_block_sees_its_raw_weights():
    executable = compiled(TWO)
    train_a_little(executable.averages["decoder"])
    update = executable.stage(0, frozenset({"decoder"})).updates[0]
    program = update.program(frozenset({"error"}))
    assert program.module.get_submodule("decoder") is executable.blocks["decoder"]


def test_ema_reads_the_average_of_a_block_in_its_own_update():
    executable = compiled(f"""{HEAD}{BLOCKS}
stages:
  - steps: 4
    train: [encoder]
    minimize:
      drift: squared_error(encoder(x), ema(encoder)(x))
    ema: {{encoder: 0.9}}
""")
    train_a_little(executable.averages["encoder"])
    program = program_of(executable)
    twin, average = copy.deepcopy(executable.blocks["encoder"]), executable.averages["encoder"].eval()
    made = program(fill(program, 16, {"x": X}))
    assert torch.allclose(made["terms"]["drift"], (twin(X) - average(X)).square().sum(1).mean(), atol=1e-12)
    made["loss"].backward()
    assert all(parameter.grad is None for parameter in executable.averages["encoder"].parameters())


@pytest.mark.parametrize(("mode", "moves", "batch"), [("", True, True), ("eval", False, False), ("train", True, True)])
def test_mode_overrides_train_and_eval(mode, moves, batch):
    written = f"    mode: {{encoder: {mode}}}\n" if mode else ""
    executable = compiled(TWO.replace("    ema:", f"{written}    ema:"))
    twin = copy.deepcopy(executable.blocks["encoder"]).train(batch)
    program = program_of(executable, active=["spread"])
    made = program(fill(program, 16, {"x": X}))
    assert torch.allclose(made["terms"]["spread"], twin(X).square().sum(1).mean(), atol=1e-12)
    assert (int(executable.blocks["encoder"].net[1].num_batches_tracked) == 1) == moves


@pytest.mark.parametrize("mode", ["", "train"])
def test_mode_of_a_block_that_is_not_trained_writes_nothing(mode):
    written = f"    mode: {{encoder: {mode}}}\n" if mode else ""
    executable = compiled(TWO.replace("    train: [critic]\n", f"    train: [critic]\n{written}"))
    twin = copy.deepcopy(executable.blocks["encoder"]).train(mode == "train")
    program = program_of(executable, 1)
    made = program(fill(program, 16, {"x": X}))
    assert torch.allclose(made["monitor"]["constant"], 2 * twin(X).mean(), atol=1e-9)
    assert int(executable.blocks["encoder"].net[1].num_batches_tracked) == 0


SHARED = systems.DDGAN.replace(
    "  - steps: 20\n    updates:\n", "  - steps: 20\n    shared: [t, x_prev, x_t]\n    updates:\n"
)


def test_shared_values_are_made_once_and_read_by_every_update():
    executable = compiled(SHARED)
    stage = executable.stage(0)
    assert stage.shared is not None
    kept = stage.shared(fill(stage.shared, 16, {"x": X}))
    assert set(kept) == {"t", "x_prev", "x_t"}
    for update in stage.updates:
        program = update.program(frozenset(update.terms))
        kinds = {one.name: one.kind for one in program.inputs}
        assert {name for name, kind in kinds.items() if kind == "shared"} <= set(kept)
        assert "x" not in kinds
        made = program(fill(program, 16, kept))
        made["loss"].backward()
    alone = compiled(systems.DDGAN)
    for block, module in executable.blocks.items():
        alone.blocks[block].load_state_dict(module.state_dict())
    program = program_of(alone)
    values = fill(program, 16, {"x": X})
    shared = executable.stage(0).updates[0].program(frozenset({"real", "fake", "r1"}))
    again = shared(fill(shared, 16, kept))
    for term, value in program(values)["terms"].items():
        assert torch.allclose(value, again["terms"][term], atol=1e-12)


MEMORY = f"""{HEAD}
blocks:
  energy: {{kind: energy.mlp, hidden: [8]}}
  memory: {{kind: memory.replay, size: 24}}
graph:
  start: ~memory.read(probability=1, fresh=normal)
  neg: ~langevin(energy, init=start, steps=2, step_size=0.1)
stages:
  - steps: 4
    minimize: {{contrast: energy(x) - energy(neg)}}
    write: {{memory: neg.state}}
samplers:
  default: start
"""


def test_writes_are_rows_without_gradient_and_are_read_back():
    executable = compiled(MEMORY)
    memory = executable.blocks["memory"]
    program = program_of(executable)
    made = program(fill(program, 16, {"x": X}))
    rows = made["write"]["memory"]
    assert rows.shape == (16, 2) and not rows.requires_grad
    assert int(memory.count) == 0
    memory.write(rows)
    read = sampled(executable, 32)
    assert all(any(torch.equal(row, kept) for kept in rows) for row in read)


def test_programs_leave_recording_as_it_was():
    executable = compiled(systems.VAEBM)
    program = program_of(executable, 1)
    values = fill(program, 16, {"x": X})
    for recording in (True, False):
        with torch.set_grad_enabled(recording):
            program(values)
            assert torch.is_grad_enabled() == recording
    with pytest.raises(RuntimeError):
        program({**values, "x": torch.zeros(3, 5, dtype=torch.float64)})
    assert torch.is_grad_enabled()


def test_nothing_is_recorded_where_no_gradient_is_needed():
    """The critic's update records nothing for the generator, the generator's nothing for the critic's parameters."""
    executable = compiled(systems.DDGAN)
    for index, trained in ((0, "critic"), (1, "generator")):
        program = program_of(executable, 0, index)
        program(fill(program, 16, {"x": X}))["loss"].backward()
        for name, block in executable.blocks.items():
            assert all((p.grad is not None) == (name == trained) for p in block.parameters()), (index, name)
        executable.blocks.zero_grad(set_to_none=True)


def test_samplers_record_nothing_even_where_recording_is_on():
    for text in (systems.GLF, systems.VAEBM, systems.SHORT_RUN, systems.DDGAN):
        executable = compiled(text)
        for name in executable.composition.samplers:
            assert not sampled(executable, 8, name, x=X[:8]).requires_grad
