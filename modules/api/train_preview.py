"""/easel/v1/train/plan and /batch: what a training would be, before it is begun."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from modules.api.datasets import allowed_data
from modules.api.replies import failure
from modules.api.routing import KnownFields, account, few_unknown, router
from modules.api.waiting import ended
from modules.app.app import App
from modules.base.accounts import Role
from modules.base.limits import MAX_NAME, JsonObject
from modules.params.training import Training
from modules.params.training_course import MAX_STEPS
from modules.params.training_files.plan_draft import PlanDraft
from modules.params.training_files.reading import LARGEST_TRAINING_FILE
from modules.requests.submit import Submission, submit
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


class MeasuredReply(BaseModel):
    told: list[str]


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

    @api.post("/measure")
    async def measure(body: Annotated[Training, few_unknown(Training)], request: Request) -> MeasuredReply:
        """Three real steps with nothing kept: what one takes in time and memory, in sentences. Waits for the end."""
        submitted = await asyncio.to_thread(submit, app, Submission("measure_training", body), account(request))
        record = await ended(app.jobs, submitted.job)
        if record.error:
            raise failure(record.error)
        return MeasuredReply(told=list(record.warnings))

    @api.post("/batch")
    async def batch(body: BatchPreviewRequest, request: Request) -> dict[str, Any]:
        """A step's pictures, cropped and mirrored, with the captions after shuffling and drop-out, as it would be."""
        mine = allowed_data(app, request)
        async with app.decoding.room(PREVIEW_PIXELS):
            return await asyncio.to_thread(batch_preview, app, mine, body.draft(), body.step)

    return api
