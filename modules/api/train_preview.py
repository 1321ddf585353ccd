"""/easel/v1/train/plan and /batch: what a training would be, before it is begun."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import APIRouter, Request
from pydantic import Field

from modules.api.datasets import allowed_data
from modules.api.routing import KnownFields, router
from modules.app.app import App
from modules.base.accounts import Role
from modules.base.limits import MAX_NAME, JsonObject
from modules.params.training_course import MAX_STEPS
from modules.params.training_files.plan_draft import PlanDraft
from modules.params.training_files.reading import LARGEST_TRAINING_FILE
from modules.requests.training_fields import training_fields
from modules.requests.training_preview import batch_preview, draft_of_texts, preview

MOST_CONFIGS = 10
PREVIEW_PIXELS = 24_000_000      # of the decoding budget that looking through a data set takes, a picture at a time


class ConfigText(KnownFields):
    """A configuration of whichever tool."""

    text: str = Field(max_length=LARGEST_TRAINING_FILE)
    name: str = Field("", max_length=MAX_NAME, description="Its file's name; without one it is told by its content.")


class PreviewRequest(KnownFields):
    """Configurations, of which later ones win, and fields, which win over them."""

    configs: list[ConfigText] = Field([], max_length=MOST_CONFIGS)
    fields: JsonObject = Field({}, description="As in POST /easel/v1/train.")

    def draft(self) -> PlanDraft:
        """Return what they say. Raises Invalid for a text that cannot be read."""
        return draft_of_texts([(each.name, each.text) for each in self.configs], self.fields)


class BatchPreviewRequest(PreviewRequest):
    step: int = Field(0, ge=0, le=MAX_STEPS)


def routes(app: App) -> APIRouter:
    api = router("training", "/easel/v1/train", Role.MEMBER)

    @api.get("/fields")
    def form_fields(request: Request) -> dict[str, Any]:
        """The fields of a training in groups, with labels and limits, and the methods with their defaults."""
        allowed_data(app, request)
        return training_fields()

    @api.post("/plan")
    async def plan(body: PreviewRequest, request: Request) -> dict[str, Any]:
        """A dry run: each value and where it came from, what is unknown or refused, what each picture becomes.

        `pictures` is null, and `missing` says why, where there are none. Nothing is begun.
        """
        mine = allowed_data(app, request)
        draft = await asyncio.to_thread(body.draft)
        async with app.decoding.room(PREVIEW_PIXELS):
            return await asyncio.to_thread(preview, app, mine, draft)

    @api.post("/batch")
    async def batch(body: BatchPreviewRequest, request: Request) -> dict[str, Any]:
        """A step's pictures, cropped and mirrored, with the captions after shuffling and drop-out, as it would be."""
        mine = allowed_data(app, request)
        async with app.decoding.room(PREVIEW_PIXELS):
            return await asyncio.to_thread(batch_preview, app, mine, body.draft(), body.step)

    return api
