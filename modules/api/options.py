"""Settings over HTTP: GET and POST /sdapi/v1/options, and the command line's flags."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Body
from pydantic import BaseModel

from modules.api.foreign import FOREIGN
from modules.api.routing import router
from modules.app.app import App
from modules.base.errors import ModelCorrupt, UnknownName
from modules.engine.jobs import LOCAL
from modules.models.catalog import ModelFile
from modules.settings.options import Settings


class OptionsReply(BaseModel):
    ignored: list[str]      # settings of A1111's that Easel does not have


def routes(app: App) -> APIRouter:
    api = router("settings", "/sdapi/v1")

    @api.get("/options")
    def get_options() -> Settings:
        """All settings, under A1111's names."""
        return shown(app)

    @api.post("/options")
    def set_options(values: Annotated[dict[str, Any], Body()]) -> OptionsReply:
        """Change some settings, all or none. What GET gave may be posted back; null means "leave it".

        Settings that A1111 has and Easel has not do nothing and are named in the reply, so that programs written for
        A1111, and dumps of its settings, work. Any other unknown name is refused: it is a slip of the pen, and silently
        taken it would look as if it had worked.
        """
        return OptionsReply(ignored=change(app, values))

    @api.get("/cmd-flags")
    def cmd_flags() -> dict[str, Any]:
        """How the server was started; accounts and passwords are left out."""
        return {name: plain(value) for name, value in app.flags.public().items()}

    return api


def shown(app: App) -> Settings:
    """The settings, the checkpoint named as the model list names it."""
    checkpoint = chosen(app)
    return replace(app.settings.current, sd_model_checkpoint=checkpoint.title if checkpoint else "")


def chosen(app: App) -> ModelFile | None:
    """The model used if nobody says otherwise; None if there is none, or its file has gone."""
    name = app.settings.current.sd_model_checkpoint
    try:
        return app.models.checkpoints.find(name) if name else app.models.checkpoints.default()
    except UnknownName:
        return None


def change(app: App, values: Mapping[str, Any]) -> list[str]:
    """Returns the names that mean nothing here. Raises Invalid, UnknownName or ModelCorrupt; then nothing has changed."""
    ignored = sorted(values.keys() & FOREIGN)
    given = {name: value for name, value in values.items() if value is not None and name not in FOREIGN}
    wanted = given.get("sd_model_checkpoint")
    if wanted and wanted != shown(app).sd_model_checkpoint:
        given["sd_model_checkpoint"] = usable(app, str(wanted)).name
    elif "sd_model_checkpoint" in given:
        del given["sd_model_checkpoint"]      # as it was read: it need not have been chosen by anyone
    app.settings.change(**given)
    if "sd_model_checkpoint" in given:
        app.choices.forget(LOCAL)      # what is chosen last is what the next start loads first
    return ignored


def usable(app: App, name: str) -> ModelFile:
    """Raises UnknownName, or ModelCorrupt for a file that is known to be broken."""
    checkpoint = app.models.checkpoints.find(name)
    if checkpoint.problem:
        raise ModelCorrupt(checkpoint.problem)
    return checkpoint


def plain(value: Any) -> Any:
    if isinstance(value, Path):
        return value.name
    return [plain(each) for each in value] if isinstance(value, tuple) else value
