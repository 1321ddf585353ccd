"""A1111's lists of models, samplers and styles."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, Request

from modules.api.routing import owner, router
from modules.app.app import App
from modules.base.accounts import Role
from modules.library.catalog import ModelFile
from modules.library.describe import shown_metadata
from modules.library.index import identity
from modules.library.model_kinds import ModelKind
from modules.prompts.styles import CSV_COLUMNS
from modules.requests.model_choice import standing_checkpoint
from modules.requests.own_sampling import own_of
from modules.sampling.samplers import SAMPLERS, Sampler
from modules.sampling.schedules import SCHEDULES, Schedule

INDEX_WAIT = 30.0      # s that a list of files' contents waits for the first scan


def routes(app: App) -> APIRouter:
    api = router("models", "/sdapi/v1", Role.GUEST)

    @api.get("/sd-models")
    def sd_models() -> list[dict[str, Any]]:
        return [model(checkpoint) for checkpoint in app.models.checkpoints.list()]

    @api.get("/samplers")
    def samplers() -> list[dict[str, Any]]:
        """The samplers, those of extensions last."""
        names = "name", "aliases", "options"
        return [*map(sampler, SAMPLERS), *items_of_extensions(app, "sampler_name", names)]

    @api.get("/schedulers")
    def schedulers() -> list[dict[str, Any]]:
        """The noise schedules, those of extensions last."""
        names = "name", "label", "aliases", "default_rho", "need_inner_model"
        return [*map(scheduler, SCHEDULES), *items_of_extensions(app, "scheduler", names)]

    @api.get("/prompt-styles")
    def prompt_styles(request: Request) -> list[dict[str, str]]:
        """The prompt texts in styles.csv, those of the server and the caller's own."""
        styles = app.data_of(owner(request)).styles().values()
        return [{column: getattr(style, column) for column in CSV_COLUMNS} for style in styles]

    @api.get("/sd-vae")
    def sd_vae() -> list[dict[str, str]]:
        return [{"model_name": vae.path.name, "filename": vae.name} | problem_of(vae) for vae in app.models.vaes.list()]

    add_networks(api, app)
    for kind in app.models.kinds:
        if kind.refresh:
            add_refresh(api, app, kind)
    return api


def add_networks(api: APIRouter, app: App) -> None:
    """Add the routes of LoRAs, embeddings and hypernetworks."""

    @api.get("/loras")
    def loras() -> list[dict[str, Any]]:
        return [lora(file) for file in app.models.loras.list()]

    @api.get("/embeddings")
    def embeddings(request: Request) -> dict[str, dict[str, Any]]:
        """The embeddings that fit the chosen checkpoint, as far as their families are known, and those that do not."""
        app.cards.wait(INDEX_WAIT)
        return by_fit(app, standing_checkpoint(app, app.data_of(owner(request)).settings.current))

    @api.get("/hypernetworks")
    def hypernetworks() -> list[dict[str, str]]:
        return [
            {"name": file.model_name, "path": file.name} | problem_of(file) for file in app.models.hypernetworks.list()
        ]


def add_refresh(api: APIRouter, app: App, kind: ModelKind) -> None:
    """Add A1111's route that reads the folders of a kind again."""

    @api.post(f"/{kind.refresh}", name=kind.refresh.replace("-", "_"))
    def refresh() -> None:
        """Read the folders of this kind again."""
        app.cards.renew(kind.name)


def model(checkpoint: ModelFile) -> dict[str, Any]:
    """Return A1111's fields, `filename` without the parent folders, and the problem of a broken file."""
    return {
        "title": checkpoint.title,
        "model_name": checkpoint.flat_name,
        "hash": checkpoint.shorthash or None,
        "sha256": checkpoint.sha256,
        "filename": checkpoint.name,
        "config": checkpoint.config and checkpoint.config.name,
        "problem": checkpoint.problem or None,
    }


def lora(file: ModelFile) -> dict[str, Any]:
    """Return A1111's fields, `path` without the LoRAs' folder."""
    named = {"name": file.model_name, "alias": file.alias or file.model_name, "path": file.name}
    return named | {"metadata": shown_metadata(file.metadata)} | problem_of(file)


def problem_of(file: ModelFile) -> dict[str, str]:
    """Return why the file cannot be used; A1111's lists have no field for it."""
    return {"problem": file.problem} if file.problem else {}


def by_fit(app: App, checkpoint: ModelFile | None) -> dict[str, dict[str, Any]]:
    index = app.cards.index
    known = checkpoint and index.get(identity("checkpoint", str(checkpoint.path)))
    family = known.family if known else ""
    found: dict[str, dict[str, Any]] = {"loaded": {}, "skipped": {}}
    for entry in index.all("embedding"):
        if facts := json.loads(entry.facts):
            fits = not (family and entry.family) or family == entry.family
            found["loaded" if fits else "skipped"][entry.name] = facts
    return found


def sampler(each: Sampler) -> dict[str, Any]:
    options = {"scheduler": each.schedule.lower()} if each.schedule in ("Karras", "Exponential") else {}
    if each.evaluations == 2:
        options["second_order"] = "True"
    if each.discard_next_to_last_sigma:
        options["discard_next_to_last_sigma"] = "True"
    if each.ancestral:
        options["uses_ensd"] = "True"
    if each.brownian:
        options["brownian_noise"] = "True"
    return {"name": each.name, "aliases": list(each.aliases), "options": options}


def items_of_extensions(app: App, field: str, names: Sequence[str]) -> list[dict[str, Any]]:
    """Return what extensions have added for a field, with these attributes of each."""
    own = {id(each): each for each in own_of(app.extensions, field).values()}
    return [{name: getattr(each, name) for name in names} for each in own.values()]


def scheduler(each: Schedule) -> dict[str, Any]:
    return {
        "name": each.aliases[0] if each.aliases else each.name.lower().replace(" ", "_"),
        "label": each.name,
        "aliases": list(each.aliases[1:]) or None,
        "default_rho": DEFAULT_RHO.get(each.name, -1),
        "need_inner_model": each.name not in ("Automatic", "Karras", "Exponential", "Polyexponential", "KL Optimal"),
    }


DEFAULT_RHO = {"Karras": 7.0, "Polyexponential": 1.0}
