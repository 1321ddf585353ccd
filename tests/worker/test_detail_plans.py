"""Where the detailer may paint: what img2img's drawn mask leaves of a picture."""

from __future__ import annotations

import pytest
from PIL import Image

from modules.params.img2img import Img2Img
from modules.worker.detail_plans import drawn_mask

MASK = Image.new("L", (64, 32))
MASK.paste(255, (0, 0, 32, 32))      # the left half


def mask_of(**fields: object) -> Image.Image:
    return drawn_mask(Img2Img(mask="mask", width=32, height=32, **fields), {"mask": MASK}.__getitem__)


def test_what_is_painted_around_a_mask_has_its_finds_there_too():
    assert mask_of(inpaint_full_res=True).tobytes() == MASK.tobytes()
    assert mask_of(inpaint_full_res=True, inpainting_mask_invert=1).getbbox() == (32, 0, 64, 32)


@pytest.mark.parametrize("mode", [0, 1, 2])
def test_a_mask_is_brought_to_the_pictures_size_as_the_picture_is(mode):
    brought = mask_of(inpaint_full_res=False, resize_mode=mode).point(lambda level: 255 * (level > 127))
    assert brought.size == (32, 32) and brought.getbbox()[0:3:2] == (0, 16)      # its left half, whatever is cut


def test_a_picture_that_only_its_finds_are_painted_in_keeps_its_size_and_mask():
    assert mask_of(inpaint_full_res=False, detailer_only=True).size == (64, 32)
