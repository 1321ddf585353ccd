"""Making model files of others: merge, convert, extract a LoRA. Each is a chore, followed by its id."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Request
from pydantic import Field

from modules.api.routing import KnownFields, owner, router
from modules.app.app import App
from modules.app.chores import Chore
from modules.base.accounts import Role
from modules.base.limits import Id, JsonObject, Name
from modules.requests.merge import ConvertRequest, ExtractRequest, MergeRequest, converting, extracting, merging

Finite = Annotated[float, Field(ge=-10, le=10, allow_inf_nan=False)]


class MergeBody(KnownFields):
    models: list[Name] = Field(max_length=20, description="Names of checkpoints; the first is A.")
    method: Name = "Weighted sum"
    multiplier: Finite = 0.3
    more: list[Finite] = Field([], max_length=19, description="For “Sum of more”: the share of each checkpoint after the first.")
    block_weights: list[Finite] = Field([], max_length=26, description="BASE, IN00 … IN11, M00, OUT00 … OUT11, in place of the multiplier.")
    name: Name = ""
    precision: Name = "keep"
    vae: Name = "None"
    discard: str = Field("", max_length=500, description="A regular expression: tensors whose names it finds are left out.")
    metadata: JsonObject = Field({}, max_length=100)
    copy_metadata: bool = True
    add_recipe: bool = True
    config: Name = Field("A, B or C", description="Whose .yaml the result takes over: A, B or C (the first there is), B, C, or Don't.")


class ConvertBody(KnownFields):
    model: Name
    name: Name = ""
    precision: Name = "fp16"
    ema: bool = False


class ExtractBody(KnownFields):
    tuned: Name
    base: Name
    name: Name = ""
    rank: int = Field(32, ge=1, le=1024)


def routes(app: App) -> APIRouter:
    api = router("making models", "/easel/v1", Role.MEMBER)

    @api.post("/merge")
    def merge(body: MergeBody, request: Request) -> dict[str, Any]:
        """Merge checkpoints into a new one."""
        lists = {"models": tuple(body.models), "more": tuple(body.more), "block_weights": tuple(body.block_weights)}
        asked = MergeRequest(**body.model_dump() | lists)
        return told(app.chores.begin("Merge", owner(request), merging(asked, app.models, app.cards)))

    @api.post("/convert")
    def convert(body: ConvertBody, request: Request) -> dict[str, Any]:
        """Write a checkpoint as safetensors, in another precision, without what is not needed to draw."""
        work = converting(ConvertRequest(**body.model_dump()), app.models, app.cards)
        return told(app.chores.begin("Convert", owner(request), work))

    @api.post("/extract-lora")
    def extract(body: ExtractBody, request: Request) -> dict[str, Any]:
        """Write what one checkpoint has learned beyond another as a LoRA."""
        work = extracting(ExtractRequest(**body.model_dump()), app.models, app.cards)
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
