"""Pictures that A1111 drew with the ControlNet extension, drawn again."""

from __future__ import annotations

import pytest

from modules.base.errors import WebUIError
from tests.golden_data import cases, spec
from tests.playing import check_against_a1111, made, recorded

pytestmark = pytest.mark.slow
# A1111 loses these units unseen and draws without them: here they are refused, or drawn as they were meant
# (a reference is none of what Easel draws with)
REFUSED = {"controlnet/model-none", "controlnet/model-unknown", "controlnet/reference-both-mode"}
MEANT = {"controlnet/region-mask", "controlnet/infotext", "controlnet/mode-number"}
CASES = [case for case in cases("controlnet") if case["id"] not in REFUSED | MEANT and recorded(case)]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_a_controlled_picture_is_a1111s(device, case):
    check_against_a1111(device, case)


@pytest.mark.parametrize("case", [case for case in cases("controlnet") if case["id"] in REFUSED], ids=lambda c: c["id"])
def test_a_unit_that_cannot_take_part_is_refused(device, case):
    with pytest.raises(WebUIError):
        made(device, spec(case))
