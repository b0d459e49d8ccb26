"""Pictures: images on the declared range, points and paths, written whole."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from blocks.types import Field
from runners.pictures import draw_grid, field_like, picture_of, png_size, save_picture
from runners.rows import rows_of_picture


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


def lines_of(png, cell):
    shown = np.asarray(opened(png))
    return shown.shape[1] // cell, shown.shape[0] // cell


@pytest.mark.parametrize(
    ("value", "fold", "columns"),
    [(torch.rand(24, 1, 150, 150), 8, 8), (torch.rand(3, 8, 1, 150, 150), 1, 8),
     (torch.rand(3, 60, 1, 150, 150), 1, 12), (torch.rand(9, 1, 150, 150), 1, 3)],
    ids=["interpolation", "path", "long_path", "no_path"],
)  # fmt: skip
def test_a_path_of_images_is_a_line_of_at_most_twelve(value, fold, columns):
    assert lines_of(picture_of(value, None, fold=fold), 152) == (columns, 3)


def test_a_long_path_is_shown_from_its_first_image_to_its_last():
    value = torch.linspace(0, 1, 60).reshape(1, 60, 1, 1, 1).expand(1, 60, 1, 150, 150)
    shown = np.asarray(opened(picture_of(value, None)))
    assert (shown[76, 76], shown[76, -76]) == (0, 255)


def test_points_that_belong_together_are_drawn_as_a_path():
    points = torch.randn(40, 2)
    assert picture_of(points, None, fold=8) == picture_of(points.reshape(5, 8, 2), None)


@pytest.mark.parametrize(
    ("event", "fold", "rows"),
    [((1, 8, 8), 1, 64), ((1, 8, 8), 8, 8), ((9, 1, 8, 8), 1, 8), ((2,), 1, 2000), ((2,), 8, 64), ((9, 2), 1, 64),
     ((20,), 1, None), ((), 1, None)],
)  # fmt: skip
def test_a_picture_is_filled_by_as_many_rows_as_can_be_seen(event, fold, rows):
    assert rows_of_picture(event, fold) == rows


def test_a_path_has_the_range_of_its_steps_field():
    fields = {"x": Field((1, 8, 8), low=-1.0, high=1.0)}
    assert field_like(torch.zeros(3, 5, 1, 8, 8), fields) == ("x", fields["x"])
