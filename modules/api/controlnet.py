"""The routes of the ControlNet extension, which its clients look for."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Request
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from pydantic import BaseModel, Field

from modules.api.info import decode_base64, most_pixels
from modules.api.replies import base64_results
from modules.api.routing import account, router
from modules.api.waiting import ended
from modules.app.app import App
from modules.app.kept_inputs import keep_input
from modules.base.accounts import Account, Role
from modules.base.errors import Invalid, UnknownName
from modules.base.limits import MAX_NAME, MAX_SENT, EncodedPicture, JsonObject, Name
from modules.imaging.control.maps import MAPS, MapOptions, rgb_on_white
from modules.imaging.inputs import apply_orientation
from modules.imaging.read import open_image
from modules.imaging.save import saved
from modules.library.annotators import find_annotator, is_run, missing_files, why_not
from modules.library.library import Library
from modules.library.model_kinds import ANNOTATOR
from modules.params.map_request import MapRequest
from modules.params.preprocessors import (
    CONTROL_TYPES,
    FILLS_HOLE,
    INPAINTING,
    PREPROCESSORS,
    REFERENCE,
    MapSlider,
    Preprocessor,
    find_preprocessor,
)
from modules.requests.control_lists import TypeLists, lists_of_type, model_titles, titles_that_fit
from modules.requests.model_choice import checkpoint_named
from modules.requests.submit import Submission, submit
from modules.store.jobs import JobRecord

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
    """The maps: PNG files in base64, and the poses that they show, if they show any."""

    images: list[str]
    info: str = "Success"
    poses: list[JsonObject] = []


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
        app.models.of(ANNOTATOR.name).refresh()
        names = [each.title if alias_names else each.name for each in PREPROCESSORS]
        details = {name: detail_of(each, app.models) for name, each in zip(names, PREPROCESSORS, strict=True)}
        return {"module_list": names, "module_detail": details}

    @api.get("/control_types")
    def control_types(checkpoint: Name = "") -> dict[str, Any]:
        """What each control type offers, and what choosing it chooses for a checkpoint, else for the settings'."""
        name = checkpoint or app.settings.current.sd_model_checkpoint or ""
        fits = titles_that_fit(app.models, checkpoint_named(app, name))
        titles = model_titles(app.models)
        return {"control_types": {name: type_json(lists_of_type(name, titles, fits)) for name in CONTROL_TYPES}}

    @api.post("/detect")
    async def detect(body: DetectRequest, request: Request) -> DetectReply:
        """Make the map of each picture by a preprocessor, as a unit would; a network's is waited for as a job."""
        pixels = await asyncio.to_thread(most_pixels, body.controlnet_input_images)
        async with app.decoding.room(pixels):
            job = await asyncio.to_thread(annotating_job, app, body, account(request))
            if not job:
                return DetectReply(images=await asyncio.to_thread(detected, body))
        return await asyncio.to_thread(reply_of, await ended(app.jobs, job))

    return api


def detail_of(preprocessor: Preprocessor, library: Library) -> dict[str, Any]:
    """Return a preprocessor's sliders, and under Easel's own keys what it needs that is not here, and that in words."""
    missing = missing_files(library, preprocessor)
    problem = why_not(preprocessor, missing)
    return {
        "model_free": preprocessor.name in REFERENCE,
        "sliders": [slider_json(slider) for slider in preprocessor.sliders],
        "needs": " and ".join(missing),
        "why": [str(problem), problem.hint] if problem else [],
    }


def slider_json(slider: MapSlider) -> dict[str, Any]:
    return {
        "name": slider.label, "value": slider.value, "min": slider.low, "max": slider.high, "step": slider.step,
    }


def type_json(found: TypeLists) -> dict[str, Any]:
    return {
        "module_list": found.modules,
        "model_list": found.models,
        "default_option": found.module,
        "default_model": found.model,
    }


def annotating_job(app: App, body: DetectRequest, caller: Account) -> str:
    """Begin the job of maps by a network and return its id; "" for a preprocessor that is none.

    Raises as `submit` does.
    """
    preprocessor = runnable_preprocessor(body.controlnet_module)
    if preprocessor.name in MAPS:
        return ""
    find_annotator(app.models, preprocessor.name)
    check_images(body)
    check_masks(body, preprocessor)
    images, masks = (
        tuple(keep_input(app, caller, decode_base64(each)) for each in sent)
        for sent in (body.controlnet_input_images, body.controlnet_masks if preprocessor.name == FILLS_HOLE else ())
    )
    asked = MapRequest(
        images=images, masks=masks, module=preprocessor.name, processor_res=body.controlnet_processor_res,
        threshold_a=body.controlnet_threshold_a, threshold_b=body.controlnet_threshold_b,
    )
    return submit(app, Submission("control_map", asked, save=False), caller).job


def reply_of(record: JobRecord) -> DetectReply:
    """Return a job's maps and poses. Raises JobFailed."""
    images = base64_results(record)
    return DetectReply(images=images, poses=[json.loads(each.infotext) for each in record.pictures if each.infotext])


def check_images(body: DetectRequest) -> None:
    if not body.controlnet_input_images:
        raise Invalid("No image selected", "Send pictures in controlnet_input_images.", "controlnet_input_images")


def check_masks(body: DetectRequest, preprocessor: Preprocessor) -> None:
    """Raise Invalid unless each picture has the mask that the preprocessor asks for."""
    if preprocessor.name in INPAINTING and len(body.controlnet_masks) != len(body.controlnet_input_images):
        raise Invalid(
            f"Preprocessor {preprocessor.name} requires `controlnet_masks` param.", "Send a mask for each picture.",
            "controlnet_masks",
        )


def detected(body: DetectRequest) -> list[str]:
    """Return the maps as PNG files in base64. Raises Invalid or InvalidImage."""
    preprocessor = runnable_preprocessor(body.controlnet_module)
    check_images(body)
    check_masks(body, preprocessor)
    resolution, a, b = preprocessor.effective(
        body.controlnet_processor_res, body.controlnet_threshold_a, body.controlnet_threshold_b
    )
    options = MapOptions(int(resolution), a, b)
    return [png_of(MAPS[preprocessor.name](sent_levels(image), options)) for image in body.controlnet_input_images]


def runnable_preprocessor(name: str) -> Preprocessor:
    """Return the preprocessor of that name. Raises Invalid for one that is not known, or that Easel does not run."""
    try:
        found = find_preprocessor(name)
    except UnknownName as error:
        raise Invalid("Module not available", error.hint, "controlnet_module") from error
    if found.name not in MAPS and not is_run(found.name):
        raise Invalid(
            "Module not available", f"Easel does not run {found.title}{found.file and f', the network {found.file}'}.",
            "controlnet_module",
        )
    return found


def sent_levels(image: str) -> np.ndarray:
    return rgb_on_white(apply_orientation(open_image(decode_base64(image))))


def png_of(levels: np.ndarray, **texts: str) -> str:
    """Return a PNG file in base64, with some texts by their names."""
    info = PngInfo()
    for name, text in texts.items():
        info.add_text(name, text)
    return base64.b64encode(saved(Image.fromarray(levels), "PNG", pnginfo=info)).decode()
