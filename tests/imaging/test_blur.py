"""Blurred pictures: what is left of them."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from modules.imaging.blur import BLUR_CELLS, blurred_picture


@pytest.mark.parametrize("size", [(64, 64), (512, 64), (3, 1000), (1, 1), (7, 5), (1000, 667)])
@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L"])
def test_size_and_mode_stay(size, mode):
    found = blurred_picture(Image.new(mode, size))
    assert (found.size, found.mode) == (size, mode)


def test_only_the_means_of_a_few_cells_are_left():
    """Pictures with equal means become the same one, whatever was within."""
    cell = 64 // BLUR_CELLS
    one = np.random.default_rng(1).integers(0, 256, (64, 64, 3), np.uint8)
    other = one.reshape(BLUR_CELLS, cell, BLUR_CELLS, cell, 3)[:, ::-1, :, ::-1].reshape(64, 64, 3)
    assert not np.array_equal(one, other)
    assert np.array_equal(blurred_picture(Image.fromarray(one)), blurred_picture(Image.fromarray(other)))


def test_a_plain_picture_stays_plain():
    assert np.asarray(blurred_picture(Image.new("RGB", (100, 40), (10, 200, 30)))).reshape(-1, 3).tolist() == [
        [10, 200, 30]
    ] * 4000
