"""POST /sdapi/v1/txt2img, as A1111's clients know it."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Body, Request
from pydantic import BeforeValidator, TypeAdapter

from modules.api.waiting import ended
from modules.app.app import App
from modules.base.errors import Invalid, JobFailed
from modules.params.txt2img import Txt2Img
from modules.settings.options import NAMES, Settings, changed
from modules.store.jobs import JobRecord
from modules.tasks.generation_data import VERSION
from modules.tasks.requests import prepared

NOT_YET = {      # A1111's fields for what Easel cannot do yet: refused by name when they ask for something
    "enable_hr": "Hires fix",
    "tiling": "Tiling",
    "restore_faces": "Face restoration",
    "refiner_checkpoint": "The refiner",
    "script_name": "Scripts",
    "alwayson_scripts": "Scripts",
}
AS_SETTINGS = ("s_churn", "s_tmin", "s_tmax", "s_noise", "s_min_uncond")      # request fields that are settings for one request


@dataclass(frozen=True, kw_only=True)
class Txt2ImgRequest(Txt2Img):
    """A1111's request: the fields of a picture, and how to deal with it. Unknown fields are ignored, nulls are defaults."""

    sampler_index: str | None = None                   # old name of sampler_name
    eta: float | None = None
    s_churn: float | None = None
    s_tmin: float | None = None
    s_tmax: float | None = None
    s_noise: float | None = None
    s_min_uncond: float | None = None
    override_settings: dict[str, Any] = field(default_factory=dict)
    override_settings_restore_afterwards: bool = True  # accepted; an override never outlives its request
    send_images: bool = True
    save_images: bool = False
    do_not_save_samples: bool = False
    do_not_save_grid: bool = False
    force_task_id: str | None = None
    enable_hr: bool = False
    tiling: bool = False
    restore_faces: bool = False
    refiner_checkpoint: str = ""
    script_name: str = ""
    script_args: list[Any] = field(default_factory=list)
    alwayson_scripts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class ImagesReply:
    images: list[str]                 # PNG files in base64, without prefix
    parameters: dict[str, Any]        # the request as it was understood
    info: str                         # JSON: seeds, prompts, infotexts …


def without_nulls(body: Any) -> Any:
    """A1111's clients send null for "whatever is usual"."""
    return {key: value for key, value in body.items() if value is not None} if isinstance(body, Mapping) else body


RequestBody = Annotated[Txt2ImgRequest, BeforeValidator(without_nulls), Body()]


def routes(app: App) -> APIRouter:
    router = APIRouter(prefix="/sdapi/v1", tags=["generate"])

    @router.post("/txt2img")
    async def txt2img(body: RequestBody, request: Request) -> ImagesReply:
        """Make pictures and wait for them. The job goes on if the connection is lost; /easel/v1/jobs follows it."""
        refuse_unknown_arts(body)
        settings, ignored = overridden(app.settings.current, body)
        params = prepared(picture_fields(body))
        saved = body.save_images and not body.do_not_save_samples
        owner = request.scope.get("owner", "local")
        job = app.jobs.submit("txt2img", asdict(params), settings, owner, saved, body.force_task_id or "")
        warnings = [f"There is no setting called {name!r}; it was ignored." for name in ignored]
        record = await ended(app.jobs, job)
        if record.error and not record.pictures:
            raise failure(record.error)
        return reply(app, body, record, settings, warnings)

    return router


def refuse_unknown_arts(body: Txt2ImgRequest) -> None:
    for name, what in NOT_YET.items():
        if getattr(body, name):
            raise Invalid(f"{what} is not there yet.", f"Leave {name} out.", field=name)


def picture_fields(body: Txt2ImgRequest) -> Txt2Img:
    values = {f.name: getattr(body, f.name) for f in fields(Txt2Img)}
    if body.sampler_index and body.sampler_name == Txt2Img.sampler_name:
        values["sampler_name"] = body.sampler_index
    return Txt2Img(**values)


def overridden(settings: Settings, body: Txt2ImgRequest) -> tuple[Settings, list[str]]:
    """The settings for this request alone, and the names among its overrides that mean nothing here."""
    overrides = {name: getattr(body, name) for name in AS_SETTINGS if getattr(body, name) is not None}
    if body.eta is not None:
        overrides["eta_ddim"] = overrides["eta_ancestral"] = body.eta
    overrides |= without_nulls(body.override_settings)
    known = {name: value for name, value in overrides.items() if name in NAMES}
    return changed(settings, known), sorted(overrides.keys() - known.keys())


def failure(error: Mapping[str, Any]) -> JobFailed:
    failed = JobFailed(error["message"], error["hint"])
    failed.code = error["error"]
    failed.status = int(error.get("status", 500))
    return failed


def reply(app: App, body: Txt2ImgRequest, record: JobRecord, settings: Settings, warnings: list[str]) -> ImagesReply:
    files = [base64.b64encode(Path(picture.path).read_bytes()).decode() for picture in record.pictures] if body.send_images else []
    understood = TypeAdapter(Txt2ImgRequest).dump_python(body, mode="json") | dict(record.params)
    return ImagesReply(files, understood, json.dumps(information(record, settings, [*record.warnings, *warnings])))


def information(record: JobRecord, settings: Settings, warnings: list[str]) -> dict[str, Any]:
    """A1111's `info`."""
    params, facts = record.params, [picture.facts for picture in record.pictures]
    first = facts[0] if facts else {}
    return {
        "prompt": params["prompt"],
        "all_prompts": [each["prompt"] for each in facts],
        "negative_prompt": params["negative_prompt"],
        "all_negative_prompts": [each["negative_prompt"] for each in facts],
        "seed": first.get("seed", params["seed"]),
        "all_seeds": [each["seed"] for each in facts],
        "subseed": first.get("subseed", params["subseed"]),
        "all_subseeds": [each["subseed"] for each in facts],
        **{name: params[name] for name in (
            "subseed_strength", "width", "height", "sampler_name", "cfg_scale", "steps", "batch_size",
            "seed_resize_from_w", "seed_resize_from_h", "styles",
        )},
        "restore_faces": False,
        "face_restoration_model": None,
        "sd_model_name": first.get("sd_model_name"),
        "sd_model_hash": first.get("sd_model_hash"),
        "sd_vae_name": None,
        "sd_vae_hash": None,
        "denoising_strength": None,
        "extra_generation_params": {},
        "index_of_first_image": 0,
        "infotexts": [picture.infotext for picture in record.pictures],
        "job_timestamp": time.strftime("%Y%m%d%H%M%S", time.localtime(record.created)),
        "clip_skip": settings.CLIP_stop_at_last_layers,
        "is_using_inpainting_conditioning": False,
        "version": VERSION,
        "task_id": record.id,
        "state": record.state,
        "warnings": warnings,
    }
