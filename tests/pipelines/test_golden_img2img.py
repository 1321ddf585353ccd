"""img2img and inpainting: A1111's own outputs, made again."""

from __future__ import annotations

import pytest

from tests.golden_data import cases
from tests.playing import check_against_a1111, playable, recorded

pytestmark = pytest.mark.slow      # together they take minutes
FAMILIES = ("img2img", "inpaint", "inpaintmodel", "softinpaint", "tiling", "vae")
ELSEWHERE = ("/sdapi/v1/txt2img",)      # in the same families, tested with txt2img
CASES = [case for case in cases(*FAMILIES) if case["endpoint"] not in ELSEWHERE and recorded(case)]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_a_picture_is_a1111s(device, case):
    assert playable(case)
    check_against_a1111(device, case)
