"""The several pictures of ControlNet units, which the images of a job take in turn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, TypeVar, cast

from modules.params.control import ControlUnit
from modules.params.txt2img import Generation
from modules.pipelines.plan import Files, ImagePlan, PlannedUnit, with_seeds
from modules.settings.options import Settings

RequestOfUnits = TypeVar("RequestOfUnits", bound=Generation)
PlanOfImage = TypeVar("PlanOfImage", bound=ImagePlan[Any, Any])


def in_turn_each(plans: Sequence[PlanOfImage]) -> list[PlanOfImage]:
    """Return the plans of one request's images, each with that one of its units' pictures which is its own.

    If the settings say so, images of different pictures have the first one's seeds.
    """
    turns = [with_pictures_of(plan, number) for number, plan in enumerate(plans)]
    if not turns or not have_one_seed([each.unit for each in plans[0].files.control], plans[0].settings):
        return turns
    first = turns[0].params
    return [cast(PlanOfImage, with_seeds(plan, first.seed, first.subseed)) for plan in turns]


def have_one_seed(units: Sequence[ControlUnit], settings: Settings) -> bool:
    """Return whether all images of a job have the first's seeds: if its units' pictures differ, as the settings say."""
    differ = any(unit.for_picture(0) is not unit for unit in units)
    return differ and not settings.controlnet_increment_seed_during_batch


def with_pictures_of(plan: PlanOfImage, number: int) -> PlanOfImage:
    """Return the plan with that one of its units' several pictures which is the image's of that number."""
    if all(each.unit.for_picture(number) is each.unit for each in plan.files.control):
        return plan
    passes = tuple(
        replace(each, params=in_place(each.params, number), control=units_in_turn(each.control, number))
        for each in plan.passes
    )
    return replace(
        plan, params=in_place(plan.params, number), passes=passes, files=files_in_turn(plan.files, number)
    )


def in_place(params: RequestOfUnits, number: int) -> RequestOfUnits:
    """Return a request of the job's picture of that number, from 0, with that one of its units' pictures."""
    return replace(params, control=tuple(unit.for_picture(number) for unit in params.control))


def files_in_turn(files: Files, number: int) -> Files:
    return replace(files, control=units_in_turn(files.control, number))


def units_in_turn(planned: Sequence[PlannedUnit], number: int) -> tuple[PlannedUnit, ...]:
    return tuple(replace(each, unit=each.unit.for_picture(number)) for each in planned)
