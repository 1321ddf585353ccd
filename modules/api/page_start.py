"""/easel/v1: the page's start: the model, the person's choice of one, and the sound of a job's end."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import FileResponse
from pydantic import Field

from modules.api.routing import KnownFields, account, owner, router, sent_as
from modules.app.app import App
from modules.base.accounts import Role
from modules.base.errors import UnknownName
from modules.base.limits import JsonObject, Name
from modules.requests.choices import choices_now, file_problems, missing_folder
from modules.requests.model_choice import FormStarts, checkpoint_named, standing_choice
from modules.requests.own_defaults import save_own_defaults
from modules.settings.options import Settings

SOUND = "notification.mp3"      # in the data folder, where A1111 has it


class ModelChoice(KnownFields):
    """What the page's first row chooses; a missing field stays as it was chosen before."""

    sd_model_checkpoint: Name | None = None
    sd_vae: Name | None = None
    CLIP_stop_at_last_layers: Annotated[int, Field(ge=1, le=12)] | None = None


class FormDefaults(KnownFields):
    tab: Literal["txt2img", "img2img", "extras"]
    values: JsonObject = Field(description="By field; null is the program's own again.")


def routes(app: App) -> APIRouter:
    api, starts = router("page", "/easel/v1", Role.GUEST), FormStarts(app)

    @api.get("/state")
    def state(
        request: Request, checkpoint: Annotated[str, Query(max_length=500)] = "",
        seen: Annotated[str, Query(max_length=64)] = "",
    ) -> dict[str, Any]:
        """The model in memory, the queue, and the forms' defaults with that checkpoint, or with the caller's.

        `worker.retry` is the number of seconds until a crashed worker is started again; 0 if none waits. `keeper`: the
        caller may do that at once. `sound` is the volume of the sound at a job's end, from 0 to 1. `form` is the
        version of `defaults` and `examples`, which are left out for who has `seen` that one.
        """
        state, choice = app.jobs.status.state, standing_choice(app, owner(request))
        named = checkpoint_named(app, checkpoint or choice["sd_model_checkpoint"] or "")
        start = starts.of(owner(request), named)
        return {
            "model": {"loading": state.loading, "loaded": state.loaded, "error": state.error},
            "worker": {"phase": app.jobs.status.health.phase, "retry": math.ceil(app.jobs.status.retry_in)},
            "keeper": account(request).role >= Role.ADMINISTRATOR,
            "queue": len(app.jobs.unfinished.running()),
            "mine": len(app.queue.unfinished(owner(request))),
            "queue_mode": app.jobs.mode,
            "sound": sound_volume(app, app.data_of(owner(request)).settings.current),
            "choice": choice,
            "form": start.version,
            **(start.values if start.version != seen else {"edits": start.values["edits"]}),
        }

    @api.post("/choice", status_code=204)
    def choose(choice: ModelChoice, request: Request) -> None:
        """Remember the caller's model, VAE or clip skip, for the next page they open.

        The server's settings stay as they are.
        """
        if choice.sd_model_checkpoint:
            app.models.checkpoints.find(choice.sd_model_checkpoint)
        app.choices.remember(owner(request), choice.model_dump(exclude_none=True))

    @api.post("/form-defaults", status_code=204)
    def form_defaults(body: FormDefaults, request: Request) -> None:
        """Let a tab's form begin with these values from now on: they are written into your ui-config.json."""
        save_own_defaults(app, owner(request), body.tab, body.values)

    add_choices(api, app)
    return api


def add_choices(api: APIRouter, app: App) -> None:
    """Add the routes of the files to choose from, and of the sound."""

    @api.get("/choices")
    def choices(request: Request) -> dict[str, Any]:
        """The files to choose from, as `lists` of (label, value) by name, and `problems` with them.

        `missing_folder` is the folder to put a checkpoint into if there is none.
        """
        mine = app.data_of(owner(request))
        return {
            "lists": choices_now(app, mine),
            "problems": file_problems(app, mine),
            "missing_folder": missing_folder(app, mine),
        }

    @api.post("/choices/refresh")
    def refresh_choices(request: Request) -> dict[str, Any]:
        """Read the folders again, and answer the files to choose from."""
        app.cards.look_again()
        return choices(request)

    @api.get("/notification.mp3", **sent_as("audio/mpeg"))
    def sound() -> FileResponse:
        """The sound of a job's end, if there is such a file in the data folder."""
        if sound_file(app).is_file():
            return FileResponse(sound_file(app))
        raise UnknownName("sound", SOUND, [])


def sound_file(app: App) -> Path:
    return app.flags.paths.data_dir / SOUND


def sound_volume(app: App, settings: Settings) -> float | None:
    """Return the volume, from 0 to 1; None if no sound is wanted or there is none."""
    return settings.notification_volume / 100 if settings.notification_audio and sound_file(app).is_file() else None
