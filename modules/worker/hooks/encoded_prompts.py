"""Prompts that extensions have encoded, and those that they encode in the place of A1111's functions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from modules.pipelines.conditioning import encode_prompt
from modules.pipelines.plan import Pass
from modules.pipelines.result import ExtraParams
from modules.plugins.host import CallFailed, surface
from modules.prompts import grammar
from modules.prompts.grammar import Clock
from modules.worker.hooks.replaced import call_replaced, encoding_functions, extension_of
from modules.worker.hooks.shown_conditionings import conds_over_time, with_conditionings

if TYPE_CHECKING:
    from modules.worker.hooks.hooked_batch import HookedBatch, HookedPicture
    from modules.worker.hooks.hooked_job import HookedJob


def prompts_over_time(job: HookedJob, prompts: Any, clock: Clock) -> list[list[Any]]:
    """Return each prompt's texts over time in A1111's form, encoded by the job's checkpoint.

    prompts: texts without tags of networks; an `SdConditioning` says whether they are negative, and the picture's size
    """
    pass_ = replace(pass_in_hand(job), clock=clock)
    width, height = getattr(prompts, "width", None), getattr(prompts, "height", None)
    pass_ = replace(pass_, frame=(width or pass_.frame[0], height or pass_.frame[1]))
    negative = bool(getattr(prompts, "is_negative_prompt", False))
    texts = [grammar.strip_comments(str(prompt)) for prompt in prompts]
    found = job.desk.do([encode_prompt(pass_, pass_.readers, ExtraParams(), text, negative) for text in texts])
    return [conds_over_time(surface("prompt_parser"), timeline) for timeline in found]


def pass_in_hand(job: HookedJob) -> Pass[Any]:
    """Return the pass that is being sampled; between batches, what `p` would be sampled with."""
    batch, p = job.batch_in_hand, job.p_in_hand
    if batch is not None and batch.pictures:
        return batch.pictures[0].start.pass_
    plan = batch.plans[0] if batch else job.planner.planned(job.planner.request(p), job.settings, p, 0)
    return plan.passes[-1 if p.is_hr_pass else 0]


def take_replaced_encoding(batch: HookedBatch, pictures: Sequence[HookedPicture]) -> None:
    """Give a pass's pictures the prompts that an extension encodes in the place of A1111's functions, if one does.

    One that fails is told, and the prompts stay as they were encoded without it.
    """
    job, p = batch.job, batch.p
    together, plain = encoding_functions()
    if not any(extension_of(job.host, each) for each in (together, plain)):
        return
    second = p.is_hr_pass
    prompts, negative = (p.hr_prompts, p.hr_negative_prompts) if second else (p.prompts, p.negative_prompts)
    texts, pass_ = surface("prompt_parser").SdConditioning, pictures[0].start.pass_
    size = {"width": pass_.frame[0], "height": pass_.frame[1]}
    first = pictures[0].plan.passes[0].clock.base_steps
    how = (first, pass_.clock.hires_steps if second else None, job.settings.use_old_scheduling)
    model = job.sd_model
    try:
        uc = call_replaced(job.host, "conditioning", plain, model, texts(negative, True, **size), *how)
        c = call_replaced(job.host, "conditioning", together, model, texts(prompts, **size), *how)
        stages = [
            with_conditionings(picture.stage, c.batch[place], uc[place]) for place, picture in enumerate(pictures)
        ]
    except CallFailed as error:
        job.note(f"{error}; the picture was made without it.")
        return
    for picture, stage in zip(pictures, stages, strict=True):
        picture.stage = stage
