"""The loop: what a step does, what a run leaves, and that stopping it anywhere changes nothing."""

import json
import os
import signal

import pytest
import torch

from runners.optimizers import UpdateOptimizer
from runners.run import load_run
from runners.stages import plan_stages
from runners.state import Diverged, Interrupted, RunFailed
from tests.runners.small_system import Rows, SmallSystem, assert_same_bits, everything, train
from tests.thinning import thinned

ASKED = 25  # batches that the whole small run asks for: one for pictures, 6 in stage one, 3 a step in stage two


class Crash(Exception):
    pass


class Stopping(Rows):
    """Rows that call `stop` when the n-th batch is asked for."""

    def __init__(self, at, stop):
        super().__init__()
        self.at, self.stop = at, stop

    def batch(self, step):
        if len(self.asked) == self.at:
            self.at = -1
            self.stop()
        return super().batch(step)


def crash():
    raise Crash


def terminate():
    os.kill(os.getpid(), signal.SIGTERM)


def lines(folder):
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def logged(folder):
    """What was logged, but for the rate."""
    return [{name: value for name, value in line.items() if name != "rate"} for line in lines(folder)]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run that nothing stopped."""
    made = train(tmp_path_factory.mktemp("whole"))
    return everything(made), logged(made.folder)


@pytest.mark.parametrize("at", thinned(range(ASKED), every=3))
def test_a_run_stopped_by_a_signal_resumes_bit_for_bit(at, whole, tmp_path):
    with pytest.raises(Interrupted) as stopped:
        train(tmp_path, batches=Stopping(at, terminate))
        raise Interrupted(143)  # the signal came in the last step: the run was finished all the same
    assert stopped.value.status == 143
    resumed = train(tmp_path, SmallSystem(seed=1))  # other initial weights: all comes from the checkpoint
    assert_same_bits(everything(resumed), whole[0])
    assert logged(tmp_path) == whole[1]


@pytest.mark.parametrize(("at", "every"), thinned([(n, 1 + n % 3) for n in range(0, ASKED, 2)], every=3))
def test_a_run_that_was_killed_resumes_bit_for_bit(at, every, whole, tmp_path):
    with pytest.raises(Crash):
        train(tmp_path, batches=Stopping(at, crash), checkpoint=every)
    resumed = train(tmp_path, checkpoint=every)
    assert_same_bits(everything(resumed), whole[0])
    assert logged(tmp_path) == whole[1]
    steps = [line["run_step"] for line in lines(tmp_path)]
    assert steps == sorted(set(steps))


@pytest.mark.parametrize("after", [1, 2, 3])
def test_a_run_that_is_stopped_again_and_again_ends_as_if_nothing_had_been(after, whole, tmp_path):
    """One batch, two or three, and it is stopped: in stage one after every step, later also between two updates."""
    for stops in range(ASKED):
        try:
            done = train(tmp_path, SmallSystem(seed=stops), batches=Stopping(after, terminate))
        except Interrupted as stopped:
            assert stopped.saved
        else:
            break
    assert done.finished
    assert stops >= 12 / after - 1
    assert_same_bits(everything(done), whole[0])
    assert logged(tmp_path) == whole[1]


def test_means_over_a_window_survive_a_stop_within_it(tmp_path):
    train(tmp_path / "whole", log=5)
    with pytest.raises(Interrupted):
        train(tmp_path / "stopped", log=5, batches=Stopping(4, terminate))
    train(tmp_path / "stopped", log=5)
    assert logged(tmp_path / "stopped") == logged(tmp_path / "whole")
    assert [line["run_step"] for line in lines(tmp_path / "whole")] == [5, 6, 10, 12]


def test_a_finished_run_is_not_trained_again(tmp_path):
    first = train(tmp_path)
    rows = Rows()
    again = train(tmp_path, SmallSystem(seed=1), batches=rows)
    assert again.finished
    assert rows.asked == []
    assert_same_bits(everything(again), everything(first))


def test_another_spec_or_seed_is_refused(tmp_path):
    train(tmp_path)
    with pytest.raises(RunFailed, match="another spec"):
        train(tmp_path, spec_text="name: other\n")


def test_a_folder_in_use_is_refused_with_the_process(tmp_path):
    def second():
        with pytest.raises(RunFailed, match=f"process {os.getpid()}"):
            train(tmp_path)

    train(tmp_path, batches=Stopping(0, second))


def test_the_lock_of_a_dead_process_is_taken_over(tmp_path):
    (tmp_path / "lock").write_text("999999\n")
    assert train(tmp_path).finished


class Poison(Rows):
    def batch(self, step):
        batch = super().batch(step)
        return {"x": batch["x"] * float("nan")} if step == 4 else batch


def test_a_loss_that_is_not_finite_is_named_and_never_saved(tmp_path):
    with pytest.raises(Diverged) as failed:
        train(tmp_path, batches=Poison(), log=50, checkpoint=3)
    (found,) = failed.value.findings
    cause = "the term `error` of update `fit` became nan in step 5 of stage `fit`, noticed at step 6"
    assert found.message.startswith(cause)
    assert "--set stages.0.updates.0.gradients.norm=0.5" in found.help
    assert f"the last good checkpoint is {tmp_path / 'checkpoints' / 'step-00000003'}" in found.help
    assert json.loads((tmp_path / "run.json").read_text())["status"] == "failed"
    made = load_run(tmp_path, lambda _text: SmallSystem())
    assert made.state.run_step == 3
    assert all(value.isfinite().all() for value in everything(made).values())
    assert train(tmp_path, checkpoint=3).finished  # better data, the same run


def test_a_weight_that_is_not_finite_is_never_saved(tmp_path):
    system = SmallSystem()

    def poison():
        system.blocks["critic"][0].weight.data[0, 0] = float("inf")

    with pytest.raises(RunFailed, match=r"`critic\.0\.weight` is not finite"):
        train(tmp_path, system, batches=Stopping(3, poison), checkpoint=4)
    assert not list((tmp_path / "checkpoints").glob("step-*"))


def test_a_run_that_failed_before_a_checkpoint_is_begun_anew_with_any_spec_and_nothing_foreign_goes(tmp_path, capsys):
    with pytest.raises(RunFailed):
        train(tmp_path, batches=Poison(), checkpoint=0, sample=2)
    (tmp_path / "samples" / "mine.png").write_text("mine")
    assert (tmp_path / "samples" / "default-00000002.png").exists()
    capsys.readouterr()
    again = train(tmp_path, spec_text="name: other\n", quiet=False)
    assert again.finished
    assert capsys.readouterr().err.count("ended before its first checkpoint; it starts over") == 1
    assert sorted(path.name for path in (tmp_path / "samples").iterdir()) == [
        "default-00000006.png", "default-00000012.png", "mine.png",
    ]  # fmt: skip
    with pytest.raises(RunFailed, match="another spec"):
        train(tmp_path, spec_text="name: third\n")


def test_batches_are_read_in_the_planned_order(tmp_path):
    rows = Rows()
    train(tmp_path, batches=rows)
    # the very first is for pictures; stage two begins with the next epoch of 4 batches, a step of it reads three
    assert rows.asked[1:] == [*range(6), *range(8, 8 + 3 * 6)]
    plans = plan_stages(SmallSystem().spec.stages, 4)
    assert [(plan.steps, plan.stride, plan.first) for plan in plans] == [(6, 1, 0), (6, 3, 8)]


def test_only_the_trained_blocks_move_in_each_stage(tmp_path):
    start = SmallSystem()
    made = train(tmp_path, SmallSystem(overrides=("stages.1.steps=1",)))
    moved = {name for name, value in made.executable.blocks.named_parameters()
             if not torch.equal(value, start.blocks.get_parameter(name))}  # fmt: skip
    assert {name.split(".")[0] for name in moved} == {"generator", "critic"}
    fitted = train(tmp_path / "first", SmallSystem(), batches=Rows())
    assert all(p.requires_grad and p.grad is None for p in fitted.executable.blocks.parameters())


def test_a_projection_holds_after_every_step(tmp_path):
    made = train(tmp_path, SmallSystem(overrides=("stages.1.updates.0.project.critic.clip=0.05",)))
    assert max(p.abs().max() for p in made.executable.blocks["critic"].parameters()) <= 0.05


def test_a_lazy_term_and_a_lazy_update_take_part_when_they_should(tmp_path):
    train(tmp_path)
    entries = lines(tmp_path)
    assert ["fit/size" in line["terms"] for line in entries[:6]] == [True, False, False, False, True, False]
    assert ["deceive/adversarial" in line["terms"] for line in entries[6:]] == [True, False] * 3
    assert [line["lr"]["fit/generator"] for line in entries[:6]] == pytest.approx(
        [0.01 - 0.005 * k / 6 for k in range(6)]
    )


def test_a_step_calls_each_update_as_often_as_it_says(tmp_path, monkeypatch):
    calls = []
    stepped = UpdateOptimizer.step

    def counted(self, clock):
        calls.append(self.names[0].split(".")[0])
        stepped(self, clock)

    monkeypatch.setattr(UpdateOptimizer, "step", counted)
    train(tmp_path)
    assert calls[6:11] == ["critic", "critic", "generator", "critic", "critic"]


def test_double_precision_reaches_weights_noise_and_data(tmp_path):
    made = train(tmp_path, precision="64")
    assert made.executable.blocks["critic"][0].weight.dtype == torch.float64
    assert made.sample("default", 3).dtype == torch.float64
    opened = load_run(tmp_path, lambda _text: SmallSystem())
    assert torch.equal(opened.sample("default", 3), made.sample("default", 3))


def test_a_full_disk_is_told_and_harms_nothing(tmp_path, monkeypatch, capsys):
    from runners import saving
    from runners.run import Options, run

    written, calls = saving.write_checkpoint, []

    def sometimes(*given):
        calls.append(1)
        if len(calls) == 2:
            raise OSError(28, "No space left on device")
        return written(*given)

    monkeypatch.setattr(saving, "write_checkpoint", sometimes)
    options = Options(seed=3, intervals=saving.Intervals(checkpoint=2))
    made = run(SmallSystem(), Rows(), tmp_path, spec_text="", options=options)
    assert made.finished
    assert "No space left on device" in capsys.readouterr().err


def test_blocks_that_wait_for_data_see_the_first_batch_once(tmp_path):
    class Waiting(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.scale = torch.nn.Parameter(torch.ones(()))
            self.register_buffer("calls", torch.zeros((), dtype=torch.int64))

        def forward(self, x):
            if self.training and self.calls == 0:
                self.scale.data = 1 / x.std()
            self.calls += self.training
            return x * self.scale

    class System(SmallSystem):
        def __init__(self):
            super().__init__()
            self.blocks["waiting"] = Waiting()
            self.needs_data = frozenset({"waiting"})

        def _fit(self, spec, index):
            from dataclasses import replace

            stage = super()._fit(spec, index)
            waiting, first = self.blocks["waiting"], stage.updates[0]

            class Scaled(torch.nn.Module):
                def forward(self, x):
                    loss = (waiting(x) ** 2).mean()
                    return {"loss": loss, "terms": {"error": loss.detach()}, "monitor": {}, "write": {}}

            from compose.program import Program
            from tests.runners.small_system import data

            made = replace(first, trains=("waiting",), cache={}, compile=lambda _a: Program(Scaled(), (data("x"),), ""))
            return replace(stage, updates=(made,))

    made = train(tmp_path, System())
    assert made.state.initialised == {"waiting"}
    assert made.executable.blocks["waiting"].calls == 7  # the first batch twice: once to initialise, once to train
