"""Langevin dynamics and descent: exact promises of the loop.   The laws they sample are in test_dynamics_laws."""

import weakref

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from blocks.dynamics import descend, langevin


def randn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def network(width=2):
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(width, 8), nn.Softplus(), nn.Linear(8, 1)).double()
    return net, lambda x: net(x).squeeze(1)


RUNS = {  # the same chain, with and without noise
    "langevin": lambda potential, init, **options: langevin(potential, init, steps=5, step_size=0.1, seed=3, **options),
    "descend": lambda potential, init, **options: descend(potential, init, steps=5, step_size=0.1, **options),
}


@pytest.fixture(params=RUNS.values(), ids=RUNS.keys())
def run(request):
    return request.param


@pytest.mark.parametrize("differentiable", [False, True])
def test_a_step_evaluates_the_potential_exactly_once(run, differentiable):
    calls = []
    run(lambda x: calls.append(0) or x.square().sum(1), randn(4, 2), differentiable=differentiable)
    assert len(calls) == 5


def test_nothing_of_a_step_outlives_it(run):
    alive = []

    def potential(x):
        assert [ref for ref in alive if ref() is not None] == []  # the tensors that the last step made
        hidden = x * 2
        alive.append(weakref.ref(hidden))
        return hidden.square().sum(1)

    run(potential, randn(4, 2))
    assert len(alive) == 5


def test_a_chain_without_gradient_leaves_no_trace(run):
    net, potential = network()
    init = randn(4, 2).requires_grad_()
    before = init.detach().clone()
    state = run(potential, init).state
    assert not state.requires_grad
    assert state.grad_fn is None
    assert all(p.grad is None for p in net.parameters())
    assert init.grad is None
    assert torch.equal(init, before)


def test_a_chain_runs_where_gradients_are_switched_off(run):
    _, potential = network()
    expected = run(potential, randn(4, 2)).state
    with torch.no_grad():
        assert torch.equal(run(potential, randn(4, 2)).state, expected)
        assert not run(potential, randn(4, 2), differentiable=True).state.requires_grad


def test_a_sample_does_not_depend_on_its_batch():
    _, potential = network()
    noise = [randn(6, 2, seed=k) for k in range(5)]
    options = {"steps": 5, "step_size": 0.1}
    together = langevin(potential, randn(6, 2), noise=noise, **options).state
    alone = langevin(potential, randn(6, 2)[2:3], noise=[one[2:3] for one in noise], **options).state
    assert_close(together[2:3], alone, rtol=1e-12, atol=1e-12)
    assert_close(descend(potential, randn(6, 2), **options).state[2:3],
                 descend(potential, randn(6, 2)[2:3], **options).state, rtol=1e-12, atol=1e-12)  # fmt: skip


def test_gradients_through_the_chain_are_those_of_the_unrolled_loop():
    net, potential = network()
    step_size, scale = torch.tensor(0.2).double().requires_grad_(), torch.tensor(0.3).double().requires_grad_()
    init, noise = randn(4, 2).requires_grad_(), [randn(4, 2, seed=k).requires_grad_() for k in range(3)]
    inputs = [init, step_size, scale, *noise, *list(net.parameters())[:3]]  # the last bias moves no gradient of E

    x = init
    for n in noise:
        (gradient,) = torch.autograd.grad(potential(x).sum(), x, create_graph=True)
        x = x - step_size / 2 * gradient + scale * n
    expected = torch.autograd.grad((x**3).sum(), inputs)

    state = langevin(
        potential, init, steps=3, step_size=step_size, noise_scale=scale, noise=noise, differentiable=True
    ).state
    assert_close(state, x, rtol=1e-12, atol=1e-12)
    for found, wanted in zip(torch.autograd.grad((state**3).sum(), inputs), expected, strict=True):
        assert_close(found, wanted, rtol=1e-12, atol=1e-12)


def test_a_recorded_chain_has_the_values_of_an_unrecorded_one(run):
    _, potential = network()
    options = {"clip": 0.2, "clamp": (-1.0, 1.0), "keep": 2}
    plain, recorded = (run(potential, randn(4, 2), differentiable=flag, **options) for flag in (False, True))
    assert_close(plain.state, recorded.state, rtol=1e-12, atol=1e-12)
    assert_close(plain.path, recorded.path, rtol=1e-12, atol=1e-12)
    assert recorded.path.requires_grad
    assert not plain.path.requires_grad


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_rounds_states_and_no_factors(dtype):
    start = torch.full((64, 2), 4.0, dtype=dtype)
    options = {"steps": 50, "step_size": 0.02, "seed": 1, "prior": True}
    plain, recorded = (langevin(lambda v: 0 * v.sum(-1), start, differentiable=d, **options) for d in (False, True))
    assert torch.equal(plain.state, recorded.state)


def test_the_default_noise_scale_is_the_root_of_the_step():
    _, potential = network()
    noise = [randn(4, 2, seed=1)]
    for step_size in (0.09, torch.tensor(0.09)):
        default = langevin(potential, randn(4, 2), steps=1, step_size=step_size, noise=noise).state
        given = langevin(potential, randn(4, 2), steps=1, step_size=0.09, noise_scale=0.3, noise=noise).state
        assert_close(default, given, rtol=1e-7, atol=1e-7)  # the root of a float32 tensor


def test_numbers_and_tensors_are_the_same_schedule(run):
    _, potential = network()
    number = descend(potential, randn(4, 2), steps=4, step_size=0.25).state
    tensor = descend(potential, randn(4, 2), steps=4, step_size=torch.tensor(0.25)).state
    assert_close(number, tensor, rtol=1e-12, atol=1e-12)  # 0.25 is exact in float32


def test_clip_bounds_the_gradient_and_clamp_the_state():
    steep = descend(lambda x: 1e6 * x.square().sum(1), randn(4, 2) + 9, steps=1, step_size=2.0, clip=0.01).state
    assert_close(steep, randn(4, 2) + 9 - 0.01)
    held = langevin(lambda x: -100 * x.sum(1), randn(4, 2), steps=3, step_size=1.0, clamp=(0.0, 1.0), seed=0, keep=1)
    assert held.path.min() >= 0
    assert held.path.max() == 1


def test_the_path_holds_every_kth_state():
    _, potential = network()
    trace = langevin(potential, randn(4, 2), steps=7, step_size=0.1, seed=0, keep=3)
    assert trace.path.shape == (2, 4, 2)
    for row, steps in enumerate((3, 6)):
        shorter = langevin(potential, randn(4, 2), steps=steps, step_size=0.1, seed=0)
        assert torch.equal(trace.path[row], shorter.state)
        assert shorter.path is None


def test_recorded_noise_replays_the_chain():
    init = {"z": randn(4, 2), "x": randn(4, 3, seed=1)}

    def potential(state):
        return state["z"].square().sum(1) * state["x"].sum(1).cosh()

    first = langevin(potential, init, steps=4, step_size=0.01, seed=5, record_noise=True)
    again = langevin(potential, init, steps=4, step_size=0.01, noise=first.noise)
    assert len(first.noise) == 4
    assert list(first.state) == ["z", "x"]
    assert all(torch.equal(first.state[name], again.state[name]) for name in init)
    assert again.noise is None


def test_seeds_make_chains():
    _, potential = network()
    first, again, other = (
        langevin(potential, randn(4, 2), steps=2, step_size=0.1, seed=seed).state for seed in (1, 1, 2)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_a_part_that_the_potential_ignores_only_feels_the_noise():
    init, noise = {"z": randn(4, 2), "x": randn(4, 3)}, [{"z": randn(4, 2, seed=1), "x": randn(4, 3, seed=2)}]
    end = langevin(lambda s: s["z"].square().sum(1), init, steps=1, step_size=1.0, noise=noise).state
    assert_close(end["x"], init["x"] + noise[0]["x"])


def test_no_steps_give_the_start():
    init = randn(4, 2).requires_grad_()
    for end in (descend(network()[1], init, steps=0, step_size=0.1).state,
                langevin(network()[1], init, steps=0, step_size=0.1, seed=0).state):  # fmt: skip
        assert torch.equal(end, init)
        assert not end.requires_grad


@pytest.mark.parametrize("options", [{}, {"noise": []}])
def test_missing_noise_is_refused(options):
    with pytest.raises(ValueError, match="noise"):
        langevin(network()[1], randn(4, 2), steps=2, step_size=0.1, **options)
