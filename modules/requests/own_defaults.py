"""What an account's forms begin with by its own choice: values in its ui-config.json, under A1111's keys. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from modules.app.account_data import AccountData
from modules.app.app import App
from modules.base.errors import Unwritable, sentence
from modules.base.fields import declared_params, form_defaults
from modules.base.files import kept_while_unchanged
from modules.requests.kinds import JOB_KINDS, JobKind
from modules.requests.read_fields import check_known, read_fields
from modules.settings.ui_config import UI_CONFIG, is_like, read_ui_config, ui_config_in, write_ui_config

ONE_VALUE = bool | int | float | str
NO_OWN_VALUES: Mapping[str, Any] = MappingProxyType({})


def own_defaults_file(mine: AccountData) -> Path:
    """Return the account's file: the local account's is A1111's own, beside the settings."""
    return mine.paths.settings_file.with_name(UI_CONFIG)


def config_key(kind: JobKind, label: str) -> str:
    return f"{kind.name}/{label}/value"


def own_defaults(mine: AccountData, kind: JobKind) -> dict[str, Any]:
    """Return field → value, of the fields that the file has another value for than the program."""
    told, usual = own_values(mine), form_defaults(kind.request)
    found = {
        name: told[key]
        for name, param in declared_params(kind.request).items()
        if isinstance(usual[name], ONE_VALUE) and (key := config_key(kind, param.label)) in told
    }
    return {name: value for name, value in found.items() if value != usual[name] and is_like(value, usual[name])}


def save_own_defaults(app: App, owner: str, tab: str, values: Mapping[str, Any]) -> None:
    """Write what a tab's form shall begin with; None is the program's own again, and other keys stay.

    Raises Invalid naming the field, UnknownName for the tab, Unwritable.
    """
    kind = JOB_KINDS[tab]
    usual, params = form_defaults(kind.request), declared_params(kind.request)
    check_known(values, [name for name, value in usual.items() if isinstance(value, ONE_VALUE)])
    read_fields(kind.request, {name: value for name, value in values.items() if value is not None})
    path = own_defaults_file(app.data_of(owner))
    changed = {config_key(kind, params[name].label): value for name, value in values.items()}
    with app.extensions.ui_config.writing:
        told = told_before(path) | changed
        write_ui_config(path, {key: value for key, value in told.items() if value is not None or key not in changed})
    if path == app.extensions.ui_config.path:
        app.extensions.ui_config.reread()


def told_before(path: Path) -> dict[str, Any]:
    """Return what the file says, to change some of it. Raises Unwritable for one that cannot be read."""
    try:
        return ui_config_in(path)
    except (OSError, ValueError, RecursionError) as error:
        raise Unwritable(f"{path.name} cannot be read: {sentence(error)}", "Mend it, or move it away.") from error


def own_values(mine: AccountData) -> Mapping[str, Any]:
    """Return what the account's file says now: the same object until it has changed."""
    try:
        return read_unchanged(own_defaults_file(mine))
    except OSError:
        return NO_OWN_VALUES


@kept_while_unchanged
def read_unchanged(path: Path) -> Mapping[str, Any]:
    return read_ui_config(path)
