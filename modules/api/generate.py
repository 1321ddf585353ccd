"""POST /sdapi/v1/txt2img, as A1111's clients know it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Annotated, Any

from fastapi import APIRouter, Body, Request, Response
from pydantic import BeforeValidator, Field

from modules.api.errors import Refusal
from modules.api.replies import ImagesReply, failure, rendered
from modules.api.routing import owner, router
from modules.api.waiting import ended
from modules.app.app import App
from modules.base.errors import Invalid
from modules.params import infotext
from modules.params.txt2img import Txt2Img
from modules.prompts.grammar import emphasised
from modules.settings.options import NAMES, Settings, changed
from modules.tasks.pasting import pasted
from modules.tasks.requests import prepared
from modules.tasks.styling import with_styles

NOT_YET = {      # A1111's fields for what Easel cannot do yet: refused by name when they ask for something
    "restore_faces": "Face restoration",
    "script_name": "A script",
    "alwayson_scripts": "A script",
}
NOTHING = (False, 0, "", "None", "none", {})      # what asks for nothing
AS_SETTINGS = ("s_churn", "s_tmin", "s_tmax", "s_noise", "s_min_uncond", "token_merging_ratio")      # request fields that are settings for one request
TASK_ID = r"^(task\([0-9A-Za-z-]{1,64}\)|[0-9A-Za-z]([0-9A-Za-z-]{0,62}[0-9A-Za-z])?)?$"      # part of addresses and file names

Phase = Annotated[int, Field(ge=0, le=2048)]
Eta = Annotated[float, Field(ge=0, le=1)]
TaskId = Annotated[str, Field(pattern=TASK_ID, description="An id of your own to follow the job by.")]
Infotext = Annotated[str, Field(max_length=2**20, description="Generation data: fills in what is not given.")]
Overrides = Annotated[dict[str, Any], Field(description="Settings for this request alone.")]
SamplerIndex = Annotated[str, Field(max_length=1_000, description="Old name of sampler_name, which goes before it.")]
Saved = Annotated[bool, Field(description="Also write the pictures to the server's outputs folder.")]


@dataclass(frozen=True, kw_only=True)
class Txt2ImgRequest(Txt2Img):
    """A1111's request: the fields of a picture, and how to deal with it. Unknown fields are ignored, nulls are defaults."""

    sampler_index: SamplerIndex | None = None
    eta: Eta | None = None
    s_churn: float | None = None
    s_tmin: float | None = None
    s_tmax: float | None = None
    s_noise: float | None = None
    s_min_uncond: float | None = None
    override_settings: Overrides = field(default_factory=dict)
    override_settings_restore_afterwards: bool = True      # taken; an override never outlives its request
    infotext: Infotext | None = None
    send_images: bool = True
    save_images: Saved = False
    do_not_save_samples: bool = False
    do_not_save_grid: bool = False
    force_task_id: TaskId | None = None
    firstphase_width: Phase = 0       # of the first pass, where width and height are not
    firstphase_height: Phase = 0
    restore_faces: bool = False
    token_merging_ratio: float | None = None
    script_name: str = ""
    script_args: list[Any] = field(default_factory=list)
    alwayson_scripts: dict[str, Any] = field(default_factory=dict)


def understood(body: Any) -> Any:
    """A1111's ways of saying things: null for the usual, generation data for many fields, an old name for the sampler."""
    if not isinstance(body, Mapping):
        return body
    given = without_nulls(body)
    if not given.get("sampler_name", ""):
        given.pop("sampler_name", None)
        given |= {"sampler_name": given["sampler_index"]} if given.get("sampler_index") else {}
    return filled_in(given, text) if isinstance(text := given.get("infotext"), str) else given


def without_nulls(body: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in body.items() if value is not None}


def filled_in(given: Mapping[str, Any], text: str) -> dict[str, Any]:
    """`given`, and from generation data what is not given."""
    told = pasted(infotext.parse(text[: 2**20], emphasised))
    overrides = given.get("override_settings", {})
    settings = told["settings"] | overrides if isinstance(overrides, Mapping) else overrides
    return {**told["fields"], **given, "override_settings": settings}


RequestBody = Annotated[Txt2ImgRequest, BeforeValidator(understood), Body()]


def routes(app: App) -> APIRouter:
    api = router("generate", "/sdapi/v1")

    @api.post("/txt2img", response_model=ImagesReply, responses={"5XX": {"model": Refusal, "description": "The job failed"}})
    async def txt2img(body: RequestBody, request: Request) -> Response:
        """Make pictures and wait for them. The job goes on if the connection is lost; /easel/v1/jobs follows it."""
        job, settings, notes = await asyncio.to_thread(submit, app, body, owner(request))
        record = await ended(app.jobs, job)
        if record.error and not record.pictures:
            raise failure(record.error)
        content = await asyncio.to_thread(rendered, body, record, settings, notes)
        return Response(content, media_type="application/json")

    return api


def submit(app: App, body: Txt2ImgRequest, owner: str) -> tuple[str, Settings, list[str]]:
    """Start the job. Returns its id, its settings, and what the person should know. Raises Invalid or UnknownName."""
    refuse_unknown_arts(body)
    settings, ignored = overridden(app.settings.current, body)
    params = prepared(with_styles(picture_fields(body), app.styles()))
    saved = body.save_images and not body.do_not_save_samples
    job = app.jobs.submit("txt2img", asdict(params), settings, owner, saved, body.force_task_id or "")
    return job, settings, [f"There is no setting called {name!r}; it was ignored." for name in ignored]


def refuse_unknown_arts(body: Txt2ImgRequest) -> None:
    for name, what in NOT_YET.items():
        if getattr(body, name) not in NOTHING:
            raise Invalid(f"{what} is not there yet.", f"Leave {name} out.", field=name)


def picture_fields(body: Txt2ImgRequest) -> Txt2Img:
    """A1111 takes the old fields for the first pass's size instead of the present ones, with or without hires fix."""
    params = Txt2Img(**{each.name: getattr(body, each.name) for each in fields(Txt2Img)})
    first = {"width": body.firstphase_width, "height": body.firstphase_height}
    return replace(params, **first) if any(first.values()) else params


def overridden(settings: Settings, body: Txt2ImgRequest) -> tuple[Settings, list[str]]:
    """The settings for this request alone, and the names among its overrides that mean nothing here. Raises Invalid."""
    overrides = {name: getattr(body, name) for name in AS_SETTINGS if getattr(body, name) is not None}
    if body.eta is not None:
        overrides["eta_ddim"] = overrides["eta_ancestral"] = body.eta
    overrides |= without_nulls(body.override_settings)
    known = {name: value for name, value in overrides.items() if name in NAMES}
    return changed(settings, known), sorted(overrides.keys() - known.keys())
