"""Pictures that A1111 drew with the ControlNet extension, drawn again."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

import numpy as np
import pytest

from modules.base.errors import WebUIError
from modules.params.known_names import KnownNames
from modules.params.scripts import resolve_script
from modules.params.txt2img import Txt2Img
from modules.requests.recorded import recorded_request
from modules.settings.options import Settings
from tests.golden_data import cases, spec
from tests.playing import TOLERANCE, check_against_a1111, made, recorded

pytestmark = pytest.mark.slow
# A1111 loses these units unseen and draws without them: here they are refused, or drawn as they were meant
REFUSED = {"controlnet/model-none", "controlnet/model-unknown"}
MEANT = {"controlnet/region-mask", "controlnet/infotext", "controlnet/mode-number"}
CASES = [case for case in cases("controlnet") if case["id"] not in REFUSED | MEANT and recorded(case)]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_a_controlled_picture_is_a1111s(device, case):
    check_against_a1111(device, case)


@pytest.mark.parametrize("case", [case for case in cases("controlnet") if case["id"] in REFUSED], ids=lambda c: c["id"])
def test_a_unit_that_cannot_take_part_is_refused(device, case):
    with pytest.raises(WebUIError):
        made(device, spec(case))


def test_whoever_has_units_is_told_that_the_refiner_draws_without_them(device):
    [job] = [spec(case) for case in CASES if case["id"] == "controlnet/guidance-start"]
    refined = {**job.params, "refiner_checkpoint": "tiny-sd1-b", "refiner_switch_at": 0.5}
    for units in (job.params["control"], ()):
        [drawn], _ = made(device, replace(job, params={**refined, "control": units}))
        assert any("without ControlNet" in note for note in drawn.extra_params.notes) is bool(units)


def test_a_plot_changes_its_cells_first_unit(device):
    [job] = [spec(case) for case in CASES if case["id"] == "controlnet/guidance-start"]
    plot = ("[ControlNet] Weight", "0.2, 1", [], "[ControlNet] Guidance Start", "0.4", [])
    asked = replace(recorded_request(Txt2Img, job.params), script_name="x/y/z plot", script_args=plot)
    params = asdict(resolve_script(asked, "txt2img", KnownNames({}, Settings)))
    cells, recipe = made(device, replace(job, params=json.loads(json.dumps(params))))
    [plain], _ = made(device, job)
    apart = [np.abs(cell.pixels.astype(int) - plain.pixels).max() for cell in cells]
    assert apart[1] <= TOLERANCE < apart[0]
    assert ["Weight: 0.2" in recipe.infotext(number, {}) for number in (0, 1)] == [True, False]
