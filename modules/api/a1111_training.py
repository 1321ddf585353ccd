"""A1111's create/* and train/*: embeddings and hypernetworks written, and trained further, as jobs that are awaited."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

from annotated_types import MaxLen
from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from modules.api.audit_log import note_own
from modules.api.routing import KnownFields, account, router
from modules.api.waiting import ended
from modules.app.app import App
from modules.base.accounts import Role
from modules.base.errors import Invalid, NotFound
from modules.base.limits import MAX_ID, MAX_NAME, MAX_PATH, MAX_PROMPT, MAX_SETTING, Name
from modules.params.training import Training
from modules.params.training_course import MAX_STEPS
from modules.params.training_data import LARGEST_TRAINING_SIDE, MAX_TRAINING_BATCH
from modules.requests.a1111_training import created_embedding, created_hypernetwork, file_to_train, trained_further
from modules.requests.submit import Submission, submit
from modules.store.jobs import DONE

MOST_WIDTHS = 20
RateText = Annotated[str, MaxLen(MAX_SETTING)] | float
Structure = Annotated[str, MaxLen(MAX_ID)] | Annotated[list[float], MaxLen(MOST_WIDTHS)] | None
Width = Annotated[str, MaxLen(MAX_ID)] | int


class InfoReply(BaseModel):
    info: str


class NewEmbedding(KnownFields):
    """A1111's arguments of create/embedding."""

    name: Name
    num_vectors_per_token: int = Field(1, ge=1, le=75)
    overwrite_old: bool = False
    init_text: str = Field("*", max_length=MAX_PROMPT)


class NewHypernetwork(KnownFields):
    """A1111's arguments of create/hypernetwork."""

    name: Name
    enable_sizes: list[Width] = Field(["768", "320", "640", "1280"], max_length=MOST_WIDTHS)
    overwrite_old: bool = False
    layer_structure: Structure = None
    activation_func: str | None = Field(None, max_length=MAX_ID)
    weight_init: str | None = Field(None, max_length=MAX_ID)
    add_layer_norm: bool = False
    use_dropout: bool = False
    dropout_structure: Structure = None


class FurtherTraining(KnownFields):
    """A1111's arguments of train/*; those of previews make the sample prompt."""

    id_task: str = Field("", max_length=MAX_ID)
    learn_rate: RateText | None = Field(None, description="A rate, or A1111's list such as 0.005:100, 1e-3:1000.")
    batch_size: int = Field(1, ge=1, le=MAX_TRAINING_BATCH)
    gradient_step: int = Field(1, ge=1, le=MAX_TRAINING_BATCH)
    data_root: str = Field(max_length=MAX_PATH)
    log_directory: str = Field("", max_length=MAX_PATH)
    training_width: int = Field(512, ge=8, le=LARGEST_TRAINING_SIDE)
    training_height: int = Field(512, ge=8, le=LARGEST_TRAINING_SIDE)
    varsize: bool = False
    steps: int = Field(100_000, ge=1, le=MAX_STEPS)
    clip_grad_mode: str | None = Field("disabled", max_length=MAX_ID)
    clip_grad_value: RateText = "0.1"
    shuffle_tags: bool = False
    tag_drop_out: float = Field(0, ge=0, le=1)
    latent_sampling_method: str = Field("once", max_length=MAX_ID)
    use_weight: bool = False
    create_image_every: int = Field(500, ge=0, le=MAX_STEPS)
    template_filename: str = Field("style_filewords.txt", max_length=MAX_PATH)
    save_image_with_stored_embedding: bool = False
    preview_from_txt2img: bool = False
    preview_prompt: str = Field("", max_length=MAX_PROMPT)
    preview_negative_prompt: str = Field("", max_length=MAX_PROMPT)
    preview_steps: int | None = Field(None, ge=1, le=MAX_STEPS)
    preview_sampler_name: str | None = Field(None, max_length=MAX_NAME)
    preview_cfg_scale: float | None = Field(None, ge=-1000, le=1000)
    preview_seed: int | None = Field(None, ge=-1, lt=2**64)
    preview_width: int | None = Field(None, ge=8, le=LARGEST_TRAINING_SIDE)
    preview_height: int | None = Field(None, ge=8, le=LARGEST_TRAINING_SIDE)


class TrainEmbedding(FurtherTraining):
    embedding_name: Name
    save_embedding_every: int = Field(500, ge=0, le=MAX_STEPS)


class TrainHypernetwork(FurtherTraining):
    hypernetwork_name: Name
    save_hypernetwork_every: int = Field(500, ge=0, le=MAX_STEPS)


def routes(app: App) -> APIRouter:
    api = router("training", "/sdapi/v1", Role.MEMBER)

    @api.post("/create/embedding")
    async def create_embedding(body: NewEmbedding, request: Request) -> InfoReply:
        """Write an embedding as it begins; it is trained by train/embedding, or drawn with as it is."""
        return await created(app, "embedding", created_embedding(body.model_dump()), request)

    @api.post("/create/hypernetwork")
    async def create_hypernetwork(body: NewHypernetwork, request: Request) -> InfoReply:
        """Write a hypernetwork as it begins."""
        return await created(app, "hypernetwork", created_hypernetwork(body.model_dump()), request)

    @api.post("/train/embedding")
    async def train_embedding(body: TrainEmbedding, request: Request) -> InfoReply:
        """Train an embedding further, and wait for the end. /easel/v1/train follows the run meanwhile."""
        return await trained(app, "embedding", body.embedding_name, body, request)

    @api.post("/train/hypernetwork")
    async def train_hypernetwork(body: TrainHypernetwork, request: Request) -> InfoReply:
        """Train a hypernetwork further, and wait for the end."""
        return await trained(app, "hypernetwork", body.hypernetwork_name, body, request)

    return api


async def created(app: App, kind: str, plan: Training, request: Request) -> InfoReply:
    """Return A1111's answer to create/*, which tells of an error as of success."""
    return await carried_out(app, f"create {kind}", Submission("new_network", plan), request)


async def trained(app: App, kind: str, name: str, body: FurtherTraining, request: Request) -> InfoReply:
    """Return A1111's answer to train/*."""
    try:
        plan = trained_further(file_to_train(app.models.catalogs[kind], name), body.model_dump())
    except (Invalid, NotFound) as error:
        return InfoReply(info=f"train {kind} error: {error}")
    asked = Submission("train", plan, task_id=body.id_task)
    return await carried_out(app, f"train {kind}", asked, request, "began a training")


async def carried_out(app: App, what: str, asked: Submission, request: Request, noted: str = "") -> InfoReply:
    """Carry out a job and return what A1111 would say of its end. Raises Forbidden and what else no text replaces."""
    try:
        job = (await asyncio.to_thread(submit, app, asked, account(request))).job
    except (Invalid, NotFound) as error:
        return InfoReply(info=f"{what} error: {error}")
    if noted:
        note_own(app, request, noted, job)
    record = await ended(app.jobs, job)
    if not record.outputs or (record.error and record.state != DONE):
        return InfoReply(info=f"{what} error: {(record.error or {}).get('message', 'interrupted')}")
    return InfoReply(info=end_of(what, Path(record.outputs[-1].path).name))


def end_of(what: str, file: str) -> str:
    """Return A1111's sentence of a job that has ended well, with the file's name alone.

    >>> end_of("create embedding", "zorb.pt")
    'create embedding filename: zorb.pt'
    """
    return f"{what} filename: {file}" if what.startswith("create") else f"{what} complete: filename: {file} error: None"
