"""ControlNet's units in the plans of pictures: their models found, and the maps that are returned."""

from __future__ import annotations

from dataclasses import replace

from modules.library.catalog import ModelFile
from modules.library.control_models import find_control_model
from modules.library.library import Library
from modules.params.control import ControlUnit, enabled_units
from modules.params.hires import hires_target
from modules.params.txt2img import Generation, Txt2Img
from modules.pipelines.canvas import Load
from modules.pipelines.control_maps import MapMaker
from modules.pipelines.plan import Files, PlannedUnit
from modules.pipelines.unit_turns import PlanOfImage, in_turn_each


def with_control(files: Files, params: Generation, library: Library, load: Load) -> Files:
    """Return the files with the request's ControlNet units, and with those of the second pass if there is one.

    Masks of regions are read by `load`, too. Raises UnknownName or ModelError for a unit's model.
    """
    if params.regions:
        files = replace(files, pictures=load, hires=files.hires and replace(files.hires, pictures=load))
    units = enabled_units(params.control)
    if not units:
        return files
    maps, frame = MapMaker(load), (params.width, params.height)
    largest = hires_target(params).kept if isinstance(params, Txt2Img) and params.enable_hr else None
    planned = tuple(
        PlannedUnit(unit, control_file(library, unit), maps, frame, largest=largest) for unit in units
    )
    hires = files.hires and replace(files.hires, control=planned)
    return replace(files, control=planned, hires=hires)


def control_file(library: Library, unit: ControlUnit) -> ModelFile | None:
    """Return the unit's model with its hash; None if it needs none."""
    if not unit.needs_model:
        return None
    return library.of("controlnet").hashed(find_control_model(library, unit.model))


def with_maps(plans: list[PlanOfImage]) -> list[PlanOfImage]:
    """Return the plans of one request, whose units' several pictures they have in turn.

    The units' maps are returned if the settings want them: with each image if these differ, else with the last.
    """
    if not plans or not plans[-1].files.control:
        return plans
    turns = in_turn_each(plans)
    if plans[-1].settings.control_net_no_detectmap:
        return turns
    last, differ = len(turns) - 1, turns[0] is not plans[0]
    return [replace(plan, returns_maps=differ or number == last) for number, plan in enumerate(turns)]
