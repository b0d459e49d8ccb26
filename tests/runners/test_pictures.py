"""Pictures: images on the declared range, points and paths, written whole."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from blocks.types import Field
from runners.pictures import draw_grid, field_like, picture_of, png_size, save_picture


def opened(png):
    return Image.open(io.BytesIO(png))


def test_an_image_is_shown_on_the_declared_range_and_clamped():
    images = torch.tensor([-1.0, 0.0, 1.0, 7.0]).reshape(4, 1, 1, 1).expand(4, 1, 150, 150)
    shown = np.asarray(opened(draw_grid(images, low=-1.0, high=1.0)))
    assert [shown[76, 76], shown[76, 228], shown[228, 76], shown[228, 228]] == [0, 128, 255, 255]


def test_equal_images_stay_equal_beside_a_brighter_one():
    image = torch.full((1, 3, 150, 150), 0.25)
    alone = np.asarray(opened(draw_grid(image)))[50, 50]
    beside = np.asarray(opened(draw_grid(torch.cat([image, 4 * image]))))[50, 50]
    assert (alone == beside).all()


def test_a_range_without_extent_is_refused():
    with pytest.raises(ValueError, match="low < high"):
        draw_grid(torch.zeros(1, 1, 2, 2), 1.0, 1.0)


@pytest.mark.parametrize(
    "value",
    [torch.rand(5, 1, 8, 8), torch.rand(5, 3, 8, 8), torch.randn(50, 2), torch.zeros(4, 2), torch.randn(3, 7, 2),
     torch.full((3, 2), float("nan"))],
    ids=["grey", "colour", "points", "one_point", "paths", "broken"],
)  # fmt: skip
def test_what_can_be_shown_is_a_picture(value):
    png = picture_of(value, None)
    assert opened(png).size == png_size(png)
    assert min(png_size(png)) > 100


def test_what_cannot_be_shown_is_none():
    assert picture_of(torch.zeros(4, 20), None) is None


def test_a_value_is_shown_as_the_field_of_its_event():
    fields = {"y": Field((), "int64"), "x": Field((1, 8, 8), low=-1.0, high=1.0)}
    assert field_like(torch.zeros(3, 1, 8, 8), fields) == ("x", fields["x"])
    assert field_like(torch.zeros(3, 2), fields) is None


def test_a_picture_is_written_whole(tmp_path):
    png = draw_grid(torch.rand(2, 1, 4, 4))
    save_picture(tmp_path / "samples" / "a.png", png)
    assert (tmp_path / "samples" / "a.png").read_bytes() == png
    assert [path.name for path in (tmp_path / "samples").iterdir()] == ["a.png"]
