"""The generation data of a hooked job's pictures: the request's, and what extensions add to them."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from modules.base.border import outcome
from modules.pipelines.plan import ImagePlan
from modules.worker.hooks.own_samplers import sampling_pairs
from modules.worker.infotext import image_infotext

if TYPE_CHECKING:
    from modules.worker.hooks.hooked_job import HookedJob

log = logging.getLogger(__name__)
# A1111's keys before which an extension's come that was set by then
SET_BEFORE_INIT, SET_BEFORE_LORAS = "Hires checkpoint", "Lora hashes"


@dataclass(frozen=True)
class TextsOfPicture:
    """What a picture's generation data say of it."""

    prompt: str
    negative_prompt: str
    seed: int
    subseed: int

    @classmethod
    def of_batch(cls, p: Any, place: int) -> TextsOfPicture:
        """Return those of a place in `p`'s batch."""
        return cls(p.prompts[place], p.negative_prompts[place], int(p.seeds[place]), int(p.subseeds[place]))


@dataclass(eq=False)
class HookedInfotext:
    """Writes the generation data of one job's pictures.

    before: A1111's key before which an extension's key stands, by the extension's key
    """

    job: HookedJob
    before: dict[str, str] = field(default_factory=dict)

    def note_order(self, p: Any, later: str) -> None:
        """Note that the keys which are there by now come before that one of A1111's."""
        for key in p.extra_generation_params:
            self.before.setdefault(key, later)

    def text(self, p: Any, number: int, texts: TextsOfPicture) -> str:
        """Return the generation data of the picture of that number among p's."""
        return image_infotext(*self.told(p, number, texts), self.before)

    def told(self, p: Any, number: int, texts: TextsOfPicture) -> tuple[ImagePlan[Any, Any], dict[str, Any]]:
        """Return what the generation data of the picture of that number are written from: its plan, further pairs."""
        job = self.job
        drawn = job.drawn.get(p, {}).get(number)
        plan = drawn.plan if drawn else job.planner.planned(job.planner.request(p), job.settings, p, 0)
        params = replace(
            plan.params, prompt=texts.prompt, negative_prompt=texts.negative_prompt, seed=texts.seed,
            subseed=texts.subseed,
        )
        extra = {**(drawn.extra if drawn else {}), **second_prompts(p, number, texts)}
        extra |= {**sampling_pairs(job.host, p, plan.params), **self.told_params(p, number)}
        return replace(plan, params=params), extra

    def told_params(self, p: Any, number: int) -> dict[str, Any]:
        """Return p's extra_generation_params for one picture: lists by its place in the batch, functions called."""
        place = number % p.batch_size
        found = {key: param_value(p, value, place) for key, value in dict(p.extra_generation_params).items()}
        return {key: value for key, value in found.items() if value is not None}


def second_prompts(p: Any, number: int, texts: TextsOfPicture) -> dict[str, str]:
    """Return the generation data of hires fix's prompts where they differ, with the tags that extensions take out."""
    given = getattr(p, "all_hr_prompts", None), getattr(p, "all_hr_negative_prompts", None)
    if not getattr(p, "enable_hr", False) or not given[0] or not given[1]:
        return {}
    pairs = {
        "Hires prompt": (given[0][number], texts.prompt),
        "Hires negative prompt": (given[1][number], texts.negative_prompt),
    }
    return {key: own for key, (own, first) in pairs.items() if own != first}


def param_value(p: Any, value: Any, place: int) -> Any:
    """Return one value of extra_generation_params; None if it is left out, or cannot be told, as in A1111."""
    found = outcome(value_told, p, value, place)
    if isinstance(found, Exception):
        log.warning("A value for generation data could not be told: %s", found)
        return None
    return found


def value_told(p: Any, value: Any, place: int) -> Any:
    if isinstance(value, list):
        return value[place]
    if not callable(value):
        return value
    known: Mapping[str, Any] = {
        "p": p, "all_prompts": p.prompts, "all_seeds": p.seeds, "all_subseeds": p.subseeds, "comments": None,
        "iteration": p.iteration, "position_in_batch": place, "use_main_prompt": False, "index": place,
        "all_negative_prompts": p.negative_prompts, "prompt_text": p.prompts[place],
        "negative_prompt": p.negative_prompts[place],
    }
    return value(**known)
