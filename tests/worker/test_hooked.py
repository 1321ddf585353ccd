"""Hooks of extensions in the making of pictures: A1111's own records of its hooks are played again."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.golden_data import GOLDEN, assemble_models
from tests.hooked import HookedShop, hooked_spec
from tests.playing import TOLERANCE, fields

pytestmark = pytest.mark.slow      # each draws with a model

HOOKS = GOLDEN / "hooks"
TRACES = ("trace-inpaint-masked", "trace-sdxl", "trace-interrupt")
EFFECTS = ("cfgden-x-inplace-unipc", "every-sampling-hires")
NOT_OF_A_PICTURE = {"module_imported", "show", "ui", "ui_settings", "before_ui", "model_loaded", "postprocessing_ui"}
COMPARED = (
    "args", "already_decoded", "batch_index", "denoiser", "image", "image_cond", "images", "index", "infotexts", "mba",
    "mask_for_overlay", "overlay_image", "same_object", "samples", "sampling_step", "sigma", "text_cond",
    "text_uncond", "total_sampling_steps", "x",
)
NEAR = {"mean": 2e-3, "std": 2e-2, "values": 1e-3}
GREY_LEVELS = 0.5      # of 255, between means of pictures


@pytest.fixture(scope="module")
def models(tmp_path_factory) -> Path:
    return assemble_models(tmp_path_factory.mktemp("golden-models"))


@pytest.fixture
def shop(tmp_path, models) -> HookedShop:
    return HookedShop(tmp_path, models)


def case_of(name: str) -> dict[str, Any]:
    return json.loads((HOOKS / name / "case.json").read_text())


def check_pictures(name: str, made) -> None:
    told = json.loads((HOOKS / name / "result.json").read_text())
    assert [fields(each.infotext) for each in made] == [fields(text) for text in told["infotexts"]]
    for each, theirs in zip(made, told["images"], strict=True):
        ours, picture = (np.asarray(Image.open(path).convert("RGB")).astype(int) for path in (each.path, HOOKS / name / theirs))
        assert np.abs(ours - picture).max() <= TOLERANCE


def differences(ours: Any, theirs: Any, where: str, near: float = 0.0) -> list[str]:
    """Where two recorded values are not the same; means of tensors and pictures may be near."""
    if isinstance(theirs, dict) and isinstance(ours, dict) and ours.keys() == theirs.keys():
        size = GREY_LEVELS if "image" in theirs else None
        return [
            text for key in theirs
            for text in differences(ours[key], theirs[key], f"{where}.{key}", (size or NEAR[key]) if key in NEAR else near)
        ]
    if isinstance(theirs, list) and isinstance(ours, list) and len(ours) == len(theirs):
        return [text for n, (a, b) in enumerate(zip(ours, theirs, strict=True)) for text in differences(a, b, f"{where}[{n}]", near)]
    if isinstance(theirs, float) and isinstance(ours, float | int) and near:
        return [] if abs(ours - theirs) <= max(near, near * abs(theirs)) else [f"{where}: {ours} is not {theirs}"]
    if isinstance(theirs, str) and "Steps: " in theirs:
        return [] if fields(ours) == fields(theirs) else [f"{where}: {ours} is not {theirs}"]
    return [] if ours == theirs else [f"{where}: {ours} is not {theirs}"]


@pytest.mark.parametrize("name", TRACES)
def test_hooks_are_called_as_a1111_calls_them(shop, name, monkeypatch):
    """In its order, with its arguments, shapes, step numbers and values."""
    case, theirs = case_of(name), json.loads((HOOKS / name / "trace.json").read_text())
    shop.add(HOOKS / "trace/extension", "trace")
    if name == "trace-interrupt":
        interrupting = shop.extensions / "zz-interrupting/scripts"
        interrupting.mkdir(parents=True)
        (interrupting / "interrupting.py").write_text(INTERRUPTING)
    with shop.open():
        _, made, _ = shop.made(hooked_spec(case))
        ours = list(sys.modules["easel_extensions.trace.trace_hooks"].EVENTS)
    ours = [event for event in ours if event["hook"] not in NOT_OF_A_PICTURE]
    theirs = [event for event in theirs if event["hook"] not in NOT_OF_A_PICTURE]
    assert [event["hook"] for event in ours] == [event["hook"] for event in theirs]
    found = [
        text for a, b in zip(ours, theirs, strict=True) for key in COMPARED
        if key in b for text in differences(a.get(key), b[key], f"{b['n']} {b['hook']} {key}")
    ]
    assert found == []
    check_pictures(name, made)


@pytest.mark.parametrize("name", EFFECTS)
def test_what_an_extension_changes_is_changed_as_in_a1111(shop, name):
    case = case_of(name)
    shop.add(HOOKS / name / "extension", case["extension"])
    with shop.open():
        ended, made, warned = shop.made(hooked_spec(case))
    assert (ended.state, warned) == ("done", [])
    check_pictures(name, made)


INTERRUPTING = """
from modules import script_callbacks, shared

def interrupt(params):
    if params.sampling_step == 2:
        shared.state.interrupt()

script_callbacks.on_cfg_denoiser(interrupt)
"""
