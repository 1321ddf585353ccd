"""Resize modes: what is kept, what is cut, what is added."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from modules.imaging.resize import (
    CROP_AND_RESIZE,
    JUST_RESIZE,
    LATENT_RESIZE,
    RESIZE_AND_FILL,
    contained,
    covering,
    resize_image,
)

sides = st.integers(1, 90)
sizes = st.tuples(sides, sides)


def noise(width, height):
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8))


@settings(max_examples=60, deadline=None)
@given(sizes, sizes, st.sampled_from((JUST_RESIZE, CROP_AND_RESIZE, RESIZE_AND_FILL, LATENT_RESIZE)))
def test_the_size_is_what_was_asked_for(size, goal, mode):
    assert resize_image(Image.new("RGB", size), mode, goal).size == goal


@pytest.mark.parametrize("mode", (JUST_RESIZE, CROP_AND_RESIZE, RESIZE_AND_FILL, LATENT_RESIZE))
def test_at_its_own_size_a_picture_stays_as_it_is(mode):
    image = noise(40, 30)
    assert np.array_equal(resize_image(image, mode, image.size), image)


@settings(max_examples=60, deadline=None)
@given(sizes, sizes)
def test_one_size_covers_the_frame_and_another_fits_into_it(size, frame):
    wide, high = covering(size, frame)
    assert wide >= frame[0] - 1 and high >= frame[1] - 1 and (wide == frame[0] or high == frame[1])
    wide, high = contained(size, frame)
    assert wide <= max(1, frame[0]) and high <= max(1, frame[1]) and (wide == frame[0] or high == frame[1])


def test_cropping_keeps_the_middle():
    image = noise(64, 32)
    assert np.array_equal(resize_image(image, CROP_AND_RESIZE, (32, 32)), np.asarray(image)[:, 16:48])


def test_filling_keeps_all_of_the_picture_in_the_middle():
    image = noise(32, 32)
    assert np.array_equal(np.asarray(resize_image(image, RESIZE_AND_FILL, (64, 32)))[:, 16:48], image)


@pytest.mark.parametrize("goal", ((64, 32), (32, 64)))
def test_what_is_added_goes_on_from_the_edge(goal):
    """Two halves of one colour each: beyond them there is as much of each again."""
    image = Image.new("RGB", (32, 32), "red")
    image.paste("blue", (16, 0, 32, 32) if goal[0] > 32 else (0, 16, 32, 32))
    wide = np.asarray(resize_image(image, RESIZE_AND_FILL, goal))
    first, last = (wide[:, :16], wide[:, 48:]) if goal[0] > 32 else (wide[:16], wide[48:])
    assert (first == (255, 0, 0)).all() and (last == (0, 0, 255)).all()
