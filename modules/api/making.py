"""Making model files of others: merge, convert, extract a LoRA. Each is a chore, followed by its id."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Request

from modules.api.routing import few_unknown, owner, router
from modules.app.app import App
from modules.app.chores import Chore
from modules.base.accounts import Role
from modules.base.limits import Id
from modules.params.merge import Conversion, Extraction, Merge
from modules.requests.merge import converting, extracting, merging


def routes(app: App) -> APIRouter:
    api = router("making models", "/easel/v1", Role.MEMBER)

    @api.post("/merge")
    def merge(body: Annotated[Merge, few_unknown(Merge)], request: Request) -> dict[str, Any]:
        """Merge checkpoints into a new one."""
        return told(app.chores.begin("Merge", owner(request), merging(body, app.models, app.cards)))

    @api.post("/convert")
    def convert(body: Annotated[Conversion, few_unknown(Conversion)], request: Request) -> dict[str, Any]:
        """Write a checkpoint as safetensors, in another precision, without what is not needed to draw."""
        work = converting(body, app.models, app.cards)
        return told(app.chores.begin("Convert", owner(request), work))

    @api.post("/extract-lora")
    def extract(body: Annotated[Extraction, few_unknown(Extraction)], request: Request) -> dict[str, Any]:
        """Write what one checkpoint has learned beyond another as a LoRA."""
        work = extracting(body, app.models, app.cards)
        return told(app.chores.begin("Extract a LoRA", owner(request), work))

    @api.get("/chores/{chore}")
    def chore(chore: Id, request: Request) -> dict[str, Any]:
        """How far it is, what it made, or why it failed."""
        return told(app.chores.get(chore, owner(request)))

    @api.post("/chores/{chore}/stop", status_code=204)
    def stop(chore: Id, request: Request) -> None:
        app.chores.stop(chore, owner(request))

    return api


def told(chore: Chore) -> dict[str, Any]:
    return {name: value for name, value in asdict(chore).items() if name not in ("owner", "stopping")}
