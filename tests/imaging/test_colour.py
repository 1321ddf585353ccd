"""Colours: the corners of CIELAB, histograms that agree, brightness that stays."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from modules.imaging.colour import LUMA, corrected, flattened, match_histogram, to_lab, to_rgb, with_luminosity

RNG = np.random.default_rng(0)
PICTURE = RNG.integers(0, 256, (40, 50, 3), dtype=np.uint8)


@pytest.mark.parametrize("rgb, lab", [
    ((255, 255, 255), (255, 128, 128)), ((0, 0, 0), (0, 128, 128)),
    ((255, 0, 0), (136, 208, 195)), ((0, 255, 0), (224, 42, 211)), ((0, 0, 255), (82, 207, 20)),
])
def test_corners_of_lab(rgb, lab):
    """L*, a*, b* of the primaries, as everybody's tables have them, in OpenCV's 8 bits."""
    assert tuple(to_lab(np.uint8([[rgb]]))[0, 0]) == lab


def test_lab_and_back_is_the_same_but_for_its_rounding():
    assert abs(to_rgb(to_lab(PICTURE)).astype(int) - PICTURE).mean() < 1.5


def test_matched_levels_have_the_other_histogram():
    goal = RNG.normal(100, 20, (60, 60)).clip(0, 255).astype(np.uint8)
    matched = match_histogram(RNG.integers(0, 256, (60, 60), dtype=np.uint8), goal)
    shares = np.linspace(0.05, 0.95, 19)
    assert np.allclose(np.quantile(matched, shares), np.quantile(goal, shares), atol=1.5)
    assert np.array_equal(match_histogram(goal, goal), goal)


def test_the_brightness_stays_and_all_is_within_range():
    colours, brightness = RNG.random((30, 30, 3)), RNG.random((30, 30, 3))
    out = with_luminosity(colours, brightness)
    assert np.allclose(out @ LUMA, brightness @ LUMA, atol=1e-9)
    assert out.min() > -1e-9 and out.max() < 1 + 1e-9


def test_a_picture_in_its_own_colours_is_itself():
    image = Image.fromarray(PICTURE)
    assert abs(np.asarray(corrected(image, image)).astype(int) - PICTURE).mean() < 1.5


def test_a_tinted_picture_loses_its_tint():
    tinted = (PICTURE * (1.0, 0.5, 0.5)).astype(np.uint8)
    grey = np.repeat(PICTURE[..., :1], 3, axis=2)
    out = np.asarray(corrected(Image.fromarray(tinted), Image.fromarray(grey))).astype(int)
    assert abs(out - out.mean(axis=2, keepdims=True)).max() <= 3


def test_transparency_shows_the_background():
    image = Image.new("RGBA", (2, 1), (10, 20, 30, 0))
    image.putpixel((1, 0), (10, 20, 30, 255))
    out = flattened(image, "#ff8000")
    assert [out.getpixel((x, 0)) for x in (0, 1)] == [(255, 128, 0), (10, 20, 30)]
