"""Hires fix: A1111's own outputs, made again."""

from __future__ import annotations

import pytest

from tests.golden_data import cases
from tests.playing import check_against_a1111, recorded

pytestmark = pytest.mark.slow      # together they take minutes
FAMILIES = ("hires", "inpaintmodel", "vae")
CASES = [case for case in cases(*FAMILIES) if case["payload"].get("enable_hr")]
FAILED = [case["id"] for case in CASES if not recorded(case)]      # A1111 itself ends in an error there


@pytest.mark.parametrize("case", [case for case in CASES if case["id"] not in FAILED], ids=lambda case: case["id"])
def test_a_picture_is_a1111s(device, case):
    check_against_a1111(device, case)
