"""/easel/v1/datasets: folders of pictures to train on, with their captions."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

from annotated_types import MaxLen
from fastapi import APIRouter, Query, Request
from pydantic import Field

from modules.api.audit_log import note_own
from modules.api.routing import KnownFields, account, router
from modules.app.account_data import AccountData
from modules.app.app import App
from modules.app.permissions import TRAIN, check_right
from modules.base.accounts import Role
from modules.base.limits import MAX_NAME, MAX_PATH, MAX_PROMPT, MAX_SETTING, FilePath
from modules.imaging.dataset.caption_edits import TagChange
from modules.requests.datasets import (
    Dataset,
    change_tags,
    datasets_there,
    delete_dataset,
    find_dataset,
    new_dataset,
    remove_pictures,
    write_captions,
)
from modules.requests.training_preview import dataset_view

MOST_EDITED_PICTURES = 10_000      # in one request
MOST_CHANGED_TAGS = 500
CaptionTag = Annotated[str, MaxLen(MAX_SETTING)]
DatasetPlace = Annotated[str, Query(max_length=MAX_PATH, description="`datasets/NAME`, or a folder that you may name.")]


class DatasetName(KnownFields):
    name: str = Field(max_length=MAX_NAME)


class DatasetFolder(KnownFields):
    folder: str = Field(max_length=MAX_PATH, description="As GET /easel/v1/datasets names it.")


class CaptionTexts(DatasetFolder):
    captions: dict[FilePath, Annotated[str, MaxLen(MAX_PROMPT)]] = Field(max_length=MOST_EDITED_PICTURES)


class PicturesOfDataset(DatasetFolder):
    pictures: list[FilePath] = Field(max_length=MOST_EDITED_PICTURES)


class TagChanges(PicturesOfDataset):
    """What is done to the captions of pictures, in this order."""

    find: str = Field("", max_length=MAX_SETTING, description="Letters that are replaced anywhere in a caption.")
    replace: str = Field("", max_length=MAX_SETTING)
    remove: list[CaptionTag] = Field([], max_length=MOST_CHANGED_TAGS)
    rename: dict[CaptionTag, CaptionTag] = Field(
        {}, max_length=MOST_CHANGED_TAGS, description="Whole tags by their new names."
    )
    add: list[CaptionTag] = Field([], max_length=MOST_CHANGED_TAGS)
    at_front: bool = False


def routes(app: App) -> APIRouter:
    api = router("datasets", "/easel/v1", Role.MEMBER)
    add_dataset_folders(api, app)
    add_captions(api, app)
    return api


def allowed_data(app: App, request: Request) -> AccountData:
    """Return the caller's data. Raises Forbidden for one who may not train."""
    check_right(account(request), app.settings.current, TRAIN)
    return app.data_of(account(request).name)


def add_dataset_folders(api: APIRouter, app: App) -> None:
    """Add the routes by which data sets are listed, made, looked at and deleted."""

    @api.get("/datasets")
    def datasets(request: Request) -> list[dict[str, Any]]:
        """Your data sets, and the folders with pictures that are open to you."""
        return datasets_there(allowed_data(app, request))

    @api.post("/datasets")
    def make(body: DatasetName, request: Request) -> dict[str, str]:
        """Make an empty data set of your own."""
        folder = new_dataset(allowed_data(app, request), body.name)
        note_own(app, request, "made a data set")
        return {"folder": folder}

    @api.post("/datasets/delete", status_code=204)
    def delete(body: DatasetFolder, request: Request) -> None:
        """Delete one of your data sets with its pictures and captions."""
        delete_dataset(allowed_data(app, request), body.folder)
        note_own(app, request, "deleted a data set")

    @api.get("/datasets/view")
    def view(folder: DatasetPlace, request: Request) -> dict[str, Any]:
        """A data set's pictures with captions, where these come from, and their tokens; tags by how often they come."""
        return dataset_view(app, find_dataset(allowed_data(app, request), folder))


def add_captions(api: APIRouter, app: App) -> None:
    """Add the routes by which captions are edited."""

    @contextmanager
    def edited(request: Request, folder: str) -> Iterator[Dataset]:
        """The data set of a folder, for one change at a time: it reads the captions that it then writes."""
        mine = allowed_data(app, request)
        with mine.sending:
            yield find_dataset(mine, folder)

    @api.post("/datasets/captions")
    def captions(body: CaptionTexts, request: Request) -> dict[str, dict[str, str]]:
        """Write captions; the answer has those before, which written again undo it. An empty one is removed."""
        with edited(request, body.folder) as dataset:
            return {"before": write_captions(dataset, body.captions)}

    @api.post("/datasets/tags")
    def tags(body: TagChanges, request: Request) -> dict[str, dict[str, str]]:
        """Add, remove, rename tags and replace letters in the captions of many pictures."""
        change = TagChange(
            body.find, body.replace, tuple(body.remove), body.rename, tuple(body.add), body.at_front
        )
        with edited(request, body.folder) as dataset:
            return change_tags(dataset, body.pictures, change)

    @api.post("/datasets/remove", status_code=204)
    def remove(body: PicturesOfDataset, request: Request) -> None:
        """Delete pictures with their captions."""
        with edited(request, body.folder) as dataset:
            remove_pictures(dataset, body.pictures)
