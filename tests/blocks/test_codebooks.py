"""Codebooks: nearest codes by brute force, moving averages by hand, dead codes, and k-means in the limit."""

import pytest
import torch
from sklearn.cluster import KMeans
from torch.testing import assert_close

from blocks.codebooks import Codebook
from blocks.parameters import ParameterRows, ParameterTable
from blocks.types import Classes


def written(codes=5, decay=0.9, revive=0.0, event=(3,)):
    torch.manual_seed(0)
    return Codebook((event,), codes=codes, decay=decay, revive=revive).double()


def test_every_vector_of_a_map_becomes_its_nearest_code():
    book, z = written(event=(3, 2, 4)), torch.randn(6, 3, 2, 4, dtype=torch.float64, requires_grad=True)
    made = book(z)
    assert not made.requires_grad
    levels = book.level(z)
    for b in range(6):
        for row in range(2):
            for column in range(4):
                k = (book.codes - z[b, :, row, column]).norm(dim=1).argmin()
                assert torch.equal(made[b, :, row, column], book.codes[k])
                assert levels[b, row, column].item() == pytest.approx(k.item() / 4)
    assert torch.equal(book.code(levels), made)


def test_a_write_moves_averages_as_the_paper_says():
    book, z = written(codes=2, decay=0.9), torch.tensor([[0.0, 0, 0], [2, 0, 0], [10, 0, 0], [12, 0, 0]]).double()
    book.write(z)  # begins at the first and the last vector: 0 and 12
    counts = torch.full((2,), 0.9 * 1 + 0.1 * 2, dtype=torch.float64)
    sums = torch.tensor([0.9 * 0 + 0.1 * 2, 0.9 * 12 + 0.1 * 22], dtype=torch.float64)
    assert_close(book.counts, counts)
    assert_close(book.codes[:, 0], sums / counts, rtol=1e-4, atol=1e-4)  # the smoothing of the counts
    assert_close(book.codes[:, 1:], torch.zeros(2, 2, dtype=torch.float64))


def test_written_often_enough_codes_are_the_clusters_of_k_means():
    centers = torch.tensor([[-5.0, 0], [5, 1], [0, 6]]).double()
    generator = torch.Generator().manual_seed(0)
    z = centers[torch.arange(90) % 3] + torch.randn(90, 2, generator=generator, dtype=torch.float64)
    book = written(codes=3, decay=0.5, event=(2,))
    for _ in range(60):
        book.write(z)
    theirs = torch.from_numpy(KMeans(3, n_init=5, random_state=0).fit(z.numpy()).cluster_centers_)
    assert torch.cdist(book.codes, theirs).amin(0).max() < 1e-3


def test_a_dead_code_moves_to_the_vector_that_is_worst_coded():
    book = written(codes=2, decay=0.5, revive=0.3)
    near, far = torch.zeros(10, 3).double(), torch.full((1, 3), 7.0).double()
    book.write(near)  # both codes begin at 0, and the second is never the nearest
    book.write(torch.cat([near, far]))
    assert_close(book.codes.amax(0), far[0])
    assert_close(book(far), far)
    resting = written(codes=2, decay=0.5, revive=0.0)
    for _ in range(3):
        resting.write(near)
    assert resting.codes.isfinite().all()


@pytest.mark.parametrize(("event", "options", "says"), [
    ((3, 4), {}, "maps .* or vectors"), ((3,), {"codes": 1}, "write 2 or more"), ((3,), {"decay": 1.0}, "below 1"),
    (Classes(4), {}, "maps .* or vectors"), ((3,), {"codes": 0}, "`codes` gives a layer of 0 units"),
])  # fmt: skip
def test_wrong_options_say_the_way_out(event, options, says):
    with pytest.raises(ValueError, match=says):
        Codebook((event,), **options)


def test_a_table_gives_each_datum_its_row_and_moves_no_other():
    table, index = ParameterTable((Classes(6),), latent=2), torch.tensor([4, 1])
    assert torch.equal(table(index), table.rows[[4, 1]])
    table(index).sum().backward()
    assert torch.equal(table.rows.grad.sum(1), torch.tensor([0.0, 2, 0, 0, 2, 0]))
    with pytest.raises(ValueError, match="call it on `index`"):
        ParameterTable(((3,),), latent=2)


def test_rows_are_their_value():
    torch.manual_seed(0)
    rows = ParameterRows((4, 5), rows=500, mean=2.0, std=0.5)
    assert rows().shape == (500, 4, 5)
    assert rows().mean().item() == pytest.approx(2.0, abs=0.02)
    assert rows().std().item() == pytest.approx(0.5, abs=0.02)
