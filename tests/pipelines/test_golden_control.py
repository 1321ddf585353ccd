"""Pictures that A1111 drew with the ControlNet extension, drawn again."""

from __future__ import annotations

import pytest

from tests.golden_data import cases
from tests.playing import check_against_a1111, recorded

pytestmark = pytest.mark.slow
# A1111 loses these units unseen and draws without them: here they are refused, or drawn as they were meant
REFUSED = {"controlnet/model-none", "controlnet/model-unknown"}
MEANT = {"controlnet/region-mask", "controlnet/infotext", "controlnet/mode-number"}
CASES = [case for case in cases("controlnet") if case["id"] not in REFUSED | MEANT and recorded(case)]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_a_controlled_picture_is_a1111s(device, case):
    check_against_a1111(device, case)
