"""What there is to choose from."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from fastapi import APIRouter

from modules.api.routing import router
from modules.app.app import App
from modules.models.catalog import ModelFile
from modules.prompts.styles import read_styles
from modules.sampling.samplers import SAMPLERS, Sampler
from modules.sampling.schedules import SCHEDULES, Schedule


def routes(app: App) -> APIRouter:
    api = router("models", "/sdapi/v1")

    @api.get("/sd-models")
    def sd_models() -> list[dict[str, Any]]:
        return [model(checkpoint) for checkpoint in app.models.checkpoints.list()]

    @api.get("/samplers")
    def samplers() -> list[dict[str, Any]]:
        return [sampler(each) for each in SAMPLERS]

    @api.get("/schedulers")
    def schedulers() -> list[dict[str, Any]]:
        return [scheduler(each) for each in SCHEDULES]

    @api.get("/prompt-styles")
    def prompt_styles() -> list[dict[str, str]]:
        """The prompt texts in styles.csv."""
        return [asdict(style) for style in read_styles(app.flags.paths.styles_file).values()]

    @api.post("/refresh-checkpoints")
    def refresh_checkpoints() -> None:
        """Look into the model folders again."""
        app.models.checkpoints.refresh()

    return api


def model(checkpoint: ModelFile) -> dict[str, Any]:
    """A1111's fields, `filename` without the folders it lies in, and what is wrong with a broken file."""
    return {
        "title": checkpoint.title,
        "model_name": checkpoint.model_name,
        "hash": checkpoint.shorthash or None,
        "sha256": checkpoint.sha256,
        "filename": checkpoint.name,
        "config": checkpoint.config and checkpoint.config.name,
        "problem": checkpoint.problem or None,
    }


def sampler(each: Sampler) -> dict[str, Any]:
    options = {"scheduler": each.schedule.lower()} if each.schedule in ("Karras", "Exponential") else {}
    if each.evaluations == 2:
        options["second_order"] = "True"
    if each.spare_level:
        options["discard_next_to_last_sigma"] = "True"
    if each.ancestral:
        options["uses_ensd"] = "True"
    if each.brownian:
        options["brownian_noise"] = "True"
    return {"name": each.name, "aliases": list(each.aliases), "options": options}


def scheduler(each: Schedule) -> dict[str, Any]:
    return {
        "name": each.aliases[0] if each.aliases else each.name.lower().replace(" ", "_"),
        "label": each.name,
        "aliases": list(each.aliases[1:]) or None,
        "default_rho": DEFAULT_RHO.get(each.name, -1),
        "need_inner_model": each.name not in ("Automatic", "Karras", "Exponential", "Polyexponential", "KL Optimal"),
    }


DEFAULT_RHO = {"Karras": 7.0, "Polyexponential": 1.0}
