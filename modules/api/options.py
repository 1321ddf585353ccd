"""Settings over HTTP: GET and POST /sdapi/v1/options, and the command line's flags."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Body

from modules.app.app import App
from modules.base.errors import Invalid
from modules.models.catalog import Checkpoint
from modules.settings.options import NAMES, Settings


def routes(app: App) -> APIRouter:
    router = APIRouter(prefix="/sdapi/v1", tags=["settings"])

    @router.get("/options")
    def get_options() -> Settings:
        """All settings, under A1111's names."""
        return shown(app)

    @router.post("/options")
    def set_options(values: Annotated[dict[str, Any], Body()]) -> None:
        """Change some settings, all or none. What GET gave may be posted back, nulls mean "leave it".

        An unknown name is an error: silently taken, it would look as if it had worked.
        """
        change(app, values)

    @router.get("/cmd-flags")
    def cmd_flags() -> dict[str, Any]:
        """How the server was started; accounts and passwords are left out."""
        return {name: plain(value) for name, value in app.flags.public().items()}

    return router


def shown(app: App) -> Settings:
    """The settings, the checkpoint named as the model list names it."""
    settings = app.settings.current
    checkpoint = chosen(app)
    return Settings(**asdict(settings) | {"sd_model_checkpoint": checkpoint.title if checkpoint else ""})


def chosen(app: App) -> Checkpoint | None:
    name = app.settings.current.sd_model_checkpoint
    return app.catalog.find(name) if name else app.catalog.default()


def change(app: App, values: dict[str, Any]) -> None:
    """Raises Invalid or UnknownName; then nothing has changed."""
    given = {name: value for name, value in values.items() if value is not None}
    for name in given:
        if name not in NAMES:
            raise Invalid(f"There is no setting called {name!r}.", "GET /sdapi/v1/options lists them.", field=name)
    if given.get("sd_model_checkpoint"):
        given["sd_model_checkpoint"] = app.catalog.find(str(given["sd_model_checkpoint"])).name
    app.settings.change(**given)


def plain(value: Any) -> Any:
    if isinstance(value, Path):
        return value.name
    return [plain(each) for each in value] if isinstance(value, tuple) else value
