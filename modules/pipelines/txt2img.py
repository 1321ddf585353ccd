"""txt2img, as one flow of questions for each image."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from PIL import Image
from torch import Tensor

from modules.base.errors import WebUIError
from modules.params.txt2img import Txt2Img
from modules.pipelines.conditioning import first_stage, grey_image
from modules.pipelines.control import finished_by_units, returned_maps
from modules.pipelines.control_maps import StartPicture
from modules.pipelines.plan import Files, ImagePlan, Pass, base_pass
from modules.pipelines.result import ExtraParams, Result, SideImage
from modules.pipelines.sampling import sampling
from modules.sampling.flows import Flow
from modules.sampling.guidance import Stage, guided
from modules.sampling.questions import Decode, Interrupted, Question, RestoreFaces, Task
from modules.settings.options import Settings

FACE_KEYS = ("Face restoration", "Face restoration weight")


def plan_single_pass(params: Txt2Img, settings: Settings, files: Files) -> ImagePlan[Txt2Img, None]:
    """Return the plan of the first image: one pass from pure noise."""
    return ImagePlan(params, settings, files, (base_pass(params, settings, files),), generate, None)


def generate(plan: ImagePlan[Txt2Img, None]) -> Task[Result]:
    """Encode the prompts, sample a latent, decode it. Interrupted, the newest estimate is decoded."""
    [only], extra = plan.passes, ExtraParams()
    latent, complete = yield from from_noise(only, extra)
    pixels = yield from decode_image(only, latent, extra)
    return Result(pixels, complete, extra, maps=(yield from returned_maps(plan)))


def from_noise(pass_: Pass, extra: ExtraParams) -> Task[tuple[Tensor, bool]]:
    """Sample a latent from noise; return it, and whether it is complete."""
    stage = yield from first_stage(pass_, extra, partial(grey_image, pass_))
    facts = yield pass_.facts
    flow = sampling(pass_, facts, stage)
    return (yield from drawn_latent(pass_, sampled(flow, stage)))


def drawn_latent(pass_: Pass, making: Task[tuple[Tensor, bool]]) -> Task[tuple[Tensor, bool]]:
    """Return the task of a pass's latent, with what extensions make of it once it is complete."""
    latent, complete = yield from making
    return pass_.moments.decoding(pass_, latent) if pass_.moments and complete else latent, complete


def sampled(flow: Flow, stage: Stage, begun: Tensor | None = None) -> Task[tuple[Tensor, bool]]:
    """Run a sampler's flow; return the latent, and whether it is complete.

    Interrupted, the latent is the newest clean estimate; before the first estimate, it is `begun`.
    """
    try:
        return (yield from guided(flow, stage, begun)), True
    except Interrupted as stop:
        if stop.latest is None:
            raise
        return stop.latest, False


def decode_image(
    pass_: Pass, latent: Tensor, extra: ExtraParams, start: StartPicture | None = None
) -> Task[np.ndarray]:
    """Decode the latent, and restore faces if the settings want that; if restoring fails, it is skipped with a note.

    start: the picture of ControlNet units that have none of their own
    """
    s = pass_.settings
    decoded = yield from insisted(decode_question(pass_, latent))
    pixels = yield from finished_by_units(pass_, decoded, start)
    if not s.face_restoration:
        return pixels
    if s.save_images_before_face_restoration:
        extra.side_images.append(SideImage("-before-face-restoration", Image.fromarray(pixels)))
    try:
        return (
            yield from insisted(RestoreFaces(pass_.weights, pixels, s.face_restoration_model, s.code_former_weight))
        )
    except WebUIError as error:
        extra.notes.append(f"Faces were not restored. {error}")
        extra |= dict.fromkeys(FACE_KEYS)
        return pixels


def insisted(question: Question) -> Task[Any]:
    """Ask again after each interruption, until there is an answer: a sampled image is never lost to an interruption."""
    while True:
        try:
            return (yield question)
        except Interrupted:
            continue


def decode_question(pass_: Pass, latent: Tensor) -> Decode:
    return Decode(pass_.weights, latent, pass_.settings.sd_vae_tiles, pass_.settings.sd_vae_decode_method == "TAESD")
