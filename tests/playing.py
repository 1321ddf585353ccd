"""Plays A1111's recorded calls on Easel's own engine, and says how far the pictures are apart."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from modules.api.replies import infotexts
from modules.base.errors import UnknownName
from modules.engine.engine import ALL, Engine, ImageTask
from modules.engine.messages import JobSpec
from modules.models.device import Device, Placement
from modules.params import infotext
from modules.pipelines.result import Result
from modules.prompts.grammar import emphasised
from modules.prompts.tokenizer import load_tokenizer
from modules.requests.kinds import JOB_KINDS
from modules.worker.job_kinds import JobPlan, plan_job
from tests.golden_data import GOLDEN, assemble_models, golden_library, inputs, result, spec

Case = dict[str, Any]
TOLERANCE = 2      # grey levels of 255; what A1111 on other hardware differs by from itself


@dataclass(frozen=True, slots=True)
class Exempt:
    """Cases that cannot be held to the tolerance, as A1111 is not within it of itself."""

    name: str
    holds: Callable[[Case], bool]
    mean: float      # grey levels; what is asked of the mean difference instead
    why: str


def golden_device(folder: Path) -> Device:
    """The golden models on one thread of the CPU, as they were recorded; the checkpoints are assembled in `folder`."""
    torch.set_num_threads(1)
    tokenizer = load_tokenizer(GOLDEN / "models/tiny-clip")
    return Device(golden_library(assemble_models(folder)), tokenizer, Placement.choose(cpu=True), lambda *_: None)


def recorded(case: Case) -> bool:
    """A1111 made pictures of it; a few calls end in an error of its own."""
    return "images" in result(case)


def playable(case: Case) -> bool:
    """It asks only for what there is; the others wait for the feature they show."""
    try:
        return spec(case).kind in JOB_KINDS.names
    except (AssertionError, UnknownName):
        return False


def told(job: JobSpec, recipe: JobPlan, pictures: list[Result]) -> list[str]:
    """The generation data of a job's pictures, as the API's reply lists them."""
    return infotexts(
        job.params["script_name"], [recipe.infotext(i, drawn.extra_params) for i, drawn in enumerate(pictures)]
    )


def made(device: Device, job: JobSpec) -> tuple[list[Result], JobPlan]:
    """All pictures of a job, and its recipe. Raises what went wrong with any of them."""
    recipe = plan_job(job, device.library, inputs())
    pictures = [ImageTask(plan.task(), job.id, i, "me", i) for i, plan in enumerate(recipe.plans)]
    return results(Engine(device.answer, lambda picture: None), pictures), recipe


def results(engine: Engine, pictures: Sequence[ImageTask[Result]], side_by_side: int = ALL) -> list[Result]:
    """What the engine makes of them, all together. Raises what went wrong with any of them."""
    for picture in finished(engine, pictures, side_by_side):
        if picture.error:
            raise picture.error
    return [picture.result for picture in pictures]


def finished(
    engine: Engine, pictures: Sequence[ImageTask[Result]], side_by_side: int = ALL
) -> Sequence[ImageTask[Result]]:
    """The pictures as the engine leaves them."""
    engine.submit(pictures, side_by_side)
    engine.listen()
    while engine.running:
        engine.step()
    return pictures


def check_against_a1111(device: Device, case: Case) -> None:
    """The case's pictures and generation data are A1111's."""
    pictures, recipe = made(device, spec(case))
    texts = result(case)["infotexts"]
    for i, difference in enumerate(differences(case, pictures)):
        assert close(case, difference), f"picture {i}: max {difference.max()}, mean {difference.mean():.3f}"
    assert [fields(recipe.infotext(i, drawn.extra_params)) for i, drawn in enumerate(pictures)] == [
        fields(text) for text in texts
    ]


def differences(case: Case, pictures: Sequence[Result]) -> list[np.ndarray]:
    """(H, W, 3) grey levels of 255 between each of our pictures, what is returned with it included, and A1111's."""
    ours = [image for drawn in pictures for image in (Image.fromarray(drawn.pixels), *drawn.returned, *drawn.maps)]
    names = result(case)["images"]
    return [
        np.abs(np.asarray(image.convert("RGB")).astype(int) - pixels_of(case, name))
        for image, name in zip(ours, names, strict=True)
    ]


def pixels_of(case: Case, name: str) -> np.ndarray:
    with Image.open(GOLDEN / "images" / case["id"] / name) as image:
        return np.asarray(image.convert("RGB")).astype(int)


def exempt(case: Case) -> Exempt | None:
    return next((each for each in EXEMPT if each.holds(case)), None)


def close(case: Case, difference: np.ndarray) -> bool:
    """Is that the same picture?"""
    allowed = exempt(case)
    return bool(difference.mean() < allowed.mean if allowed else difference.max() <= TOLERANCE)


def fields(text: str) -> list[tuple[str, str]]:
    """Generation data that A1111 writes as well, in order."""
    return [
        pair for pair in infotext.parse_infotext(text, emphasised).items()
        if pair[0] not in LOST and not pair[0].startswith("Control unit")
    ]


def setting(case: Case, name: str) -> Any:
    return case["payload"].get("override_settings", {}).get(name)


LOST = {      # A1111 does not write these
    "Version", "UniPC variant", "UniPC skip type", "UniPC order", "UniPC lower order final", "Prompt word wrap",
    "SDXL crop top", "SDXL crop left", "SDXL low aesthetic score", "SDXL high aesthetic score", "Clip skip SDXL",
    "Quantization", "Old Karras sigmas", "Scheduled networks", "VAE tiles", "Refiner networks",
}

EXEMPT = (
    Exempt(
        "DPM adaptive",
        lambda case: case["payload"].get("sampler_name") == "DPM adaptive",
        8,
        "It chooses its steps by thresholds: A1111 is up to 38 from itself with another attention kernel or number of "
        "threads.",
    ),
    Exempt(
        "colour correction",
        lambda case: bool(setting(case, "img2img_color_correction")),
        1,
        "Histogram matching makes much of the least difference: A1111 is up to 12 from itself in another run.",
    ),
    Exempt(
        "unseeded noise",
        lambda case: bool(setting(case, "no_dpmpp_sde_batch_determinism")),
        math.inf,
        "In `seeds/batch-sde-nodet` A1111 takes the noise from a generator that nobody seeded: there is no picture to "
        "agree with.",
    ),
)
