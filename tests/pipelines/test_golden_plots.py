"""X/Y/Z plot and Prompt matrix: A1111's own grids, made again."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from modules.base.errors import WebUIError
from modules.engine.engine import Engine, ImageTask
from modules.engine.messages import JobSpec
from modules.params.known_names import KnownNames
from modules.params.scripts import resolve_script
from modules.params.txt2img import Txt2Img
from modules.plugins.native_scripts import all_scripts
from modules.prompts.styles import Style
from modules.requests.resolve import resolve_img2img, resolve_request
from modules.settings.options import Settings, change_settings
from modules.worker.grids import DonePicture, GridMaker
from modules.worker.job_kinds import plan_job
from tests.golden_data import CHECKPOINT, FIELDS, cases, inputs, painted_over, result
from tests.parts import parts_host, with_parts
from tests.playing import TOLERANCE, fields, finished, pixels_of

pytestmark = pytest.mark.slow      # together they take minutes
# One for each thing that a plot does; all others were drawn too, and would take minutes more.
DRAWN = (
    "matrix/no-bar", "matrix/one-part", "matrix/start-space-diff", "xyz/batch-grid-options-plain", "xyz/cell-error-first",
    "xyz/checkpoint-x", "xyz/img2img-sampler-cfg", "xyz/nothing", "xyz/override-kept", "xyz/prompt-list-style",
    "xyz/size-legend", "xyz/three-legend-sub-lone", "xyz/vary-x-with-seed",
)
RECORDED = cases("xyz", "matrix")
CASES = [case for case in RECORDED if case["id"] in DRAWN]
STYLES = {
    "oracle style": Style("oracle style", "masterpiece, {prompt}, detailed", "blurry"),
    "suffix": Style("suffix", "big, bright", "gray"),
}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_a_plot_is_a1111s(device, case, tmp_path):
    told, plan = result(case), plan_job(plot_spec(case), device.library, inputs(), with_parts(device.library))
    maker = GridMaker(plan, drawn_files(device, plan, case["id"], tmp_path))
    grids = list(maker.returned())
    shown = [*grids, *(plan.numbers if plan.grids.lone else ())]
    assert len(shown) == len(told["images"])
    for number, name, grid in zip(shown, told["images"], [*told.get("grids", ()), *[None] * len(shown)], strict=False):
        check_picture(case, maker, number, name, grid)
    check_order(case, plan)
    cells = [number for number in plan.numbers[:: plan.grids.each] if number in maker.done]
    batches = {maker.grid(number).first for number in grids if maker.grid(number).name == "grid"}
    texts = [maker.infotext(number) for number in grids]
    check_infotexts(case, texts + [maker.done[number].infotext for number in cells if number not in batches])


@pytest.mark.parametrize("case", RECORDED, ids=lambda case: case["id"])
def test_a_plot_is_planned_as_a1111_drew_it(device, case):
    """Cells in its order, as many pictures as it returned, refused where it failed, and each cell's generation data."""
    told = result(case)
    if "error" in told:
        with pytest.raises(WebUIError):
            plan_job(plot_spec(case), device.library, inputs(), with_parts(device.library))
        return
    plan = plan_job(plot_spec(case), device.library, inputs(), with_parts(device.library))
    shown = [grid for grid in plan.grids.grids if grid.returned] if plan.numbers else []
    assert len(told["images"]) == len(shown) + (len(plan.numbers) if plan.grids.lone else 0) or not plan.numbers
    assert bool(plan.numbers) == bool(told["images"]) and (plan.numbers or plan.warnings())
    check_order(case, plan)
    for cell, number in zip(told.get("cells", ()), in_cells(plan, told), strict=False):
        if text := cell.get("infotext"):
            ours = dict(fields(plan.infotext(number, {})))
            stale = {*cell.get("stale", ()), *LEFT_OVER.get(case["id"], ()), *KNOWN_ONCE_DRAWN}
            assert {**ours, **dict.fromkeys(stale)} == {**dict(fields(text)), **dict.fromkeys(stale)}


def in_cells(plan, told) -> list[int]:
    """The number of each recorded cell's first picture."""
    order = told.get("order", ())
    columns, rows = (1 + max((cell[axis] for cell in order), default=0) for axis in range(2))
    cells = [cell["cell"] for cell in told.get("cells", ())]
    return [(x + y * columns + z * columns * rows) * plan.grids.each for x, y, z in cells]


def plot_spec(case: dict[str, Any]) -> JobSpec:
    """A recorded call as a job, its script's arguments settled as for the API."""
    kind, payload = case["endpoint"].rpartition("/")[2], dict(case["payload"])
    saved = payload.pop("save_images", False)
    standing = change_settings(Settings(), {"return_grid": False, **case.get("options", {})})
    settings = change_settings(standing, {"sd_model_checkpoint": CHECKPOINT, **payload.pop("override_settings", {})})
    known = KnownNames(STYLES, Settings, returns_grids=standing.return_grid, scripts=all_scripts(parts_host()))
    given = {name: float(value) if isinstance(FIELDS[kind][name], float) else value for name, value in payload.items()}
    params = painted_over(given) if kind == "img2img" else Txt2Img(**given)
    params = resolve_script(params, kind, known)
    params = resolve_img2img(params, standing) if kind == "img2img" else resolve_request(params)
    return JobSpec(case["id"], "test", kind, json.loads(json.dumps(asdict(params))), asdict(settings), saved)


def drawn_files(device, plan, job: str, folder: Path) -> dict[int, DonePicture]:
    """The pictures of a job, drawn in its order and written to files; those that fail are left out."""
    order = plan.grids.order or range(len(plan.plans))
    pictures = [ImageTask(plan.task(number), job, number, "me", place) for place, number in enumerate(order)]
    done = {}
    for picture in finished(Engine(device.answer, lambda picture: None), pictures):
        if picture.result:
            path = folder / f"{picture.index}.png"
            Image.fromarray(picture.result.pixels).save(path)
            beside = [folder / f"{picture.index}-{place}.png" for place, _ in enumerate(picture.result.returned)]
            for file, image in zip(beside, picture.result.returned, strict=True):
                image.save(file)
            done[picture.index] = DonePicture(path, plan.infotext(picture.index, picture.result.extra_params), beside)
    return done


def check_picture(case, maker: GridMaker, number: int, name: str, grid) -> None:
    """A grid's cells are A1111's where they are A1111's; a lone picture wholly."""
    ours, theirs = np.asarray(maker.picture(number)).astype(int), pixels_of(case, name)
    if not grid or not grid["legend"]:
        assert ours.shape == theirs.shape
        boxes = [(0, 0, theirs.shape[1], theirs.shape[0])]
        places = boxes
    else:
        assert ours.shape == theirs.shape
        boxes, places = grid["cells"], cell_boxes(maker, number)
    failed = {n for n, cell in enumerate(result(case).get("cells", ())) if cell.get("error")}
    for cell, (box, place) in enumerate(zip(boxes, places, strict=True)):
        if failed:
            continue
        difference = np.abs(cut(ours, place) - cut(theirs, box))
        assert difference.max() <= TOLERANCE, f"{name}: cell {cell}"


def cell_boxes(maker: GridMaker, number: int, left: int = 0, top: int = 0) -> list[tuple[int, int, int, int]]:
    """The places of the pictures in a grid, also of those in the grids that it consists of."""
    layout, found = maker.layouts[number], []
    for place, part in enumerate(maker.grid(number).parts):
        size = maker.size_of(part, maker.layouts) or layout.cell
        x, y, width, height = layout.box(place, size)
        box = (left + x, top + y, width, height)
        found += cell_boxes(maker, part, *box[:2]) if part in maker.layouts and nested(maker, part) else [box]
    return found


def nested(maker: GridMaker, number: int) -> bool:
    return maker.grid(number).name != "grid"


def cut(pixels: np.ndarray, box) -> np.ndarray:
    left, top, width, height = box
    return pixels[top : top + height, left : left + width]


def check_order(case, plan) -> None:
    told = result(case)
    if order := told.get("order"):
        columns, rows, _ = (1 + max(cell[axis] for cell in order) for axis in range(3))
        numbers = [number // plan.grids.each for number in plan.grids.order[:: plan.grids.each]]
        ours = [(n % columns, n // columns % rows, n // columns // rows) for n in numbers]
        assert ours == [tuple(cell) for cell in order]


def check_infotexts(case, texts: list[str]) -> None:
    told, stale = result(case)["infotexts"], set(LEFT_OVER.get(case["id"], ()))
    stale |= {key for cell in result(case).get("cells", ()) for key in cell.get("stale", ())}
    for ours, theirs in zip(texts, told, strict=True):
        if theirs is not None:
            assert without(stale, ours) == without(stale, theirs)


def without(stale, text: str):
    return [pair for pair in fields(text) if pair[0] not in stale]


# Keys that A1111 has wrong: those of an earlier cell stay in a later one's text, and a grid's text lacks settings that
# were overridden for its cells.
KNOWN_ONCE_DRAWN = ("Refiner", "Refiner switch at", "Denoising strength")
LEFT_OVER = {"xyz/steps-x-sampler": ["Schedule type"], "xyz/override-kept": ["ENSD"]}
