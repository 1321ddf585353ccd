"""Same generation data, same picture: A1111's own outputs, made again."""

from __future__ import annotations

import pytest

from tests.golden_data import cases
from tests.playing import check_against_a1111, playable, recorded

pytestmark = pytest.mark.slow      # together they take minutes
FAMILIES = (
    "samplers",
    "schedules",
    "eta",
    "cfg",
    "batch",
    "clipskip",
    "emphasis",
    "longprompt",
    "promptedit",
    "seeds",
    "rng",
    "skipcfg",
    "options",
    "vpred",
    "sdxl",
    "tiling",
    "refiner",
    "lora",
    "ti",
    "hypernet",
    "tome",
)
CASES = [case for case in cases(*FAMILIES) if playable(case) and recorded(case)]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_a_picture_is_a1111s(device, case):
    check_against_a1111(device, case)
