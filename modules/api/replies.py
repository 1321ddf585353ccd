"""A1111's reply to a request for pictures."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from modules.base.errors import JobFailed
from modules.base.fields import checker
from modules.base.version import VERSION
from modules.engine.messages import NSFW_DETECTED, RETURNED, UNRETURNED, UNTOLD
from modules.params.control import UNIT_PICTURES
from modules.settings.options import Settings
from modules.store.jobs import GRID, JobRecord, OutputRecord, job_name

if TYPE_CHECKING:
    from modules.api.requests import DrawRequest

OF_THE_REQUEST = (
    "subseed_strength", "width", "height", "sampler_name", "cfg_scale", "steps", "batch_size",
    "seed_resize_from_w", "seed_resize_from_h",
)
RESOLVED = ("seed", "subseed", "sampler_name", "scheduler")      # values that a request may leave open


@dataclass(frozen=True)
class ImagesReply:
    images: list[str]                 # PNG files in base64, without prefix
    parameters: dict[str, Any]        # the request as it was understood
    info: str                         # JSON: seeds, prompts, infotexts …


def failure(error: Mapping[str, Any]) -> JobFailed:
    """Return the error that ended a job, as its worker gave it."""
    failed = JobFailed(error["message"], error["hint"])
    failed.code = error["error"]
    failed.status = int(error.get("status", 500))
    return failed


def base64_results(record: JobRecord) -> list[str]:
    """Return all pictures in base64. Raises JobFailed if one is missing.

    They may be large: not to be called on the event loop.
    """
    if record.error:
        raise failure(record.error)
    if len(record.pictures) < len(record.params.get("images", ())):
        raise JobFailed("The job was interrupted.", "Ask again.")
    return [base64.b64encode(Path(picture.path).read_bytes()).decode() for picture in record.pictures]


def rendered(body: DrawRequest, record: JobRecord, settings: Settings, notes: Sequence[str]) -> bytes:
    """The reply's JSON. Pictures may be many megabytes: not to be called on the event loop."""
    sent = returned_pictures(record) if body.send_images else ()
    paths = [path for picture in sent for path in (picture.path, *picture.facts.get(RETURNED, ()))]
    files = [base64.b64encode(Path(path).read_bytes()).decode() for path in paths]
    parameters = checker(type(body)).dump_python(body, mode="json") | {name: record.params[name] for name in RESOLVED}
    parameters |= {"control": [without_pictures(unit) for unit in parameters["control"]]}
    parameters |= {"regions": [{**region, "mask": None} for region in parameters["regions"]]}
    if not getattr(body, "include_init_images", True):
        parameters |= {"init_images": None, "mask": None}
    info = json.dumps(information(body, record, settings, notes))
    return json.dumps({"images": files, "parameters": parameters, "info": info}).encode()


def without_pictures(unit: Mapping[str, Any]) -> dict[str, Any]:
    """Return a ControlNet unit without its pictures, which may be many megabytes."""
    blank: dict[str, Any] = {**dict.fromkeys(UNIT_PICTURES), "more_images": []}
    return {name: blank.get(name, value) for name, value in unit.items()}


def grids_first(record: JobRecord) -> list[OutputRecord]:
    """Return a job's pictures in A1111's order: its grids, then what they show."""
    return sorted(record.pictures, key=lambda picture: picture.kind != GRID)


def returned_pictures(record: JobRecord) -> list[OutputRecord]:
    """Return the pictures that a reply contains: some scripts return only their grids."""
    return [picture for picture in grids_first(record) if not picture.facts.get(UNRETURNED)]


def infotexts(script: str, own: Sequence[str]) -> list[str]:
    """Return the infotexts in A1111's form: Loopback's all describe the first loop; the files have their own."""
    return [own[0]] * len(own) if script == "Loopback" and own else list(own)


def information(body: DrawRequest, record: JobRecord, settings: Settings, notes: Sequence[str]) -> dict[str, Any]:
    """A1111's `info`; the last four keys are Easel's own, and the one before is named as in diffusers."""
    pictures = [each for each in grids_first(record) if each.facts.get(UNRETURNED) != UNTOLD]
    whole_grids = int(bool(pictures and pictures[0].kind == GRID))
    facts = [picture.facts for picture in pictures[whole_grids:]]
    first = facts[0] if facts else {}
    return {
        "prompt": body.prompt,
        "all_prompts": [each["prompt"] for each in facts],
        "negative_prompt": body.negative_prompt,
        "all_negative_prompts": [each["negative_prompt"] for each in facts],
        "seed": first.get("seed", record.params["seed"]),
        "all_seeds": [each["seed"] for each in facts],
        "subseed": first.get("subseed", record.params["subseed"]),
        "all_subseeds": [each["subseed"] for each in facts],
        **{name: record.params[name] for name in OF_THE_REQUEST},
        "restore_faces": settings.face_restoration,
        "face_restoration_model": settings.face_restoration_model if settings.face_restoration else None,
        "sd_model_name": first.get("sd_model_name"),
        "sd_model_hash": first.get("sd_model_hash"),
        "sd_vae_name": first.get("sd_vae_name"),
        "sd_vae_hash": first.get("sd_vae_hash"),
        "denoising_strength": record.params.get("denoising_strength"),
        "extra_generation_params": {},
        "index_of_first_image": whole_grids,
        "infotexts": infotexts(record.params.get("script_name", ""), [picture.infotext for picture in pictures]),
        "styles": list(body.styles),
        "job_timestamp": time.strftime("%Y%m%d%H%M%S", time.localtime(record.created)),
        "clip_skip": settings.CLIP_stop_at_last_layers,
        "is_using_inpainting_conditioning": False,
        "version": VERSION,
        NSFW_DETECTED: verdicts(facts),
        "task_id": job_name(record.id),
        "state": record.state,
        "error": record.error and record.error["message"],
        "warnings": [*record.warnings, *notes],
    }


def verdicts(facts: Sequence[Mapping[str, Any]]) -> list[bool | None] | None:
    """Return the safety checker's verdict on each picture; None, as in diffusers, if there was no checker."""
    found = [each.get(NSFW_DETECTED) for each in facts]
    return None if all(each is None for each in found) else found
