"""/easel/v1: a job's pictures as one zip, and the folder that they are in, opened on one's own computer."""

from __future__ import annotations

import asyncio
import os
import platform
import subprocess
from functools import partial
from pathlib import Path, PurePosixPath
from urllib.parse import quote

from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field

from modules.api.routing import KnownFields, owner, router, sent_as
from modules.app.app import App
from modules.base.accounts import Role
from modules.base.errors import UnknownName
from modules.base.limits import Id, Index
from modules.gallery.bundles import zip_of
from modules.imaging.folders import content_of
from modules.requests.patterns import OUTPUTS_PREFIX, below_outputs
from modules.requests.saving_by_hand import pictures_there, zip_name
from modules.store.jobs import JobRecord

FILE_MANAGERS = {"Darwin": ("open",), "Windows": ("explorer",)}
USUAL_FILE_MANAGER = ("xdg-open",)
SCREENS = ("DISPLAY", "WAYLAND_DISPLAY")      # without one there is no window to open


class ShownFolderBody(KnownFields):
    job: Id | None = Field(None, description="Whose newest picture's folder is meant; without, that of pictures.")
    index: Index | None = Field(None, description="The picture's; without, the job's first.")


class ShownFolderReply(BaseModel):
    folder: str      # below the folder of outputs
    opened: bool     # in this computer's file manager


def routes(app: App) -> APIRouter:
    api = router("jobs", "/easel/v1", Role.GUEST)

    @api.get("/jobs/{job}/zip", **sent_as("application/zip"))
    def zipped(job: Id, request: Request) -> StreamingResponse:
        """All pictures of a job as one zip, each file as it is; named by `grid_zip_filename_pattern`."""
        record = app.jobs.get(job, owner(request))
        there = pictures_there(record.pictures)
        files = [Path(picture.path) for picture in there]
        if not files:
            raise UnknownName("picture", job, [])
        name = quote(zip_name(record, there, app.data_of(owner(request)).settings.current))
        return StreamingResponse(
            zip_of((PurePosixPath(path.name), partial(content_of, path)) for path in files),
            media_type="application/zip",
            headers={"Content-Disposition": f"attachment; filename*=UTF-8''{name}.zip"},
        )

    @api.post("/folder")
    async def folder(body: ShownFolderBody, request: Request) -> ShownFolderReply:
        """The folder of a picture; where nobody else may use the server it is opened in the file manager too."""
        name, outputs = owner(request), app.flags.paths.outputs
        record = app.jobs.get(body.job, name) if body.job else None
        found = picture_folder(record, body.index) or usual_folder(app, name)
        opened = not app.flags.shared and await asyncio.to_thread(open_folder, found)
        inside = found.is_relative_to(outputs)
        shown = f"{OUTPUTS_PREFIX}/{found.relative_to(outputs).as_posix()}" if inside else ""
        return ShownFolderReply(folder=shown, opened=opened)

    return api


def picture_folder(record: JobRecord | None, index: int | None) -> Path | None:
    """Return the folder of a job's saved picture; None if there is none."""
    pictures = record.pictures if record else ()
    saved = [each for each in pictures if each.saved and index in (None, each.index)]
    return Path(saved[0].path).parent if saved and Path(saved[0].path).parent.is_dir() else None


def usual_folder(app: App, name: str) -> Path:
    """Return the folder of txt2img's pictures, or where there is none yet that of all pictures."""
    mine = app.data_of(name)
    settings, outputs = mine.settings.current, mine.paths.outputs
    found = outputs.joinpath(*below_outputs(settings.outdir_samples or settings.outdir_txt2img_samples))
    return found if found.is_dir() else outputs


def open_folder(folder: Path) -> bool:
    """Show a folder in the file manager of this computer; return whether there is one."""
    command = FILE_MANAGERS.get(platform.system(), USUAL_FILE_MANAGER)
    if command == USUAL_FILE_MANAGER and not any(os.environ.get(name) for name in SCREENS):
        return False
    nothing = subprocess.DEVNULL
    try:
        subprocess.Popen(
            (*command, str(folder)), stdin=nothing, stdout=nothing, stderr=nothing, start_new_session=True
        )
    except OSError:
        return False
    return True
