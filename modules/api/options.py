"""Settings over HTTP: GET and POST /sdapi/v1/options, and the command line's flags."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Body, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from modules.api.audit_log import note_own
from modules.api.routing import account, owner, router
from modules.app.app import App
from modules.base.accounts import LOCAL_OWNER, Account, Role
from modules.base.limits import JsonObject
from modules.requests.captions import CAPTION_SETTINGS
from modules.requests.model_choice import standing_checkpoint
from modules.requests.settings_change import change_defaults
from modules.settings.file import SettingsFile
from modules.settings.foreign import A1111_SETTINGS
from modules.settings.options import Settings

# settings of A1111's without a field that have an effect all the same
HEEDED = {"localization", "quicksettings_list", *CAPTION_SETTINGS}


class OptionsReply(BaseModel):
    ignored: list[str]      # settings of A1111's that Easel does not have


def routes(app: App) -> APIRouter:
    api = router("settings", "/sdapi/v1", Role.GUEST)

    @api.get("/options", response_model=Settings)
    def get_options(request: Request) -> Response:
        """All settings under A1111's names with the caller's values, also those without effect here."""
        return JSONResponse(options_of(app, app.data_of(owner(request)).settings))

    @api.post("/options")
    def set_options(values: Annotated[JsonObject, Body()], request: Request, mine: bool = False) -> OptionsReply:
        """Change some settings, all or none. What GET gave may be posted back; null means "leave it".

        Where there are accounts each changes what holds for itself. An administrator changes what holds for all who
        have not changed it, or with `mine` only what holds for the administrator. Some settings are the server's:
        another's request to change one is a 403.
        Settings that A1111 has and Easel has not are remembered, do nothing and are named in the reply, so that
        programs written for A1111, and dumps of its settings, work. Any other unknown name is refused: it is a slip of
        the pen, and silently taken it would look as if it had worked.
        """
        ignored = change(app, account(request), values, mine)
        if account(request).role >= Role.ADMINISTRATOR and not mine:
            note_own(app, request, "changed everybody's settings", ", ".join(sorted(values)))
        return OptionsReply(ignored=ignored)

    @api.get("/cmd-flags")
    def cmd_flags() -> dict[str, Any]:
        """The flags that the server was started with, without accounts and passwords."""
        return {name: json_value(value) for name, value in app.flags.public().items()}

    return api


def options_of(app: App, settings: SettingsFile) -> dict[str, Any]:
    """Return the settings, the checkpoint named as in the model list."""
    checkpoint = standing_checkpoint(app, settings.current)
    title = checkpoint.title if checkpoint else ""
    return asdict(replace(settings.current, sd_model_checkpoint=title)) | settings.foreign


def as_shown(app: App, settings: Settings) -> tuple[str, ...]:
    """Return the titles under which `options_of` may have shown the checkpoint: with a hash once its file was read."""
    checkpoint = standing_checkpoint(app, settings)
    return (checkpoint.title, checkpoint.name) if checkpoint else ()


def change(app: App, account: Account, values: Mapping[str, Any], mine: bool) -> list[str]:
    """Change settings; return the names without effect. Raises as `change_defaults` does; then nothing has changed."""
    given = {name: value for name, value in values.items() if value is not None}
    if given.get("sd_model_checkpoint") in ("", *as_shown(app, app.data_of(account.name).settings.current)):
        del given["sd_model_checkpoint"]      # unchanged since it was read, so perhaps nobody's choice
    change_defaults(app, account, given, mine)
    if "sd_model_checkpoint" in given and account.role >= Role.ADMINISTRATOR and not mine:
        app.choices.forget(LOCAL_OWNER)      # the next start loads the last choice
    return sorted(values.keys() & A1111_SETTINGS.keys() - HEEDED)


def json_value(value: Any) -> Any:
    if isinstance(value, Path):
        return value.name
    return [json_value(each) for each in value] if isinstance(value, tuple) else value
