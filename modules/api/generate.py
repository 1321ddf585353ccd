"""POST /sdapi/v1/txt2img and img2img, as A1111's clients know them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Body, Request, Response
from pydantic import BeforeValidator

from modules.api.always_on import script_notes
from modules.api.errors import Refusal
from modules.api.info import decode_base64, most_pixels
from modules.api.replies import ImagesReply, failure, rendered
from modules.api.requests import (
    AS_SETTINGS,
    DrawRequest,
    Img2ImgRequest,
    RequestOptions,
    Txt2ImgRequest,
    field_notes,
    normalise_request,
    understood_img2img,
    with_names_here,
    without_nulls,
)
from modules.api.routing import account, router
from modules.api.waiting import ended
from modules.app.app import App
from modules.app.kept_inputs import keep_input
from modules.base.accounts import Account, Role
from modules.base.limits import MAX_INFOTEXT
from modules.params import infotext
from modules.params.batch import Img2ImgBatch
from modules.params.control import ControlUnit, pictures_of_unit
from modules.params.regions import Region
from modules.params.txt2img import Txt2Img
from modules.plugins.pasting import script_arguments_in
from modules.prompts.grammar import emphasised
from modules.requests.drawing import fields_of
from modules.requests.submit import Submission, Submitted, submit

JOB_FAILED_RESPONSE: dict[int | str, dict[str, Any]] = {"5XX": {"model": Refusal, "description": "The job failed"}}
Txt2ImgBody = Annotated[Txt2ImgRequest, BeforeValidator(normalise_request), Body()]
Img2ImgBody = Annotated[Img2ImgRequest, BeforeValidator(understood_img2img), Body()]


def routes(app: App) -> APIRouter:
    api = router("generate", "/sdapi/v1", Role.GUEST)

    @api.post("/txt2img", response_model=ImagesReply, responses=JOB_FAILED_RESPONSE)
    async def txt2img(body: Txt2ImgBody, request: Request) -> Response:
        """Make pictures and wait for them. The job goes on if the connection is lost; /easel/v1/jobs follows it."""
        return await answered(app, body, request)

    @api.post("/img2img", response_model=ImagesReply, responses=JOB_FAILED_RESPONSE)
    async def img2img(body: Img2ImgBody, request: Request) -> Response:
        """Make pictures from others, or paint a part of them anew."""
        return await answered(app, body, request)

    return api


async def begin_generation(app: App, body: DrawRequest, caller: Account) -> Submitted:
    """Start the job of a body once there is room to decode its pictures."""
    pictures = [picture for unit in body.control for picture in pictures_of_unit(unit)]
    pictures += [region.mask for region in body.regions]
    pictures += [*body.init_images, body.mask] if isinstance(body, Img2ImgRequest) else []
    pixels = await asyncio.to_thread(most_pixels, filter(None, pictures)) if pictures else 0
    async with app.decoding.room(pixels):
        return await asyncio.to_thread(start_generation, app, body, caller)


async def answered(app: App, body: DrawRequest, request: Request) -> Response:
    submitted = await begin_generation(app, body, account(request))
    record = await ended(app.jobs, submitted.job)
    if record.error and not record.pictures:
        raise failure(record.error)
    given = await request.json()
    notes = [*submitted.notes, *field_notes(body, given), *script_notes(given)]
    content = await asyncio.to_thread(rendered, body, record, submitted.settings, notes)
    return Response(content, media_type="application/json")


def start_generation(app: App, body: DrawRequest, caller: Account) -> Submitted:
    """Start the job of a body. Raises Invalid, UnknownName, Forbidden, InvalidImage or TooLarge."""
    mine = app.data_of(caller.name)
    body, notes = with_names_here(body, app.models, mine.settings.current)
    kind, request = (
        ("img2img", img2img_request(app, body, caller))
        if isinstance(body, Img2ImgRequest)
        else ("txt2img", txt2img_request(body))
    )
    if body.control:
        request = replace(request, control=kept_units(app, body.control, caller))
    if body.regions:
        request = replace(request, regions=kept_regions(app, body.regions, caller))
    saved = body.save_images and not body.do_not_save_samples
    scripts = with_pasted_arguments(app, kind, body)
    asked = Submission(kind, request, overrides_of(body), saved, body.force_task_id or "", scripts, over_api=True)
    submitted = submit(app, asked, caller)
    return replace(submitted, notes=(*notes, *submitted.notes))


def with_pasted_arguments(app: App, kind: str, body: DrawRequest) -> dict[str, Any]:
    """Return the arguments of always-on scripts: those sent, and for other scripts those in the generation data."""
    sent = body.alwayson_scripts
    if not body.infotext or not app.extensions.active:
        return sent
    values = infotext.parse_infotext(body.infotext[:MAX_INFOTEXT], emphasised)
    named = {str(title).lower() for title in sent}
    pasted = script_arguments_in(app.extensions, kind, values)
    return {**{title: own for title, own in pasted.items() if title.lower() not in named}, **sent}


def txt2img_request(body: Txt2ImgRequest) -> Txt2Img:
    """Return the declared request.

    As in A1111 the old fields for the first pass's size replace width and height, hires fix or not.
    """
    request = fields_of(Txt2Img, body)
    return replace(
        request, width=body.firstphase_width or request.width, height=body.firstphase_height or request.height
    )


def img2img_request(app: App, body: Img2ImgRequest, caller: Account) -> Img2ImgBatch:
    """Return the declared request, its pictures stored. Raises Invalid, InvalidImage, TooLarge or OverQuota."""
    return replace(
        fields_of(Img2ImgBatch, body),
        init_images=tuple(keep_input(app, caller, decode_base64(image)) for image in body.init_images),
        mask=keep_input(app, caller, decode_base64(body.mask)) if body.mask else "",
    )


def kept_units(app: App, units: Sequence[ControlUnit], caller: Account) -> tuple[ControlUnit, ...]:
    """Return the units with the pictures of those that are on stored. Raises InvalidImage, TooLarge or OverQuota."""
    kept = []
    for unit in units:
        if not unit.enabled:
            kept.append(replace(unit, image="", mask="", effective_region_mask="", more_images=()))
            continue
        several = (unit.image, unit.mask, unit.effective_region_mask, *unit.more_images)
        image, mask, region, *more = (each and keep_input(app, caller, decode_base64(each)) for each in several)
        kept.append(replace(
            unit, image=image, mask=mask, effective_region_mask=region, more_images=tuple(filter(None, more))
        ))
    return tuple(kept)


def kept_regions(app: App, regions: Sequence[Region], caller: Account) -> tuple[Region, ...]:
    """Return the regions with their masks stored. Raises InvalidImage, TooLarge or OverQuota."""
    return tuple(
        replace(region, mask=keep_input(app, caller, decode_base64(region.mask))) if region.mask else region
        for region in regions
    )


def overrides_of(body: RequestOptions) -> dict[str, Any]:
    """Return the settings that the body overrides, in fields of their own or in `override_settings`."""
    overrides = {name: getattr(body, name) for name in AS_SETTINGS if getattr(body, name) is not None}
    if body.eta is not None:
        overrides["eta_ddim"] = overrides["eta_ancestral"] = body.eta
    overrides |= without_nulls(body.override_settings)
    if body.restore_faces is not None:
        overrides["face_restoration"] = body.restore_faces
    return overrides
