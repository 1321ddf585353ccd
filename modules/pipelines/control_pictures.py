"""Units that see their picture itself: an IP-Adapter's reads it as a prompt, a reference's is looked at by the UNet."""

from __future__ import annotations

from typing import Any

import torch
from PIL import Image

from modules.base.errors import Invalid
from modules.imaging.control.maps import rgb_on_white
from modules.params.control import ControlUnit
from modules.pipelines.control_maps import StartPicture, map_for_pass
from modules.pipelines.plan import Pass, PlannedUnit
from modules.sampling.control import Control, TimedControl
from modules.sampling.guidance import Stage
from modules.sampling.image_prompts import ReadPictures
from modules.sampling.noise import source
from modules.sampling.questions import EncodeImage, Task
from modules.sampling.references import TimedReference


def image_prompt(
    planned: PlannedUnit, pass_: Pass[Any], start: StartPicture | None, region: torch.Tensor | None
) -> Task[TimedControl]:
    """Return an IP-Adapter's control over the steps: the negative prompt's row is given tokens of no picture."""
    unit, model = planned.unit, planned.model
    assert model is not None
    images, names = prompt_pictures(planned, start)
    sha256 = model.sha256 or ""
    found = yield ReadPictures(pass_.weights, sha256, images, names)
    strengths = unit.group_strengths(found.places)
    control, blank = (Control(sha256, tokens, strengths, region) for tokens in (found.tokens, found.blank))
    return TimedControl(control, unit.guidance_start, unit.guidance_end, unprompted=blank)


def prompt_pictures(
    planned: PlannedUnit, start: StartPicture | None
) -> tuple[tuple[Image.Image, ...], tuple[str, ...]]:
    """Return a unit's pictures on white and their names; img2img's own, without a name, if it has none."""
    unit: ControlUnit = planned.unit
    names = tuple(filter(None, (unit.image, *unit.more_images)))
    if names:
        return tuple(Image.fromarray(rgb_on_white(planned.maps.load(name))) for name in names), names
    if start is None:
        raise Invalid("A ControlNet unit has no picture.", "Give it one, or turn the unit off.", field="control")
    return (Image.fromarray(rgb_on_white(start.image)),), ()


def reference(planned: PlannedUnit, pass_: Pass[Any], stage: Stage, start: StartPicture | None) -> Task[TimedReference]:
    """Return a unit's reference over the steps, with noise of its own from the picture's seed, as A1111 draws it."""
    unit, facts = planned.unit, (yield pass_.facts)
    text = stage.guidance.negative.entries[0]
    noise = source(pass_.settings.randn_source, text.text.device.type)(pass_.params.seed)
    levels = torch.from_numpy(map_for_pass(pass_, planned, start)[:, :, :3].copy()).permute(2, 0, 1).float() / 255
    encoded = yield EncodeImage(pass_.weights, levels * 2 - 1, drawn=noise.randn)
    name = unit.preprocessor.name
    return TimedReference(
        facts.latent.to_network(encoded), stage.levels, noise, unit.guidance_start, unit.guidance_end,
        fidelity=unit.style_fidelity(pass_.second, wide=text.vector is not None), layers=unit.weight,
        attention=name != "reference_adain", statistics="adain" in name,
    )
