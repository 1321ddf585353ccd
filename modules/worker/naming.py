"""The file name and folder of an image, by the settings' patterns."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from modules.base.accounts import LOCAL_OWNER
from modules.engine.messages import JobSpec
from modules.imaging.filename import NameFacts, part
from modules.imaging.save import Destination
from modules.pipelines.plan import ImagePlan
from modules.prompts import grammar
from modules.prompts.network_tags import take_networks
from modules.requests.patterns import below_outputs, patterned, subfolders
from modules.settings.options import Settings
from modules.worker.infotext import written_schedule
from modules.worker.job_kinds import JobPlan

EXTRAS_FOLDER = "extras"


def place_of(job: JobPlan, index: int, pixels: np.ndarray, spec: JobSpec, outputs: Path) -> Destination:
    """Return the destination of an image.

    pixels: (H, W, 3 or 4) uint8
    """
    s = job.settings
    member = job.members[index] if job.members else None
    if member and member.folder:
        return Destination(Path(member.folder), member.name, numbered=False)
    facts = name_facts(job, index, pixels, spec)
    folder = outputs.joinpath(*output_folders(spec.kind, facts, s))
    if spec.kind == EXTRAS_FOLDER:
        if member and s.use_original_name_batch:
            return Destination(folder, member.name, numbered=False)
        return Destination(folder, str(facts.seed), numbered=True)
    return patterned(folder, facts, s, may_replace(job, spec))


def may_replace(job: JobPlan, spec: JobSpec) -> bool:
    """Return whether the image may replace a file of its name.

    It may not where several people save, or if the job has several images: the file could be another's.
    """
    return job.settings.save_images_replace_action == "Replace" and spec.owner == LOCAL_OWNER and len(job.plans) == 1


def output_folders(kind: str, facts: NameFacts, settings: Settings) -> tuple[str, ...]:
    """Return the folder's parts below the outputs."""
    above = below_outputs(settings.outdir_samples or getattr(settings, f"outdir_{kind}_samples"))
    return above + subfolders(facts, settings) if settings.save_to_dirs else above


# Facts for the patterns ------------------------------------------------------------------------------


def name_facts(job: JobPlan, index: int, pixels: np.ndarray, spec: JobSpec) -> NameFacts:
    plan, (height, width) = job.plan(index), pixels.shape[:2]
    common: dict[str, Any] = {
        "seed": job.facts(index)["seed"],
        "size": (width, height),
        "now": datetime.now().astimezone(),
        "pixels": pixels.tobytes,
        "user": None if spec.owner == LOCAL_OWNER else spec.owner,
        "job": datetime.fromtimestamp(spec.asked) if spec.asked else datetime.now(),
        "most_words": plan.settings.directories_max_prompt_words,
    }
    if not plan.passes:
        return NameFacts(**common)
    return NameFacts(**common, **of_plan(plan, spec), **of_batch_place(job, index))


def of_plan(plan: ImagePlan, spec: JobSpec) -> dict[str, Any]:
    p, files = plan.params, plan.files
    unstyled = spec.params.get("unstyled") or {}
    return {
        "prompt": take_networks(grammar.strip_comments(p.prompt))[0],
        "asked": (unstyled.get("prompt", p.prompt), unstyled.get("negative_prompt", p.negative_prompt)),
        "styles": [(name, text) for name, text in unstyled.get("styles", ())],
        "steps": p.steps,
        "cfg": p.cfg_scale,
        "sampler": p.sampler_name,
        "scheduler": written_schedule(p).capitalize(),
        "model_name": files.checkpoint.model_name,
        "model_hash": files.checkpoint.shorthash,
        "vae": files.vae.path.name if files.vae else "",
        "clip_skip": plan.settings.CLIP_stop_at_last_layers,
        "denoising": getattr(p, "denoising_strength", None),
    }


def of_batch_place(job: JobPlan, index: int) -> dict[str, Any]:
    """Return the image's place among those of one request; a script or a batch of files makes several requests."""
    p = job.plan(index).params
    generation = index % p.pictures
    first = index - generation
    last = min(first + p.pictures, len(job.plans)) - 1
    return {
        "seeds": (job.plan(first).params.seed, job.plan(last).params.seed),
        "batch": (generation % p.batch_size + 1, p.batch_size),
        "generation": (generation + 1, p.pictures),
    }


def upscaler_suffix(job: JobPlan, index: int) -> str:
    """Return the upscaler's name as the end of an Extras file name, if the settings want it."""
    plan = job.plan(index)
    if plan.passes or not plan.settings.use_upscaler_name_as_suffix or not plan.params.upscalers:
        return ""
    return "-" + part(plan.params.upscalers[0])
