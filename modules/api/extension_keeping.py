"""/easel/v1/extension-…: what the Extensions tab asks for beyond the list: updates, an index, backups, a restart."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from modules.api.audit_log import note_own
from modules.api.extensions import all_states, check_may_change, set_enabled, state_named
from modules.api.routing import KnownFields, router
from modules.app.app import App
from modules.base.accounts import Role
from modules.base.border import outcome
from modules.base.errors import WebUIError
from modules.base.limits import MAX_NAME, MAX_PATH, Id, Name
from modules.plugins.code_reading import code_facts
from modules.plugins.index import INDEX_ADDRESS, read_index
from modules.plugins.repository import repository_of
from modules.plugins.state_files import SavedExtension, SavedState, StateFiles
from modules.plugins.switches import DISABLED
from modules.plugins.update_check import bring_to, newer_commits

ALL_OFF = "disable_all_extensions"      # A1111's setting


class KeepingState(BaseModel):
    """What holds for all extensions."""

    why_not: str = Field(description="Why extensions cannot be changed from here; empty if they can.")
    disable_all: str = Field(description="`none`, `extra` or `all`, as A1111's setting has it.")
    index: str = Field(description="The address of A1111's index. Nothing is asked of it by itself.")
    started: float = Field(description="When this server began, in seconds since 1970.")
    can_restart: bool


class KeepingChange(KnownFields):
    disable_all: Literal["none", "extra", "all"]


class IndexSource(KnownFields):
    source: str = Field(max_length=MAX_PATH, description="An https address, or a .json file below the data folder.")


class BackupName(KnownFields):
    name: str = Field("", max_length=MAX_NAME)


def routes(app: App) -> APIRouter:
    api = router("extensions", "", Role.ADMINISTRATOR)
    api.include_router(keeping_routes(app))
    api.include_router(backup_routes(app))
    return api


def keeping_routes(app: App) -> APIRouter:
    api = router("extensions", "/easel/v1", Role.ADMINISTRATOR)

    @api.get("/extension-keeping")
    def keeping() -> KeepingState:
        """What holds for all extensions, and whether they can be changed from here."""
        refused = outcome(check_may_change, app)
        return KeepingState(
            why_not=f"{refused} {refused.hint}" if isinstance(refused, WebUIError) else "",
            disable_all=app.settings.foreign.get(ALL_OFF, "none"), index=INDEX_ADDRESS,
            started=app.restart.began, can_restart=app.restart.end is not None,
        )

    @api.post("/extension-keeping", status_code=204)
    def change_keeping(asked: KeepingChange, request: Request) -> None:
        """Switch all extensions off, or back to their own switches, from the next start."""
        check_may_change(app)
        app.settings.keep(ALL_OFF, asked.disable_all)
        note_own(app, request, "set which extensions are off to", asked.disable_all)

    @api.get("/extensions/{name}/code")
    def code(name: Name) -> dict[str, Any]:
        """What reading an extension's code tells: what it does, and packages that are not installed."""
        return asdict(code_facts(state_named(app, name).extension))

    @api.post("/extensions/{name}/newer")
    def newer(name: Name) -> dict[str, Any]:
        """Ask an extension's repository for what is newer; nothing is changed."""
        check_may_change(app)
        return asdict(newer_commits(state_named(app, name).extension.folder))

    @api.post("/extension-index")
    def index(asked: IndexSource) -> dict[str, Any]:
        """Read a list of extensions that can be installed."""
        check_may_change(app)
        return asdict(read_index(asked.source, app.flags.paths.data_dir))

    @api.post("/restart", status_code=202)
    def restart(request: Request) -> dict[str, float]:
        """End this server and begin it anew, with the same flags. Jobs that are not done go on afterwards."""
        check_may_change(app)
        note_own(app, request, "began the server anew")
        app.restart.ask()
        return {"started": app.restart.began}

    return api


def backup_routes(app: App) -> APIRouter:
    api = router("extensions", "/easel/v1", Role.ADMINISTRATOR)
    files = StateFiles(app.flags.paths.data_dir)

    @api.get("/extension-states")
    def states() -> list[dict[str, Any]]:
        """The backups of which extensions there were, the newest first."""
        return [asdict(state) for state in files.all()]

    @api.post("/extension-states")
    def save(asked: BackupName) -> dict[str, Any]:
        """Note which extensions there are, at which commits and whether they are on."""
        return asdict(files.save(asked.name, [saved_now(app, state.name) for state in all_states(app)]))

    @api.post("/extension-states/{state}/restore")
    def restore(state: Id, request: Request) -> dict[str, list[str]]:
        """Bring the extensions to a backup's commits and switches, from the next start; `told` is what could not be."""
        check_may_change(app)
        told = restore_backup(app, files.find(state))
        note_own(app, request, "restored the extensions of a backup", state)
        return {"told": told}

    return api


def saved_now(app: App, name: str) -> SavedExtension:
    state = state_named(app, name)
    found = repository_of(state.extension.folder)
    return SavedExtension(
        name, name not in app.settings.foreign[DISABLED], found.remote, found.branch, found.commit,
        found.changed,
    )


def restore_backup(app: App, state: SavedState) -> list[str]:
    """Restore a backup; returns, as sentences, what could not be."""
    there = {each.name: each.extension for each in all_states(app)}
    told = []
    for saved in state.extensions:
        if saved.name not in there:
            told.append(f"{saved.name} is not installed{f': it came from {saved.remote}' if saved.remote else ''}.")
            continue
        set_enabled(app, saved.name, saved.enabled)
        folder = there[saved.name].folder
        if saved.commit_hash and saved.commit_hash != repository_of(folder).commit:
            failed = outcome(bring_to, folder, saved.commit_hash)
            if isinstance(failed, WebUIError):
                told.append(f"{saved.name} stays at its commit: {failed}")
    for name in there.keys() - {each.name for each in state.extensions}:
        set_enabled(app, name, False)
        told.append(f"{name} is not in the backup: it is switched off.")
    return told
