"""Control of a pass: its units' maps become hints of ControlNets over the steps, and changes of what is estimated."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import max_pool2d

from modules.imaging.colour import to_lab, to_rgb
from modules.imaging.control.recolouring import grown_and_blurred, with_intensity
from modules.imaging.control.resampling import Levels
from modules.params.control import UNION_TYPES, ControlUnit
from modules.params.preprocessors import FILLS_HOLE
from modules.pipelines.control_maps import StartPicture, levels_tensor, map_for_pass, shown_map
from modules.pipelines.control_pictures import image_prompt, reference
from modules.pipelines.plan import ImagePlan, Pass, PlannedUnit
from modules.sampling.cond_extras import SHOWN_IMAGE, CondExtras, ShownImage
from modules.sampling.control import Control, ControlTimeline, TimedControl
from modules.sampling.control_changes import ColourFix, EstimateChange, KeptAround
from modules.sampling.guidance import Stage
from modules.sampling.questions import EncodeImage, Task

COLOUR_FIX, RECOLOUR = "tile_colorfix", "recolor_"      # how names of such preprocessors begin
MASKED = 0.5      # a pixel of a mask above this is painted
# the type of a union's hint, by the preprocessor's control type
UNION_TYPE_OF = {
    "OpenPose": "OpenPose", "Depth": "Depth", "Scribble": "Soft Edge", "SoftEdge": "Soft Edge", "Canny": "Hard Edge",
    "Lineart": "Hard Edge", "MLSD": "Hard Edge", "NormalMap": "Normal Map", "Segmentation": "Segmentation",
    "Tile": "Tile", "Inpaint": "Inpaint",
}


def controlled_stage(pass_: Pass[Any], stage: Stage, start: StartPicture | None) -> Task[Stage]:
    """Return the stage with the control of the pass's units; itself if there are none."""
    if not pass_.control:
        return stage
    timed, references = [], []
    changes: list[EstimateChange] = []
    filled: Tensor | None = None
    extras: dict[str, Any] = {}
    for planned in pass_.control:
        if planned.unit.is_reference:
            references.append((yield from reference(planned, pass_, stage, start)))
        elif planned.unit.is_image_prompt:
            timed.append((yield from image_prompt(planned, pass_, start, region_of(planned))))
        elif planned.model:
            timed.append((yield from timed_control(pass_, planned, start)))
            extras |= yield from painted_image(pass_, planned, start)
        own = yield from estimate_changes(pass_, planned, start)
        if planned.unit.preprocessor.name == FILLS_HOLE:
            filled = next((each.picture for each in own if isinstance(each, KeptAround)), None)
        changes += own
    timeline = ControlTimeline(tuple(timed), pass_.steps, tuple(changes), tuple(references), filled)
    shown = {**stage.guidance.extras, **extras}
    return replace(stage, guidance=replace(stage.guidance, control=timeline, extras=shown))


def timed_control(pass_: Pass[Any], planned: PlannedUnit, start: StartPicture | None) -> Task[TimedControl]:
    """Return a unit's control over the steps."""
    unit, model = planned.unit, planned.model
    assert model is not None
    levels = yield from map_for_pass(pass_, planned, start)
    control = Control(
        model.sha256 or "", hint_of(levels), unit.strengths(OUTPUTS, pass_.second), region_of(planned), unit.averaged,
        union_task(unit), unit.level_strengths(),
    )
    return TimedControl(control, unit.guidance_start, unit.guidance_end, unit.only_prompted)


def painted_image(pass_: Pass[Any], planned: PlannedUnit, start: StartPicture | None) -> Task[CondExtras]:
    """Return what an inpainting model is shown where a unit's map has a mask: that mask, and the picture without it.

    It takes the place of the request's own, as in A1111's extension.
    """
    levels = levels_tensor((yield from map_for_pass(pass_, planned, start)))
    if len(levels) == 3:
        return {}
    facts = yield pass_.facts
    if facts.image_channels != facts.latent_channels + 1:
        return {}
    painted = (levels[3:] > MASKED).float()
    encoded = yield EncodeImage(pass_.weights, (levels[:3] * 2 - 1) * (1 - painted))
    small = max_pool2d(painted[None], facts.latent.cell)[0]
    return {SHOWN_IMAGE: ShownImage(torch.cat([small.to(encoded), facts.latent.to_network(encoded)]))}


OUTPUTS = 13      # of SD 1's ControlNet; those with fewer take the first


def hint_of(levels: Levels) -> Tensor:
    """Return a map as a hint (3, H, W) in [0, 1]; what its mask paints is −1."""
    hint = levels_tensor(levels)
    if len(hint) == 3:
        return hint
    painted = (hint[3:] > MASKED).float()
    return hint[:3] * (1 - painted) - painted


def region_of(planned: PlannedUnit) -> Tensor | None:
    """Return the mask (H, W) in [0, 1] where the unit counts."""
    name = planned.unit.effective_region_mask
    if not name:
        return None
    return torch.from_numpy(np.asarray(planned.maps.load(name).convert("L"), dtype=np.float32) / 255)


def union_task(unit: ControlUnit) -> int:
    """Return the number of the hint's type for a union model; what is not known is taken for an edge."""
    asked = unit.union_control_type
    if asked == UNION_TYPES[-1]:
        asked = next((UNION_TYPE_OF[each] for each in unit.preprocessor.types if each in UNION_TYPE_OF), "Hard Edge")
    return UNION_TYPES.index(asked)


# What else units change -------------------------------------------------------------------------------


def estimate_changes(
    pass_: Pass[Any], planned: PlannedUnit, start: StartPicture | None
) -> Task[list[EstimateChange]]:
    """Return the changes of estimates that a unit's preprocessor asks for."""
    unit = planned.unit
    name, (_, reach, sharpness) = unit.preprocessor.name, unit.sliders
    if not name.startswith(COLOUR_FIX) and not keeps_around(unit, start):
        return []
    levels = levels_tensor((yield from map_for_pass(pass_, planned, start)))
    facts = yield pass_.facts
    encoded = yield EncodeImage(pass_.weights, levels[:3] * 2 - 1)
    picture, weight = facts.latent.to_network(encoded), min(1.0, max(0.0, unit.weight))
    if keeps_around(unit, start):
        painted = max_pool2d((levels[3:] > MASKED).float()[None], 10, stride=8, padding=1)[0, 0]
        return [KeptAround(picture, painted.to(picture), weight)]
    sharp = sharpness / 100 if name.endswith("+sharp") else 0.0
    return [ColourFix(picture, int(reach) * (2 if pass_.second else 1), weight, sharp)]


def keeps_around(unit: ControlUnit, start: StartPicture | None) -> bool:
    """Return whether the unit keeps its picture around what it paints.

    img2img's own mask does that already; a unit that fills the hole does it all the same, as in A1111.
    """
    name = unit.preprocessor.name
    return name == FILLS_HOLE or name == "inpaint_only" and not (start and start.mask)


def finished_by_units(pass_: Pass[Any], pixels: np.ndarray, start: StartPicture | None) -> Task[np.ndarray]:
    """Return a decoded picture (H, W, 3) uint8 with what its units put back into it."""
    for planned in pass_.control:
        unit = planned.unit
        if unit.preprocessor.name.startswith(RECOLOUR):
            levels = yield from map_for_pass(pass_, planned, start)
            pixels = with_own_light(pixels, levels, unit.preprocessor.name)
        elif keeps_around(unit, start):
            levels = yield from map_for_pass(pass_, planned, start)
            pixels = painted_into(pixels, levels, pass_.settings.control_net_inpaint_blur_sigma)
    return pixels


def with_own_light(pixels: np.ndarray, levels: Levels, preprocessor: str) -> np.ndarray:
    """Return the picture with the map as its luminance, or as its intensity."""
    if levels.shape != pixels.shape:
        return pixels
    if preprocessor == "recolor_luminance":
        lab = to_lab(pixels)
        lab[:, :, 0] = levels[:, :, 0]
        return to_rgb(lab)
    return with_intensity(pixels, levels[:, :, 0])


def painted_into(pixels: np.ndarray, levels: Levels, sigma: int) -> np.ndarray:
    """Return the picture of a map with a mask, and what was painted in it; they blend over σ pixels."""
    if levels.shape[:2] != pixels.shape[:2]:
        return pixels
    mask = grown_and_blurred(levels[:, :, 3].astype(np.float32) / 255, sigma)[:, :, None]
    return np.rint(pixels * mask + levels[:, :, :3] * (1 - mask)).astype(np.uint8)


# Maps to be seen --------------------------------------------------------------------------------------


def returned_maps(plan: ImagePlan[Any, Any], start: StartPicture | None = None) -> Task[tuple[Image.Image, ...]]:
    """Return the maps that are returned with a picture, as A1111 orders them: each unit's, the larger first."""
    found = []
    for planned in plan.files.control if plan.returns_maps else ():
        if planned.unit.save_detected_map and not planned.unit.is_image_prompt:
            for pass_ in reversed(plan.passes):
                found.append(shown_map((yield from map_for_pass(pass_, planned, start))))
    return tuple(found)
