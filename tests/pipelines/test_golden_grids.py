"""Batch grids: A1111's own, made again."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from modules.worker.grids import GridMaker
from modules.worker.job_kinds import plan_job
from tests.golden_data import cases, inputs, result
from tests.pipelines.test_golden_plots import drawn_files, plot_spec
from tests.playing import TOLERANCE, fields, pixels_of

pytestmark = pytest.mark.slow      # each draws a batch


@pytest.mark.parametrize("case", cases("grid"), ids=lambda case: case["id"])
def test_a_batch_grid_is_a1111s(device, case, tmp_path):
    told, plan = result(case), plan_job(plot_spec(case), device.library, inputs())
    maker = GridMaker(plan, drawn_files(device, plan, case["id"], tmp_path))
    (grid,) = maker.returned()
    ours, theirs = np.asarray(maker.picture(grid)).astype(int), pixels_of(case, told["images"][0])
    assert ours.shape == theirs.shape and np.abs(ours - theirs).max() <= TOLERANCE
    boxes = [list(maker.layouts[grid].box(place, maker.sizes[part])) for place, part in enumerate(maker.grid(grid).parts)]
    assert boxes == told["grids"][0]["cells"]
    assert fields(maker.infotext(grid)) == fields(told["infotexts"][0])
    pictures = [path for number in plan.numbers for path in (maker.done[number].path, *maker.done[number].beside)]
    assert len(pictures) == len(told["images"]) - 1
    for path, name in zip(pictures, told["images"][1:], strict=True):
        with Image.open(path) as picture:
            assert np.abs(np.asarray(picture.convert("RGB")).astype(int) - pixels_of(case, name)).max() <= TOLERANCE
    assert json.loads(json.dumps(maker.facts(grid)))["seed"] == told["all_seeds"][0]
