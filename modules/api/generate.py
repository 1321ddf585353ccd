"""POST /sdapi/v1/txt2img and img2img, as A1111's clients know them."""

from __future__ import annotations

import asyncio
from dataclasses import asdict, fields, replace
from typing import Annotated, Any

from fastapi import APIRouter, Body, Request, Response
from pydantic import BeforeValidator

from modules.api.errors import Refusal
from modules.api.info import decoded, most_pixels
from modules.api.replies import ImagesReply, failure, rendered
from modules.api.requests import (
    AS_SETTINGS,
    NOT_YET,
    NOTHING,
    Handling,
    Img2ImgRequest,
    Txt2ImgRequest,
    field_notes,
    understood,
    understood_img2img,
    with_names_here,
    without_nulls,
)
from modules.api.routing import account, router
from modules.api.waiting import ended
from modules.app.app import App
from modules.base.accounts import Account, Role
from modules.base.errors import Invalid
from modules.imaging.inputs import keep
from modules.params.img2img import Img2Img
from modules.params.scripts import settled
from modules.params.txt2img import Generation, Txt2Img
from modules.requests.model_choice import with_checkpoint_here
from modules.requests.resolve import prepared, prepared_img2img
from modules.requests.styles import unstyled, with_styles
from modules.settings.options import NAMES, Settings, check_places, for_request

FAILED: dict[int | str, dict[str, Any]] = {"5XX": {"model": Refusal, "description": "The job failed"}}
Txt2ImgBody = Annotated[Txt2ImgRequest, BeforeValidator(understood), Body()]
Img2ImgBody = Annotated[Img2ImgRequest, BeforeValidator(understood_img2img), Body()]


def routes(app: App) -> APIRouter:
    api = router("generate", "/sdapi/v1", Role.MEMBER)

    @api.post("/txt2img", response_model=ImagesReply, responses=FAILED)
    async def txt2img(body: Txt2ImgBody, request: Request) -> Response:
        """Make pictures and wait for them. The job goes on if the connection is lost; /easel/v1/jobs follows it."""
        return await answered(app, body, request)

    @api.post("/img2img", response_model=ImagesReply, responses=FAILED)
    async def img2img(body: Img2ImgBody, request: Request) -> Response:
        """Make pictures out of others, or paint a part of them anew."""
        return await answered(app, body, request)

    return api


async def answered(app: App, body: Handling, request: Request) -> Response:
    pixels = await asyncio.to_thread(most_pixels, (*body.init_images, body.mask)) if isinstance(body, Img2ImgRequest) else 0
    async with app.decoding.room(pixels):
        job, settings, notes = await asyncio.to_thread(submit, app, body, account(request))
    record = await ended(app.jobs, job)
    if record.error and not record.pictures:
        raise failure(record.error)
    notes += field_notes(body, await request.json())
    content = await asyncio.to_thread(rendered, body, record, settings, notes)
    return Response(content, media_type="application/json")


def submit(app: App, body: Handling, account: Account) -> tuple[str, Settings, list[str]]:
    """Start the job. Returns its id, its settings, and what the person should know. Raises Invalid, UnknownName or Forbidden."""
    refuse_unknown_arts(body)
    body, notes = with_names_here(body, app.models, app.settings.current)
    check_places(body.override_settings, shared=not account.is_local)
    settings, ignored = overridden(app.settings.current, body)
    settings, missing = with_checkpoint_here(app, settings, body.override_settings)
    kind, params = ("img2img", img2img_params(app, body)) if isinstance(body, Img2ImgRequest) else ("txt2img", txt2img_params(app, body))
    saved = body.save_images and not body.do_not_save_samples
    job = app.jobs.submit(kind, asdict(params) | unstyled(body, app.styles()), settings, account.name, saved, body.force_task_id or "")
    app.jobs.warn(job, missing)
    return job, settings, [*notes, *(f"There is no setting called {name!r}; it was ignored." for name in ignored)]


def refuse_unknown_arts(body: Handling) -> None:
    for name, what in NOT_YET.items():
        if getattr(body, name) not in NOTHING:
            raise Invalid(f"{what} is not there yet.", f"Leave {name} out.", field=name)


def txt2img_params(app: App, body: Txt2ImgRequest) -> Txt2Img:
    return prepared(settled(with_styles(first_pass(body), app.styles()), "txt2img", app.styles()))


def first_pass(body: Txt2ImgRequest) -> Txt2Img:
    """A1111 takes the old fields for the first pass's size instead of the present ones, with or without hires fix."""
    params = picture_fields(Txt2Img, body)
    first = {"width": body.firstphase_width, "height": body.firstphase_height}
    return replace(params, **first) if any(first.values()) else params


def img2img_params(app: App, body: Img2ImgRequest) -> Img2Img:
    """With its pictures kept by the names that a job uses. Raises Invalid, InvalidImage or TooLarge."""
    folder = app.flags.paths.cache / "inputs"
    params = replace(
        picture_fields(Img2Img, body),
        init_images=tuple(keep(folder, decoded(image)) for image in body.init_images),
        mask=keep(folder, decoded(body.mask)) if body.mask else "",
    )
    return prepared_img2img(settled(with_styles(params, app.styles()), "img2img", app.styles()), app.settings.current)


def picture_fields(cls: type[Any], body: Generation) -> Any:
    return cls(**{each.name: getattr(body, each.name) for each in fields(cls)})


def overridden(settings: Settings, body: Handling) -> tuple[Settings, list[str]]:
    """The settings for this request alone, and the names among its overrides that mean nothing here. Raises Invalid."""
    overrides = {name: getattr(body, name) for name in AS_SETTINGS if getattr(body, name) is not None}
    if body.eta is not None:
        overrides["eta_ddim"] = overrides["eta_ancestral"] = body.eta
    overrides |= without_nulls(body.override_settings)
    if body.restore_faces is not None:
        overrides["face_restoration"] = body.restore_faces
    known = {name: value for name, value in overrides.items() if name in NAMES}
    return for_request(settings, known), sorted(overrides.keys() - known.keys())
