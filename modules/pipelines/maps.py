"""Maps as a flow of questions: what a preprocessor that is a network makes of a picture."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from modules.imaging.control.maps import rgb_on_white, with_drawn_mask
from modules.params.map_request import MapRequest
from modules.pipelines.canvas import Load
from modules.pipelines.result import ExtraParams, Result
from modules.pipelines.upscaling import NO_CHECKPOINT
from modules.sampling.annotation import Annotate
from modules.sampling.questions import Task
from modules.settings.options import Settings

POSE = "pose"      # in what is known of a map once it is made: openpose's JSON


@dataclass(frozen=True)
class MapPlan:
    """The plan of one map; it needs no checkpoint.

    name, mask: of the pictures that `load` reads, the mask's "" if there is none
    """

    passes: ClassVar[tuple[()]] = ()
    steps: ClassVar[int] = 0

    params: MapRequest
    settings: Settings
    name: str
    mask: str
    load: Load

    def task(self) -> Task[Result]:
        """Return the task of the map. It raises InvalidImage if the picture is missing."""
        return made(self)


def made(plan: MapPlan) -> Task[Result]:
    name, (resolution, a, b) = plan.params.preprocessor.name, plan.params.sliders
    levels = rgb_on_white(plan.load(plan.name))
    if plan.mask:
        levels = with_drawn_mask(levels, plan.load(plan.mask))
    found = yield Annotate(NO_CHECKPOINT, np.ascontiguousarray(levels), name, max(1, int(resolution)), a, b)
    extra = ExtraParams()
    if found.pose is not None:
        extra[POSE] = json.dumps(found.pose)
    return Result(found.levels, extra_params=extra)
