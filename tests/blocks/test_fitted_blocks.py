"""Blocks that are fitted, against scikit-learn and closed forms: mixtures, principal components, data statistics."""

import pytest
import torch
from sklearn.decomposition import PCA
from sklearn.mixture import GaussianMixture
from torch import distributions
from torch.testing import assert_close

from blocks.choices import chosen, log_mixture
from blocks.mixtures import MixturePrior, expectation_maximisation, seeded_mixture
from blocks.projections import PrincipalComponents, Standardise

CENTERS = torch.tensor([[-4.0, 0.0, 1.0], [0.0, 4.0, -1.0], [4.0, 0.0, 0.0]], dtype=torch.float64)


def clusters(rows=300, spread=1.0):
    """Rows round three centres, stretched and turned: no covariance is diagonal."""
    generator = torch.Generator().manual_seed(0)
    turn = torch.tensor([[1.0, 0.4, 0.0], [0.0, 0.7, 0.3], [0.2, 0.0, 0.5]], dtype=torch.float64)
    noise = torch.randn(rows, 3, generator=generator, dtype=torch.float64)
    return CENTERS[torch.arange(rows) % 3] + spread * noise @ turn


def filled(covariance="full", dtype=torch.float64):
    """A mixture block with nothing at its start values."""
    torch.manual_seed(0)
    block = MixturePrior(((3,),), components=4, covariance=covariance).to(dtype)
    for parameter in block.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    return block


def torchs(block):
    """The same mixture as torch.distributions says it."""
    state = block._mixture()
    normals = distributions.MultivariateNormal(state.means, scale_tril=state.factors)
    return distributions.MixtureSameFamily(distributions.Categorical(logits=state.logits), normals)


@pytest.mark.parametrize("covariance", ["full", "diagonal"])
def test_the_density_is_torchs(covariance):
    block, z = filled(covariance), clusters(20)
    assert_close(block.log_prob(z), torchs(block).log_prob(z))
    block.log_prob(z).sum().backward()
    assert all(p.grad.abs().sum() > 0 for p in block.parameters())


@pytest.mark.parametrize("covariance", ["full", "diagonal"])
def test_draws_have_the_moments_of_the_mixture(covariance):
    block, count = filled(covariance), 40_000
    generator = torch.Generator().manual_seed(1)
    choice = (torch.arange(count, dtype=torch.float64) + 0.5) / count
    component = torch.randn(count, 3, generator=generator, dtype=torch.float64)
    z, log_prob = block.log_prob_at(choice, component)
    assert_close(log_prob, block.log_prob(z))
    state, theirs = block._mixture(), torchs(block)
    assert_close(z.mean(0), theirs.mean, rtol=0, atol=0.03)
    weights = state.logits.softmax(0)
    second = torch.einsum(
        "k,kij->ij", weights, state.factors @ state.factors.mT + state.means[:, :, None] * state.means[:, None]
    )
    assert_close(z.T @ z / count, second, rtol=0, atol=0.08)


@pytest.mark.parametrize("diagonal", [False, True])
def test_every_step_of_em_is_scikit_learns(diagonal):
    z = clusters(spread=2.5)  # they overlap, so that EM has work
    start = seeded_mixture(z, 3, torch.Generator().manual_seed(3), diagonal)
    covariances = start.factors @ start.factors.mT
    precisions = 1 / covariances.diagonal(dim1=1, dim2=2) if diagonal else torch.linalg.inv(covariances)
    for steps in (1, 7):
        theirs = GaussianMixture(
            3, covariance_type="diag" if diagonal else "full", max_iter=steps, tol=0.0,
            weights_init=start.logits.softmax(0), means_init=start.means, precisions_init=precisions,
        )  # fmt: skip
        with pytest.warns(match="did not converge"):
            theirs.fit(z.numpy())
        ours, _ = expectation_maximisation(z, start, steps, tolerance=-1.0, diagonal=diagonal)
        assert_close(ours.logits.softmax(0), torch.from_numpy(theirs.weights_))
        assert_close(ours.means, torch.from_numpy(theirs.means_))
        found = ours.factors @ ours.factors.mT
        found = found.diagonal(dim1=1, dim2=2) if diagonal else found
        assert_close(found, torch.from_numpy(theirs.covariances_), rtol=1e-6, atol=1e-8)
        assert_close(ours.log_parts(z).logsumexp(1), torch.from_numpy(theirs.score_samples(z.numpy())))


def test_a_fit_finds_clusters_as_well_as_scikit_learn_does():
    z = clusters().float()
    block = MixturePrior(((3,),), components=3)
    block.fit(z, seed=0)
    theirs = GaussianMixture(3, random_state=0).fit(z.numpy())
    assert block.log_prob(z).mean().item() == pytest.approx(theirs.score(z.numpy()), abs=2e-3)
    apart = torch.cdist(block.means.double(), CENTERS).amin(0)
    assert apart.max() < 0.4
    again = MixturePrior(((3,),), components=3)
    again.fit(z, seed=0)
    assert all(map(torch.equal, block.parameters(), again.parameters()))


def test_one_component_is_the_normal_of_mean_and_covariance():
    z = clusters()
    block = MixturePrior(((3,),), components=1).double()
    block.fit(z, seed=0)
    state = block._mixture()
    assert_close(state.means[0], z.mean(0))
    assert_close((state.factors @ state.factors.mT)[0], torch.cov(z.T, correction=0), rtol=0, atol=2e-6)


def test_repeated_values_and_empty_clusters_are_harmless():
    z = torch.cat([torch.zeros(20, 3), torch.ones(20, 3)])
    block = MixturePrior(((3,),), components=5)
    block.fit(z, seed=0)
    assert block.log_prob(z).isfinite().all()
    with pytest.raises(ValueError, match="5 components are fitted to 4 values"):
        block.fit(z[:4], seed=0)


@pytest.mark.parametrize("whiten", [False, True])
def test_principal_components_are_scikit_learns(whiten):
    x = clusters().reshape(-1, 3)
    block = PrincipalComponents(((3,),), latent=2, whiten=whiten).double()
    block.fit(x, seed=0)
    theirs = PCA(2, whiten=whiten).fit(x.numpy())
    projected = torch.from_numpy(theirs.transform(x.numpy()))
    signs = (projected * block(x)).sum(0).sign()  # a direction has no sign of its own
    assert_close(block(x), projected * signs)
    assert_close(block.restore(block(x)), torch.from_numpy(theirs.inverse_transform(theirs.transform(x.numpy()))))
    if whiten:
        assert_close(torch.cov(block(x).T), torch.eye(2, dtype=torch.float64))


def test_all_components_of_an_image_restore_it():
    x = torch.randn(30, 1, 2, 3, dtype=torch.float64)
    block = PrincipalComponents(((1, 2, 3),), latent=6).double()
    block.fit(x, seed=0)
    assert_close(block.restore(block(x)), x)
    with pytest.raises(ValueError, match="write 6 at most"):
        PrincipalComponents(((1, 2, 3),), latent=7)


@pytest.mark.parametrize(("over", "axes"), [("entries", (0,)), ("channels", (0, 2, 3)), ("all", (0, 1, 2, 3))])
def test_standardised_values_have_mean_0_and_std_1_over_their_axes(over, axes):
    x = 3 + torch.randn(50, 2, 3, 4, dtype=torch.float64) * torch.tensor([2.0, 5.0]).reshape(2, 1, 1)
    block = Standardise(((2, 3, 4),), over=over).double()
    block.fit(x, seed=0)
    z = block(x)
    assert_close(z.mean(axes), torch.zeros_like(z.mean(axes)))
    assert_close(z.std(axes, correction=0), torch.ones_like(z.mean(axes)))
    assert_close(block.restore(z), x)
    assert_close(block.std.expand(2, 3, 4), x.std(axes, correction=0, keepdim=True)[0].expand(2, 3, 4))


def test_the_density_of_a_choice_is_torchs_mixture():
    a, b = torch.randn(6).double(), torch.randn(6).double()
    made = log_mixture((1.0, torch.tensor(3.0)), a, b)
    assert_close(made, (0.25 * a.exp() + 0.75 * b.exp()).log())


def test_choices_are_as_frequent_as_they_weigh_and_pass_the_gradient_to_what_they_take():
    choice = (torch.arange(1000.0) + 0.5) / 1000
    low, high = torch.zeros(1000, 2, requires_grad=True), torch.ones(1000, 2, requires_grad=True)
    made = chosen(choice, (1.0, 3.0), low, high)
    assert made.mean().item() == pytest.approx(0.75)
    made.sum().backward()
    assert torch.equal(low.grad[:, 0] == 1, choice < 0.25)
    assert torch.equal(high.grad + low.grad, torch.ones(1000, 2))
