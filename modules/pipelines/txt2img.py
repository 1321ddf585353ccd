"""txt2img: one picture as one flow of questions."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from PIL import Image
from torch import Tensor

from modules.base.errors import WebUIError
from modules.pipelines.conditioning import beside, first_stage
from modules.pipelines.plan import Plan
from modules.pipelines.result import ExtraParams, Result, SideImage
from modules.pipelines.sampling import sampling
from modules.sampling.flows import Flow
from modules.sampling.guidance import Stage, guided
from modules.sampling.questions import Decode, Interrupted, Question, RestoreFaces, Task


def picture(plan: Plan) -> Task[Result]:
    """Read the prompts, sample a latent, decode it. Interrupted in mid-air, decode what there is."""
    extra = ExtraParams()
    latent, whole = yield from imagined(plan, extra)
    return Result((yield from decoded(plan, latent, extra)), whole, extra)


def imagined(plan: Plan, extra: ExtraParams) -> Task[tuple[Tensor, bool]]:
    """A latent out of noise, and whether it is whole."""
    stage = yield from first_stage(plan, extra, partial(beside, plan))
    facts = yield plan.facts
    flow = sampling(plan, facts, like=stage.guidance.negative.entries[0].text)
    return (yield from sampled(flow, stage))


def sampled(flow: Flow, stage: Stage, begun: Tensor | None = None) -> Task[tuple[Tensor, bool]]:
    """The latent, and whether it is whole: an interrupted one is the newest clean estimate, or what it had `begun` from."""
    try:
        return (yield from guided(flow, stage, begun)), True
    except Interrupted as stop:
        if stop.latest is None:
            raise
        return stop.latest, False


def decoded(plan: Plan, latent: Tensor, extra: ExtraParams) -> Task[np.ndarray]:
    """The picture, its faces restored if the settings want that. Where that fails, the picture without is not lost."""
    s = plan.settings
    pixels = yield from insisted(decoding(plan, latent))
    if not s.face_restoration:
        return pixels
    if s.save_images_before_face_restoration:
        extra.side_images.append(SideImage("-before-face-restoration", Image.fromarray(pixels)))
    try:
        return (yield from insisted(RestoreFaces(plan.weights, pixels, s.face_restoration_model, s.code_former_weight)))
    except WebUIError as error:
        extra.notes.append(f"Faces were not restored. {error}")
        extra |= dict.fromkeys(FACE_KEYS)
        return pixels


FACE_KEYS = ("Face restoration", "Face restoration weight")


def insisted(question: Question) -> Task[Any]:
    """What is sampled is shown, however often somebody asks to stop now."""
    while True:
        try:
            return (yield question)
        except Interrupted:
            continue


def decoding(plan: Plan, latent: Tensor) -> Decode:
    return Decode(plan.weights, latent, plan.settings.sd_vae_tiles, plan.settings.sd_vae_decode_method == "TAESD")
