"""Units that see their picture itself: an IP-Adapter's reads it as a prompt, a reference's is looked at by the UNet."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from PIL import Image

from modules.imaging.control.maps import rgb_on_white
from modules.pipelines.control_maps import StartPicture, levels_tensor, map_for_pass, start_picture
from modules.pipelines.plan import Pass, PlannedUnit
from modules.sampling.control import Control, TimedControl
from modules.sampling.guidance import Stage
from modules.sampling.image_prompts import ReadPictures
from modules.sampling.noise import source
from modules.sampling.questions import EncodeImage, Task
from modules.sampling.references import Reference, TimedReference


def image_prompt(
    planned: PlannedUnit, pass_: Pass[Any], start: StartPicture | None, region: torch.Tensor | None
) -> Task[TimedControl]:
    """Return an IP-Adapter's control over the steps: the negative prompt's row is given tokens of no picture."""
    unit, model = planned.unit, planned.model
    assert model is not None
    names, sha256 = unit.own_pictures, model.sha256 or ""
    images = partial(prompt_pictures, planned, names, start)
    found = yield ReadPictures(pass_.weights, sha256, images, names)
    strengths = unit.group_strengths(found.places)
    control, blank = (Control(sha256, tokens, strengths, region) for tokens in (found.tokens, found.blank))
    return TimedControl(control, unit.guidance_start, unit.guidance_end, unprompted=blank)


def prompt_pictures(planned: PlannedUnit, names: Sequence[str], start: StartPicture | None) -> list[Image.Image]:
    """Return the pictures of these names on white; without a name, img2img's own."""
    levels = [rgb_on_white(planned.maps.load(name)) for name in names] or [start_picture(planned.unit, start)]
    return [Image.fromarray(each) for each in levels]


def reference(planned: PlannedUnit, pass_: Pass[Any], stage: Stage, start: StartPicture | None) -> Task[TimedReference]:
    """Return a unit's reference over the steps, with noise of its own from the picture's seed, as A1111 draws it."""
    unit, facts = planned.unit, (yield pass_.facts)
    text = stage.guidance.negative.entries[0]
    noise = source(pass_.settings.randn_source, text.text.device.type)(pass_.params.seed)
    levels = levels_tensor((yield from map_for_pass(pass_, planned, start)))[:3]
    encoded = yield EncodeImage(pass_.weights, levels * 2 - 1, drawn=noise.randn)
    picture, name = facts.latent.to_network(encoded), unit.preprocessor.name
    looked_at = Reference(
        picture, picture, unit.style_fidelity(pass_.second, wide=text.vector is not None), unit.weight,
        attention=name != "reference_adain", statistics="adain" in name,
    )
    return TimedReference(looked_at, stage.levels, noise, unit.guidance_start, unit.guidance_end)
