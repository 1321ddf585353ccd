"""The encoded prompts of a picture in A1111's form, as extensions see and change them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from modules.plugins.host import surface
from modules.sampling.batch_rows import text_of, with_text
from modules.sampling.guidance import Guidance, Stage, Timeline
from modules.sampling.questions import Cond

if TYPE_CHECKING:
    from modules.worker.hooks.hooked_batch import HookedPicture


def show_conditionings(p: Any, pictures: Sequence[HookedPicture]) -> None:
    """Give `p` the conditionings of a batch: `p.c` and `p.uc`."""
    conds = surface("prompt_parser")
    p.c = conds.MulticondLearnedConditioning((len(pictures),), [multicond(conds, each.stage) for each in pictures])
    p.uc = [conds_over_time(conds, each.stage.guidance.negative) for each in pictures]


def with_conditionings(stage: Stage, parts: Sequence[Any], negative: Sequence[Any]) -> Stage:
    """Return the stage with conditionings that are given in A1111's form.

    parts: a picture's ComposableScheduledPromptConditionings; negative: its ScheduledPromptConditionings
    """
    like = stage.guidance.negative.entries[0]
    positive = tuple((timeline_of(part.schedules, like), float(part.weight)) for part in parts)
    return replace(stage, guidance=replace(stage.guidance, positive=positive, negative=timeline_of(negative, like)))


def timeline_of(entries: Sequence[Any], like: Cond) -> Timeline[Cond]:
    texts = [
        (each.cond["crossattn"], each.cond["vector"]) if isinstance(each.cond, dict) else (each.cond, None)
        for each in entries
    ]
    return Timeline(tuple(each.end_at_step for each in entries), tuple(with_text(like, text) for text in texts))


def unlocked_stage(stage: Stage) -> Stage:
    """Return the stage with conditionings of its own, which may be changed in place."""
    guidance: Guidance = stage.guidance
    positive = tuple((each.map(unlocked_cond), weight) for each, weight in guidance.positive)
    return replace(stage, guidance=replace(guidance, positive=positive, negative=guidance.negative.map(unlocked_cond)))


def unlocked_cond(cond: Cond) -> Cond:
    return replace(cond, text=cond.text.clone(), vector=None if cond.vector is None else cond.vector.clone())


def conds_over_time(conds: Any, entries: Timeline[Cond]) -> list[Any]:
    """Return a conditioning over time in A1111's form."""
    return [
        conds.ScheduledPromptConditioning(end, text_of(cond))
        for end, cond in zip(entries.ends, entries.entries, strict=True)
    ]


def multicond(conds: Any, stage: Stage) -> list[Any]:
    """Return the prompts of a picture in A1111's form."""
    return [
        conds.ComposableScheduledPromptConditioning(conds_over_time(conds, entries), weight)
        for entries, weight in stage.guidance.positive
    ]
