"""The routes of the ControlNet extension, which its clients look for."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Sequence
from io import BytesIO
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from pydantic import BaseModel, Field

from modules.api.info import decode_base64, most_pixels
from modules.api.routing import router
from modules.app.app import App
from modules.base.accounts import Role
from modules.base.errors import Invalid, UnknownName
from modules.base.limits import MAX_NAME, MAX_SENT, EncodedPicture
from modules.imaging.control.maps import MAPS, MapOptions, rgb_on_white
from modules.imaging.inputs import apply_orientation
from modules.imaging.read import open_image
from modules.params.preprocessors import (
    CONTROL_TYPES,
    INPAINTING,
    PREPROCESSORS,
    REFERENCE,
    MapSlider,
    Preprocessor,
    find_preprocessor,
)
from modules.requests.control_lists import lists_of_type, model_titles

API_VERSION = 3      # of the extension; clients test that there is one


class DetectRequest(BaseModel):
    """A map asked for, under the extension's names; what has no meaning here is ignored."""

    controlnet_module: Annotated[str, Field(max_length=MAX_NAME)] = "none"
    controlnet_input_images: Annotated[list[EncodedPicture], Field(max_length=MAX_SENT)] = []
    controlnet_masks: Annotated[list[EncodedPicture], Field(max_length=MAX_SENT)] = []
    controlnet_processor_res: float = -1
    controlnet_threshold_a: float = -1
    controlnet_threshold_b: float = -1
    low_vram: bool = False


class DetectReply(BaseModel):
    images: list[str]      # PNG files in base64
    info: str = "Success"


def routes(app: App) -> APIRouter:
    api = router("controlnet", "/controlnet", Role.GUEST)

    @api.get("/version")
    def version() -> dict[str, int]:
        return {"version": API_VERSION}

    @api.get("/settings")
    def settings() -> dict[str, int]:
        return {"control_net_unit_count": app.settings.current.control_net_unit_count}

    @api.get("/model_list")
    def model_list(update: bool = True) -> dict[str, list[str]]:
        """The ControlNets in their folders, as titles; update reads the folders again."""
        return {"model_list": model_titles(app.models, update)[1:]}

    @api.get("/module_list")
    def module_list(alias_names: bool = False) -> dict[str, Any]:
        """The preprocessors with their sliders; with alias_names by their labels in the form."""
        names = [each.title if alias_names else each.name for each in PREPROCESSORS]
        details = {name: detail_of(each) for name, each in zip(names, PREPROCESSORS, strict=True)}
        return {"module_list": names, "module_detail": details}

    @api.get("/control_types")
    def control_types() -> dict[str, Any]:
        """What each control type offers, and what choosing it chooses."""
        titles = model_titles(app.models)
        return {"control_types": {name: type_json(name, titles) for name in CONTROL_TYPES}}

    @api.post("/detect")
    async def detect(body: DetectRequest) -> DetectReply:
        """Make the map of each picture by a preprocessor, as a unit would."""
        pixels = await asyncio.to_thread(most_pixels, body.controlnet_input_images)
        async with app.decoding.room(pixels):
            return DetectReply(images=await asyncio.to_thread(detected, body))

    return api


def detail_of(preprocessor: Preprocessor) -> dict[str, Any]:
    """Return a preprocessor's sliders, and the file that it needs, which is Easel's own key."""
    return {
        "model_free": preprocessor.name in REFERENCE,
        "sliders": [slider_json(slider) for slider in preprocessor.sliders],
        "needs": preprocessor.file,
    }


def slider_json(slider: MapSlider) -> dict[str, Any]:
    return {
        "name": slider.label, "value": slider.value, "min": slider.low, "max": slider.high, "step": slider.step,
    }


def type_json(control_type: str, titles: Sequence[str]) -> dict[str, Any]:
    found = lists_of_type(control_type, titles)
    return {
        "module_list": found.modules,
        "model_list": found.models,
        "default_option": found.module,
        "default_model": found.model,
    }


def detected(body: DetectRequest) -> list[str]:
    """Return the maps as PNG files in base64. Raises Invalid or InvalidImage."""
    preprocessor = runnable_preprocessor(body.controlnet_module)
    if not body.controlnet_input_images:
        raise Invalid("No image selected", "Send pictures in controlnet_input_images.", "controlnet_input_images")
    if preprocessor.name in INPAINTING and len(body.controlnet_masks) != len(body.controlnet_input_images):
        raise Invalid(
            f"Preprocessor {preprocessor.name} requires `controlnet_masks` param.", "Send a mask for each picture.",
            "controlnet_masks",
        )
    options = MapOptions(
        int(preprocessor.resolution.effective(body.controlnet_processor_res)),
        preprocessor.a.effective(body.controlnet_threshold_a), preprocessor.b.effective(body.controlnet_threshold_b),
    )
    return [png_of(MAPS[preprocessor.name](sent_levels(image), options)) for image in body.controlnet_input_images]


def runnable_preprocessor(name: str) -> Preprocessor:
    """Return the preprocessor of that name. Raises Invalid for one that is not known, or that Easel does not run."""
    try:
        found = find_preprocessor(name)
    except UnknownName as error:
        raise Invalid("Module not available", error.hint, "controlnet_module") from error
    if found.name not in MAPS:
        raise Invalid(
            "Module not available", f"Easel does not run {found.title}{found.file and f', the network {found.file}'}.",
            "controlnet_module",
        )
    return found


def sent_levels(image: str) -> np.ndarray:
    return rgb_on_white(apply_orientation(open_image(decode_base64(image))))


def png_of(levels: np.ndarray, **texts: str) -> str:
    """Return a PNG file in base64, with some texts by their names."""
    file, info = BytesIO(), PngInfo()
    for name, text in texts.items():
        info.add_text(name, text)
    Image.fromarray(levels).save(file, "PNG", pnginfo=info)
    return base64.b64encode(file.getvalue()).decode()
