"""Same generation data, same picture: A1111's own outputs, made again."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from modules.base.errors import UnknownName
from modules.engine.engine import Engine, Picture
from modules.params import infotext
from modules.prompts.grammar import emphasised
from modules.tasks.recipes import RECIPES
from tests.golden_data import GOLDEN, cases, result, spec

FAMILIES = ("samplers", "schedules", "eta", "cfg", "batch", "clipskip", "emphasis", "longprompt", "promptedit", "seeds", "rng", "skipcfg", "options", "vpred", "sdxl", "tiling", "refiner", "inpaintmodel", "vae")
TOLERANCE = 2      # grey levels of 255; what A1111 on other hardware differs by from itself


def playable(case):
    """Cases that ask only for what there is; the others wait for their issue."""
    try:
        spec(case)
    except (AssertionError, UnknownName):
        return False
    return True


CASES = [case for case in cases(*FAMILIES) if playable(case)]


def made(device, job):
    """All pictures of a job, and its recipe."""
    recipe = RECIPES[job.kind](job, device.library)
    pictures = [Picture(recipe.picture(plan), job.id, i, "me", i) for i, plan in enumerate(recipe.plans)]
    engine = Engine(device.answer, lambda picture: None)
    engine.submit(pictures)
    engine.listen()
    while engine.running:
        engine.step()
    for picture in pictures:
        if picture.error:
            raise picture.error
    return [picture.result for picture in pictures], recipe


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_a_picture_is_a1111s(device, case):
    pictures, recipe = made(device, spec(case))
    expected = result(case)
    assert len(pictures) == len(expected["images"])
    for i, (ours, name) in enumerate(zip(pictures, expected["images"])):
        theirs = np.asarray(Image.open(GOLDEN / "images" / case["id"] / name).convert("RGB"))
        difference = np.abs(ours.pixels.astype(int) - theirs.astype(int))
        if case["payload"]["sampler_name"] == "DPM adaptive":      # A1111 differs from itself here, by kernel and thread count
            assert difference.mean() < 8
        else:
            assert difference.max() <= TOLERANCE, f"picture {i}: max {difference.max()}, mean {difference.mean():.3f}"
        assert fields(recipe.infotext(i, ours.told)) == fields(expected["infotexts"][i])


LOST = {      # A1111 does not write these
    "Version", "UniPC variant", "UniPC skip type", "UniPC order", "UniPC lower order final", "Prompt word wrap",
    "SDXL crop top", "SDXL crop left", "SDXL low aesthetic score", "SDXL high aesthetic score", "Clip skip SDXL",
    "Quantization", "Old Karras sigmas", "VAE tiles",
}


def fields(text):
    """Generation data that A1111 writes as well, in order."""
    return [pair for pair in infotext.parse(text, emphasised).items() if pair[0] not in LOST]
