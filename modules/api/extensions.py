"""/sdapi/v1/extensions and /easel/v1/extensions: which extensions there are, switched, installed and updated."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from modules.api.audit_log import note_own
from modules.api.routing import KnownFields, router
from modules.app.app import App
from modules.base.accounts import Role
from modules.base.errors import Forbidden, UnknownName
from modules.base.limits import MAX_NAME, MAX_PATH, Name
from modules.plugins.git_install import install_from_address, switch_extension, update_extension
from modules.plugins.host import IN_USE, SWITCHED_OFF, ExtensionState
from modules.plugins.installers import InstallerState
from modules.plugins.manifest import find_extensions
from modules.plugins.repository import repository_of
from modules.plugins.scripts import SCRIPT_TABS
from modules.plugins.switches import DISABLED, ENABLED_EXAMPLES, LoadingMarker, keep_switch, waits_for_consent
from modules.plugins.update_check import earlier_commits
from modules.settings.flags import LOOPBACK

NOT_YET = "It has come since the start, and is loaded at the next."
MOST_EARLIER = 10


class ExtensionItem(BaseModel):
    """An extension as A1111 tells of it."""

    name: str
    remote: str = Field(description="The address it came from; empty if its folder does not say.")
    branch: str
    commit_hash: str
    version: str = Field(description="The first characters of the commit.")
    commit_date: str = Field(description="When that commit was put there.")
    enabled: bool


class ExtensionDetails(ExtensionItem):
    state: str = Field(description="`loaded`, `off` or `failed`.")
    why: str = Field(description="Why it is off or has failed, or what of it is not used.")
    errors: list[str] = Field(description="Its last errors.")
    seconds: dict[str, float] = Field(description="Time spent in its code, by moment.")
    scripts: list[str]
    settings: list[str]
    licence: str = Field(description="The name of its licence's file.")
    wanted: bool = Field(description="Whether it is switched on for the next start.")
    earlier: list[str] = Field(description="Commits that it was at before, the last one first.")
    installer: InstallerState = Field(description="What came of its installer; `never`: it was not run.")
    installer_due: bool = Field(description="Whether it has one that was not run since git has changed its folder.")


class ExtensionSwitch(KnownFields):
    enabled: bool


class ExtensionAddress(KnownFields):
    url: str = Field(max_length=MAX_PATH, description="The https address of a git repository.")


class ExtensionCommit(KnownFields):
    commit: str = Field("", max_length=MAX_NAME, description="The commit to go back to; empty: the newest.")


class ExtensionChange(BaseModel):
    name: str
    before: str = Field(description="The commit that it was at.")
    after: str
    restart: bool = Field(description="Whether the change holds from the next start only.")


def routes(app: App) -> APIRouter:
    api = router("extensions", "", Role.ADMINISTRATOR)

    @api.get("/sdapi/v1/extensions")
    def a1111_list() -> list[ExtensionItem]:
        """The extensions, as A1111 tells of them."""
        return [ExtensionItem(**item_of(state)) for state in all_states(app)]

    @api.get("/easel/v1/extensions")
    def details() -> list[ExtensionDetails]:
        """The extensions with their states, errors and times."""
        return [details_of(app, state) for state in all_states(app)]

    @api.post("/easel/v1/extensions")
    def install(asked: ExtensionAddress, request: Request) -> ExtensionChange:
        """Install an extension from a git repository. It has all of Easel's rights, from the next start."""
        check_may_change(app)
        folder = install_from_address(asked.url, app.extensions.root)
        set_enabled(app, folder.name, True)
        note_own(app, request, "installed the extension", folder.name)
        return ExtensionChange(name=folder.name, before="", after=repository_of(folder).commit, restart=True)

    @api.post("/easel/v1/extensions/{name}")
    def switch(name: Name, asked: ExtensionSwitch, request: Request) -> ExtensionChange:
        """Switch an extension on or off, from the next start."""
        check_may_change(app)
        state = state_named(app, name)
        set_enabled(app, name, asked.enabled)
        note_own(app, request, f"switched {'on' if asked.enabled else 'off'} the extension", name)
        commit = repository_of(state.extension.folder).commit
        return ExtensionChange(name=name, before=commit, after=commit, restart=True)

    @api.post("/easel/v1/extensions/{name}/update")
    def update(name: Name, asked: ExtensionCommit, request: Request) -> ExtensionChange:
        """Bring an extension to its newest commit, or back to one that it was at."""
        check_may_change(app)
        folder = state_named(app, name).extension.folder
        before = repository_of(folder)
        if asked.commit:
            switch_extension(folder, asked.commit)
        else:
            update_extension(folder)
        note_own(app, request, "updated the extension", name)
        return ExtensionChange(name=name, before=before.commit, after=repository_of(folder).commit, restart=True)

    return api


def check_may_change(app: App) -> None:
    """Raise Forbidden where others can reach the server, unless a flag allows it."""
    if app.flags.host not in LOOPBACK and not app.flags.enable_insecure_extension_access:
        raise Forbidden(
            "Extensions are not changed over the network.",
            "Start Easel with --enable-insecure-extension-access, or change them at its own computer.",
        )


def all_states(app: App) -> list[ExtensionState]:
    """Return all extensions, with those whose folders have come since the start."""
    known = {state.name for state in app.extensions.extensions}
    new = [each for each in find_extensions(app.extensions.root) if each.name not in known]
    states = [*app.extensions.extensions, *(ExtensionState(each, SWITCHED_OFF, NOT_YET) for each in new)]
    return [state for state in states if state.extension.folder.is_dir()]


def state_named(app: App, name: str) -> ExtensionState:
    known = {state.name: state for state in all_states(app)}
    if name not in known:
        raise UnknownName("extension", name, known)
    return known[name]


def set_enabled(app: App, name: str, enabled: bool) -> None:
    extension, reached = state_named(app, name).extension, app.flags.host not in LOOPBACK
    keep_switch(app.settings, app.flags.paths.cache, extension, enabled, for_others=reached)


def is_wanted(app: App, name: str) -> bool:
    crashed = LoadingMarker(app.flags.paths.cache, app.extensions.process).crashed()
    foreign, extension = app.settings.foreign, state_named(app, name).extension
    if waits_for_consent(app.flags, foreign, extension):
        return False
    switched_on = name in foreign[ENABLED_EXAMPLES] if extension.is_example else True
    return switched_on and name not in (*foreign[DISABLED], *crashed)


def item_of(state: ExtensionState) -> dict[str, Any]:
    found = repository_of(state.extension.folder)
    when = datetime.fromtimestamp(found.changed, UTC).isoformat() if found.changed else ""
    return {
        "name": state.name, "remote": found.remote, "branch": found.branch, "commit_hash": found.commit,
        "version": found.commit[:8], "commit_date": when, "enabled": state.state == IN_USE,
    }


def details_of(app: App, state: ExtensionState) -> ExtensionDetails:
    host, licence = app.extensions, state.extension.licence
    scripts = {each.title for tab in SCRIPT_TABS for each in host.scripts(tab) if each.extension == state.name}
    return ExtensionDetails(
        **item_of(state), state=state.state, why=state.why, errors=state.told[-10:],
        seconds={moment: round(spent, 3) for moment, spent in state.seconds.items()}, scripts=sorted(scripts),
        settings=[key for key, owner in host.owners.items() if owner == state.name],
        licence=licence.name if licence else "", wanted=is_wanted(app, state.name),
        earlier=earlier_commits(state.extension.folder)[:MOST_EARLIER],
        installer=app.installers.report(state.name).state, installer_due=app.installers.is_due(state.extension),
    )
