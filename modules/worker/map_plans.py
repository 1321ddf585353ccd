"""Jobs that make maps: what stands with a map, where pictures have their generation data, is its pose as JSON."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from itertools import zip_longest
from pathlib import Path
from typing import Any

from modules.engine.messages import JobSpec
from modules.imaging.inputs import load_input
from modules.library.library import Library
from modules.params.map_request import MapRequest
from modules.params.preprocessors import FILLS_HOLE
from modules.pipelines.maps import POSE, MapPlan
from modules.requests.recorded import known_fields, recorded_request
from modules.settings.options import Settings
from modules.worker.job_kinds import Extra, JobPlan


def plan_maps(spec: JobSpec, library: Library, inputs: Path) -> JobPlan[Any]:
    """Plan a job of maps, one after another. They are kept in the cache without loss, never among the pictures."""
    settings = replace(
        Settings(**known_fields(Settings, spec.settings)), pictures_alone=True, save_manifest=False, samples_save=False,
        samples_format="png", enable_pnginfo=False,
    )
    request, load = recorded_request(MapRequest, spec.params), partial(load_input, inputs)
    masks = request.masks if request.preprocessor.name == FILLS_HOLE else ()
    plans = [MapPlan(request, settings, *names, load) for names in zip_longest(request.images, masks, fillvalue="")]
    return JobPlan(plans, pose_of, map_facts)


def pose_of(plan: MapPlan, extra: Extra) -> str:
    return str(extra.get(POSE, ""))


def map_facts(plan: MapPlan) -> dict[str, Any]:
    return {}
