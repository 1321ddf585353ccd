"""A1111's routes for upscaling finished pictures, and the lists of upscalers."""

from __future__ import annotations

import asyncio
import html
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Annotated, Any, get_type_hints

from fastapi import APIRouter, Body, Request
from pydantic import BaseModel, BeforeValidator, Field

from modules.api.info import decode_base64, most_pixels
from modules.api.replies import base64_results
from modules.api.requests import SaveImagesField, field_notes, without_nulls
from modules.api.routing import account, router, with_own_types
from modules.api.waiting import ended
from modules.app.app import App
from modules.app.kept_inputs import keep_input
from modules.base.accounts import Account, Role
from modules.base.errors import Invalid
from modules.base.limits import MAX_ITEMS, MAX_SETTING, EncodedPicture
from modules.imaging.read import open_image
from modules.library.catalog import ModelFile
from modules.library.upscalers import upscaler_files
from modules.params.batch import ExtrasBatch, FromFolder
from modules.params.extras import NO_UPSCALER, UPSCALER_FIELDS, Extras, check_sent, postprocessing_text
from modules.params.hires import LATENT_MODES
from modules.requests.picture_data import picture_metadata
from modules.requests.submit import Submission, submit
from modules.store.jobs import JobRecord

USUAL_SCALE = 4                     # A1111's value for models without a number in their names
SCALE_IN_NAME = re.compile(r"(?<!\d)(\d)x|x(\d)(?!\d)", re.IGNORECASE)
REAL_ESRGAN = "RealESRGAN"          # the folder

Base64 = Annotated[EncodedPicture, Field(description="A picture file in base64, or a data: address.")]


class NamedPicture(BaseModel):
    data: Base64
    name: str = Field(
        "", max_length=MAX_SETTING, description="Taken for A1111's sake; it is no path, and nothing is named so."
    )


@dataclass(frozen=True, kw_only=True)
class ExtrasSingleImageRequest(Extras):
    image: Base64 = ""
    save_images: SaveImagesField = False


@dataclass(frozen=True, kw_only=True)
class ExtrasBatchImagesRequest(FromFolder, Extras):
    """A batch request: pictures in base64, or, as Easel's own addition, a folder on the server."""

    imageList: Annotated[list[NamedPicture], Field(max_length=MAX_ITEMS)] = field(default_factory=list)
    save_images: SaveImagesField = False


ExtrasRequest = ExtrasSingleImageRequest | ExtrasBatchImagesRequest


class ExtrasSingleImageReply(BaseModel):
    html_info: str      # a report as HTML
    image: str          # a PNG file in base64


class ExtrasBatchImagesReply(BaseModel):
    html_info: str
    images: list[str]


EXTRAS_TYPES = get_type_hints(ExtrasBatchImagesRequest, include_extras=True)


def normalise_extras(body: Any) -> Any:
    """Replace nulls by defaults, and an empty name by no upscaler."""
    if not isinstance(body, Mapping):
        return body
    given = without_nulls(with_own_types(EXTRAS_TYPES, body, zero_or_one=True))
    return {name: value for name, value in given.items() if not (name in UPSCALER_FIELDS and value == "")}


SingleBody = Annotated[ExtrasSingleImageRequest, BeforeValidator(normalise_extras), Body()]
BatchBody = Annotated[ExtrasBatchImagesRequest, BeforeValidator(normalise_extras), Body()]


def routes(app: App) -> APIRouter:
    api = router("extras", "/sdapi/v1", Role.GUEST)

    @api.post("/extra-single-image")
    async def single(body: SingleBody, request: Request) -> ExtrasSingleImageReply:
        """Enlarge a picture and wait for it. Its generation data are kept and extended."""
        job = await started(app, body, {"image": body.image}, account(request))
        record = await ended(app.jobs, job)
        image, *_ = await asyncio.to_thread(base64_results, record)      # scripts of extensions may add others
        return ExtrasSingleImageReply(html_info=as_html(record, field_notes(body, await request.json())), image=image)

    @api.post("/extra-batch-images")
    async def batch(body: BatchBody, request: Request) -> ExtrasBatchImagesReply:
        """Enlarge pictures, one after another, and wait for all of them."""
        pictures = {f"imageList.{index}": each.data for index, each in enumerate(body.imageList)}
        job = await started(app, body, pictures, account(request))
        record = await ended(app.jobs, job)
        notes = field_notes(body, await request.json())
        return ExtrasBatchImagesReply(
            html_info=as_html(record, notes), images=await asyncio.to_thread(base64_results, record)
        )

    add_lists(api, app)
    return api


def add_lists(api: APIRouter, app: App) -> None:
    """Add the routes of the lists."""

    @api.get("/upscalers")
    def upscalers() -> list[dict[str, Any]]:
        """The upscalers: those without a model first, then the models in their folders now."""
        names, models = app.models.upscalers(), upscaler_files(app.models.of("upscaler"))
        return [upscaler(name, models.get(name)) for name in names]

    @api.get("/latent-upscale-modes")
    def latent_upscale_modes() -> list[dict[str, str]]:
        """The modes of hires fix that enlarge the latent itself."""
        return [{"name": name} for name in LATENT_MODES]

    @api.get("/realesrgan-models")
    def realesrgan_models() -> list[dict[str, Any]]:
        app.models.of("upscaler").refresh()
        files = upscaler_files(app.models.of("upscaler")).items()
        return [
            {"name": name, "path": file.path.name, "scale": scale_from_name(name)}
            for name, file in files
            if is_realesrgan(app, file)
        ]

    @api.get("/face-restorers")
    def face_restorers() -> list[dict[str, Any]]:
        """The face restorers with a model file; `cmd_dir` is its folder's name among the models."""
        return [{"name": each.name, "cmd_dir": each.folder} for each in app.models.face_restorers()]


def is_realesrgan(app: App, file: ModelFile) -> bool:
    """Return whether the file is in a folder of that name."""
    return any(root.name == REAL_ESRGAN and file.path.is_relative_to(root) for root in app.models.of("upscaler").roots)


def upscaler(name: str, file: ModelFile | None) -> dict[str, Any]:
    """Return A1111's fields, `model_path` without the parent folders, and the problem of a broken file."""
    return {
        "name": name,
        "model_name": None if name == NO_UPSCALER else name,
        "model_path": file and file.path.name,
        "model_url": None,
        "scale": scale_from_name(name),
        "problem": (file and file.problem) or None,
    }


def scale_from_name(name: str) -> int:
    """Return the factor in a name such as "R-ESRGAN 2x+", "4x-UltraSharp", "RealESRGAN_x4plus", else 4."""
    found = SCALE_IN_NAME.search(name)
    return int(found[1] or found[2]) if found else USUAL_SCALE


# A request ------------------------------------------------------------------------------------------


async def started(app: App, body: ExtrasRequest, pictures: Mapping[str, str], caller: Account) -> str:
    """Call `start_extras` once there is room to decode the pictures. Raises Busy too."""
    async with app.decoding.room(await asyncio.to_thread(most_pixels, pictures.values())):
        return await asyncio.to_thread(start_extras, app, body, pictures, caller)


def start_extras(app: App, body: ExtrasRequest, pictures: Mapping[str, str], caller: Account) -> str:
    """Start the job and return its id. Raises Invalid, InvalidImage, TooLarge, UnknownName, ModelMissing or Forbidden.

    pictures: field name → base64
    """
    request = ExtrasBatch(
        **{each.name: getattr(body, each.name) for each in fields(ExtrasBatch) if hasattr(body, each.name)}
    )
    if not request.batch_source:
        refuse_nothing(pictures)
        contents = [decode_base64(each) for each in pictures.values()]
        check_sent([open_image(content).size for content in contents])
        infotexts = tuple(picture_metadata(content).infotext for content in contents)
        images = tuple(keep_input(app, caller, content) for content in contents)
        request = replace(request, images=images, infotexts=infotexts)
    return submit(app, Submission("extras", request, save=body.save_images), caller).job


def refuse_nothing(pictures: Mapping[str, str]) -> None:
    missing = [name for name, content in pictures.items() if not content]
    if missing or not pictures:
        raise Invalid(
            "There is no picture to enlarge.",
            "Send the file's bytes in base64.",
            field=missing[0] if missing else "imageList",
        )


def as_html(record: JobRecord, notes: Sequence[str]) -> str:
    params = Extras(**{each.name: record.params[each.name] for each in fields(Extras)})
    return "".join(f"<p>{html.escape(line)}</p>" for line in (postprocessing_text(params), *notes))
