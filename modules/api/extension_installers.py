"""/easel/v1/extensions/{name}/installer: what an extension wants installed is installed when a person asks for it."""

from __future__ import annotations

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from modules.api.audit_log import note_own
from modules.api.extensions import check_may_change, state_named
from modules.api.routing import router
from modules.app.app import App
from modules.base.accounts import Role
from modules.base.limits import Name
from modules.plugins.installers import InstallerState


class InstallerDetails(BaseModel):
    state: InstallerState
    due: bool = Field(description="Whether it was not run since git has changed the extension's folder.")
    commit: str = Field(description="The extension's commit when it was run.")
    notes: list[str] = Field(description="What was installed and what was not, as sentences.")
    log: str = Field(description="The end of its output, also while it runs.")


def routes(app: App) -> APIRouter:
    api = router("extensions", "/easel/v1/extensions", Role.ADMINISTRATOR)

    @api.get("/{name}/installer")
    def installer(name: Name) -> InstallerDetails:
        """What came of the last run of an extension's installer."""
        return installer_details(app, name)

    @api.post("/{name}/installer", status_code=202)
    def start_installer(name: Name, request: Request) -> InstallerDetails:
        """Run an extension's installer, with all of Easel's rights; `state` tells when it ends."""
        check_may_change(app)
        app.installers.start(state_named(app, name).extension)
        note_own(app, request, "ran the installer of the extension", name)
        return installer_details(app, name)

    @api.delete("/{name}/installer", status_code=202)
    def stop_installer(name: Name, request: Request) -> InstallerDetails:
        """Stop an extension's installer, with all that it has started; what is installed already stays."""
        check_may_change(app)
        app.installers.stop(state_named(app, name).name)
        note_own(app, request, "stopped the installer of the extension", name)
        return installer_details(app, name)

    return api


def installer_details(app: App, name: str) -> InstallerDetails:
    extension = state_named(app, name).extension
    report = app.installers.report(name)
    return InstallerDetails(
        state=report.state, due=app.installers.is_due(extension), commit=report.commit, notes=list(report.notes),
        log=report.log,
    )
