"""txt2img: one picture as one flow of questions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from modules.prompts import grammar
from modules.sampling.guidance import Guidance, Schedule, guided
from modules.sampling.questions import Decode, Encode, Facts, Frame, Interrupted, Reading, Task
from modules.tasks.plan import Plan
from modules.tasks.sampling import negative_left_out, sampling, trained_levels

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Drawn:
    """A picture, (H, W, 3) uint8; not `whole` if it was interrupted on the way."""

    pixels: np.ndarray
    whole: bool = True


def picture(plan: Plan) -> Task[Drawn]:
    """Read the prompts, sample a latent, decode it. Interrupted in mid-air, decode what there is."""
    facts = yield Facts(plan.weights)
    guidance = yield from read_prompts(plan)
    flow = sampling(plan, facts, like=guidance.negative.conds[0].text)
    whole = True
    try:
        latent = yield from guided(flow, plan.weights, guidance, trained_levels(plan, facts))
    except Interrupted as stop:
        if stop.latest is None:
            raise
        latent, whole = stop.latest, False
    return Drawn((yield from decoded(plan, latent)), whole)


def decoded(plan: Plan, latent: Tensor) -> Task[np.ndarray]:
    """What is sampled is shown, however often somebody asks to stop now."""
    while True:
        try:
            return (yield Decode(plan.weights, latent))
        except Interrupted:
            continue


def read_prompts(plan: Plan) -> Task[Guidance]:
    """Both prompts as conditionings over time. Tags and comments are not drawn."""
    prompt, _ = grammar.take_networks(grammar.strip_comments(plan.params.prompt))
    negative = grammar.strip_comments(plan.params.negative_prompt)
    positive = []
    for text, weight in grammar.compose(prompt):
        schedule = yield from read(plan, text)
        positive.append((schedule, weight))
    away = yield from read(plan, negative, is_negative=True)
    scale = plan.params.cfg_scale * plan.sampler.guidance
    return Guidance(tuple(positive), away, scale, negative_left_out(plan))


def read(plan: Plan, text: str, is_negative: bool = False) -> Task[Schedule]:
    s = plan.settings
    entries = grammar.schedule(text, plan.evaluations, old=s.use_old_scheduling)
    reading = Reading(s.emphasis, s.CLIP_stop_at_last_layers, s.comma_padding_backtrack)
    frame = Frame(plan.params.width, plan.params.height, s.sdxl_crop_top, s.sdxl_crop_left)
    conds = yield Encode(plan.weights, tuple(text for _, text in entries), reading, frame, is_negative)
    return Schedule(tuple(end for end, _ in entries), tuple(conds))
