"""A request for new images as a job's parameters: styles applied, script and names resolved, batches listed.

No torch.
"""

from __future__ import annotations

from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any, TypeVar

from modules.app.account_data import AccountData
from modules.app.app import App
from modules.imaging.folders import upright_size
from modules.params.batch import Img2ImgBatch
from modules.params.control import enabled_units, pictures_of_unit
from modules.params.img2img import Img2Img
from modules.params.known_names import KnownNames
from modules.params.scripts import resolve_script, styles_wait
from modules.params.txt2img import Generation, Txt2Img
from modules.requests.batch_inputs import check_inputs, img2img_batch, scaled_fields, sized
from modules.requests.check_cells import known_names
from modules.requests.control import check_annotators
from modules.requests.detailer import check_detectors
from modules.requests.png_info import PngInfoReader
from modules.requests.resolve import resolve_img2img, resolve_request
from modules.requests.styles import unstyled, with_styles
from modules.settings.options import Settings

Params = TypeVar("Params", bound=Generation)


def txt2img_params(app: App, request: Txt2Img, mine: AccountData) -> dict[str, Any]:
    """Return the parameters of a txt2img job. Raises Invalid, UnknownName or InvalidImage."""
    check_unit_pictures(request, mine.paths.inputs)
    check_detectors(request.detailer, app.models)
    check_annotators(request.control, app.models)
    known = known_names(app, mine)
    resolved = resolve_request(resolve_script(styled_request(fields_of(Txt2Img, request), known), "txt2img", known))
    return asdict(resolved) | unstyled(request, known.styles)


def img2img_params(app: App, request: Img2ImgBatch, mine: AccountData) -> dict[str, Any]:
    """Return the parameters of an img2img job, a batch or not.

    Raises Invalid, UnknownName, Forbidden, InvalidImage or TooLarge.
    """
    check_unit_pictures(request, mine.paths.inputs)
    check_detectors(request.detailer, app.models)
    check_annotators(request.control, app.models)
    if request.batch_source:
        return batch_params(app, request, mine)
    check_inputs(mine.paths.inputs, request.init_images, "init_images")
    check_inputs(mine.paths.inputs, filter(None, (request.mask,)), "mask")
    scaled = with_scaled_size(request, mine.paths.inputs)
    return single_params(scaled, known_names(app, mine), mine.settings.current)


def check_unit_pictures(request: Generation, inputs: Path) -> None:
    """Raise InvalidImage for a picture of a ControlNet unit or a region that is not there."""
    check_inputs(inputs, filter(None, (region.mask for region in request.regions)), "regions")
    for unit in enabled_units(request.control):
        check_inputs(inputs, pictures_of_unit(unit), "control")


def single_params(request: Img2ImgBatch, known: KnownNames, server: Settings) -> dict[str, Any]:
    """Return the parameters of a job on the request's own pictures."""
    own = styled_request(fields_of(Img2Img, request), known)
    resolved = resolve_img2img(resolve_script(own, "img2img", known), server)
    return asdict(resolved) | unstyled(request, known.styles)


def styled_request(params: Params, known: KnownNames) -> Params:
    """Return the request with its styles in its prompts, unless its script adds them. Raises UnknownName."""
    return params if styles_wait(params, known) else with_styles(params, known.styles)


def batch_params(app: App, request: Img2ImgBatch, mine: AccountData) -> dict[str, Any]:
    """Return the parameters of a batch job; each entry has its file's own fields and settings."""
    check_inputs(mine.paths.inputs, (each.image for each in request.batch_sent), "batch_sent")
    batch, known, settings = img2img_batch(request, mine.folders), known_names(app, mine), mine.settings.current
    first = replace(request, init_images=(batch.entries[0].image,), mask=batch.entries[0].mask)
    common = single_params(first, known, settings)
    if request.batch_use_png_info:
        seeded = replace(first, seed=common["seed"], subseed=common["subseed"])
        batch = PngInfoReader(seeded, lambda own: single_params(own, known, settings), app.models.checkpoints).applied(
            batch
        )
    if request.resize_by:
        batch = sized(batch, request.scale_by, mine.paths.inputs)
    return common | {"init_images": [], "mask": "", "batch": asdict(batch)}


def with_scaled_size(request: Img2ImgBatch, inputs: Path) -> Img2ImgBatch:
    """Return the request with the picture's size times the request's scale, if it has one. Raises Invalid."""
    if not request.resize_by or not request.init_images:
        return request
    return replace(
        request,
        **scaled_fields(upright_size(inputs / request.init_images[0]), request.scale_by),
    )


def fields_of(cls: type[Params], request: Params) -> Params:
    """Return the request as a plain `cls`, without the fields that the page or the API adds."""
    return cls(**{each.name: getattr(request, each.name) for each in fields(cls)})
