"""Masks: read, blurred as OpenCV blurs them, found, filled, and the picture around them brought back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from modules.imaging.masks import (
    blurred,
    composed,
    fill_masked,
    gaussian,
    in_shape,
    overlay,
    read_mask,
    region,
    sharpened,
)


def rectangle(*box, size=(64, 48)):
    mask = Image.new("L", size)
    mask.paste(255, box)
    return mask


def noise(seed, size=(64, 48)):
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8))


def test_a_mask_is_its_opacity_where_anything_is_transparent():
    drawn = Image.new("RGBA", (3, 1))
    for x, opacity in enumerate((128, 129, 255)):
        drawn.putpixel((x, 0), (0, 0, 0, opacity))
    assert list(read_mask(drawn, rounded=True).tobytes()) == [0, 255, 255]
    assert list(read_mask(drawn, rounded=False).tobytes()) == [128, 129, 255]


def test_else_it_is_its_brightness():
    assert read_mask(Image.new("RGBA", (1, 1), (200, 200, 200, 255)), rounded=True).getpixel((0, 0)) == 200


@pytest.mark.parametrize("sigma, levels", [
    (1, [1, 14, 62, 102, 62, 14, 1]),
    (2, [2, 7, 17, 31, 45, 52, 45, 31, 17, 7, 2]),
    (4, [1, 2, 4, 5, 9, 11, 16, 19, 23, 25, 26, 25, 23, 19, 16, 11, 9, 5, 4, 2, 1]),
])
def test_one_white_pixel_becomes_what_opencv_makes_of_it(sigma, levels):
    """cv2.GaussianBlur(row, (2 * int(2.5 * sigma + 0.5) + 1, 1), sigma)"""
    row = Image.new("L", (33, 1))
    row.putpixel((16, 0), 255)
    radius = len(levels) // 2
    assert list(blurred(row, sigma, 0).tobytes())[16 - radius:17 + radius] == levels


@pytest.mark.parametrize("sigma", (1, 4, 9, 33, 64))
def test_a_gaussian_has_weight_one_and_two_equal_sides(sigma):
    kernel = gaussian(sigma)
    assert (
        kernel.sum() == 256 and np.array_equal(kernel, kernel[::-1]) and len(kernel) == 2 * int(2.5 * sigma + 0.5) + 1
    )


def test_what_is_masked_all_over_stays_so():
    full = Image.new("L", (20, 10), 255)
    assert np.array_equal(blurred(full, 64, 9), full)


def test_each_direction_is_blurred_by_itself():
    across = np.asarray(blurred(rectangle(20, 10, 40, 30), 4, 0))
    assert (across[10:30] == across[10]).all() and not across[:10].any() and 0 < across[15, 18] < 255
    assert np.array_equal(across.T, blurred(rectangle(10, 20, 30, 40, size=(48, 64)), 0, 4))


def test_an_edge_between_black_and_white_falls_as_the_normal_distribution():
    row = np.asarray(blurred(rectangle(32, 0, 64, 48), 3, 3))[24] / 255
    expected = [0.0913, 0.1587, 0.2525, 0.3694, 0.5]      # Φ at −4/3, −1, −2/3, −1/3, 0 (σ = 3)
    between = (row[27:32] + row[28:33]) / 2               # a pixel's edge lies between two middles
    assert np.allclose(between, expected, atol=0.012)


def test_the_region_is_around_all_that_is_masked():
    assert region(rectangle(20, 10, 40, 30), 0) == (20, 10, 40, 30)
    assert region(rectangle(20, 10, 40, 30), 15) == (5, 0, 55, 45)
    assert region(Image.new("L", (64, 48)), 8) is None


boxes = st.tuples(st.integers(0, 99), st.integers(0, 79), st.integers(1, 100), st.integers(1, 80)).map(
    lambda b: (b[0], b[1], min(100, b[0] + b[2]), min(80, b[1] + b[3]))
)


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(boxes, st.sampled_from([(64, 64), (128, 64), (512, 768)]))
def test_a_box_grows_to_the_shape_within_the_picture(box, shape):
    left, top, right, bottom = grown = in_shape(box, shape, (100, 80))
    assert left <= box[0] and top <= box[1] and right >= box[2] and bottom >= box[3]
    assert left >= 0 and top >= 0 and right <= 100 and bottom <= 80
    cut = (left, right) == (0, 100) or (top, bottom) == (0, 80)
    ratio = shape[0] / shape[1]
    off = min(abs((right - left) - ratio * (bottom - top)), abs((right - left) / ratio - (bottom - top)))
    assert cut or off <= 1, grown


def test_filling_leaves_the_rest_and_takes_its_colours():
    image = Image.new("RGB", (64, 48), (200, 100, 50))
    image.paste("black", (20, 10, 40, 30))
    out = np.asarray(fill_masked(image, rectangle(20, 10, 40, 30))).astype(int)
    assert abs(out - (200, 100, 50)).max() <= 5
    picture = noise(1)
    kept = np.asarray(rectangle(20, 10, 40, 30)) == 0
    assert np.array_equal(np.asarray(fill_masked(picture, rectangle(20, 10, 40, 30)))[kept], np.asarray(picture)[kept])


def test_the_original_comes_back_where_it_is_not_masked():
    original, painting, mask = noise(1), noise(2), rectangle(20, 10, 40, 30)
    out = np.asarray(composed(painting, None, overlay(original, mask)))
    inside = np.asarray(mask) == 255
    assert np.array_equal(out[inside], np.asarray(painting)[inside])
    assert np.array_equal(out[~inside], np.asarray(original)[~inside])


def test_a_close_up_goes_back_to_its_place():
    original, box = noise(1), (20, 10, 40, 30)
    out = np.asarray(composed(Image.new("RGB", (64, 64), "lime"), box, overlay(original, rectangle(*box))))
    assert (out[10:30, 20:40] == (0, 255, 0)).all()
    outside = np.ones(out.shape[:2], bool)
    outside[10:30, 20:40] = False
    assert np.array_equal(out[outside], np.asarray(original)[outside])


def test_without_an_original_the_painting_is_the_result():
    painting = noise(2)
    assert composed(painting, (0, 0, 8, 8), None) is painting


def test_a_mask_made_stronger_is_white_from_half_on():
    levels = Image.fromarray(np.arange(256, dtype=np.uint8)[None])
    assert list(sharpened(levels).tobytes()) == [min(255, 2 * level) for level in range(256)]


def test_circles_keep_their_hole():
    mask = Image.new("L", (64, 48))
    ImageDraw.Draw(mask).ellipse((10, 10, 40, 40), fill=255)
    assert overlay(noise(3), mask).getpixel((25, 25))[3] == 0 and overlay(noise(3), mask).getpixel((0, 0))[3] == 255
