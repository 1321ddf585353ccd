"""Changes of settings, an account's or the server's: permissions are checked, and names must exist. No torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from modules.app.app import App
from modules.base.accounts import Account, Role
from modules.base.errors import Invalid, ModelCorrupt, ModelMissing, UnknownName
from modules.base.fields import Choice, declared_params
from modules.base.limits import MAX_NAME
from modules.library.catalog import Catalog
from modules.library.library import Library
from modules.library.safety_checkers import find_safety_checker, safety_checker_files
from modules.plugins.setting_listeners import tell_changed_settings
from modules.settings.options import Settings, check_own_settings

UNKNOWN = object()
NO_FILE_CHOSEN = ("", "None", "Automatic")      # options in lists of files beside files


def change_defaults(app: App, account: Account, values: Mapping[str, Any], mine: bool) -> None:
    """Change some settings, all or none: the account's own if `mine` or it is no administrator's, else everybody's.

    Extensions that wait for a change of the server's settings are called. Raises Forbidden, Invalid, UnknownName or
    ModelCorrupt; then nothing has changed.
    """
    own = app.data_of(account.name).settings
    changed = own if mine or account.role < Role.ADMINISTRATOR else app.settings
    current = own.values()
    # unchanged values may name a missing file
    wanted = {name: value for name, value in values.items() if value != current.get(name, UNKNOWN)}
    if changed is not app.settings:
        check_own_settings(wanted)
    before = changed.values()
    changed.change(**{name: named_as_here(app.models, name, value) for name, value in wanted.items()})
    if changed is not own:
        own.forget(wanted)      # else the administrator's own values would hide the new ones
    if changed is app.settings:
        now = changed.values()
        tell_changed_settings(app.extensions, [name for name in wanted if now[name] != before[name]])


def named_as_here(library: Library, setting: str, value: Any) -> Any:
    """Return the value; for a setting that names a file, the file's own name.

    Raises Invalid naming the setting, UnknownName or ModelCorrupt.
    """
    param = declared_params(Settings).get(setting)
    find = FINDERS.get(str(param.widget.of)) if param and isinstance(param.widget, Choice) else None
    if find is None or not isinstance(value, str) or value in NO_FILE_CHOSEN:
        return value
    if len(value) > MAX_NAME:
        raise Invalid(
            f"The setting {setting} cannot be a name of {len(value):,} characters.",
            f"At most {MAX_NAME:,}.",
            field=setting,
        )
    if setting == "sd_model_checkpoint":
        return usable_checkpoint(library, value)
    try:
        return find(library, value)
    except UnknownName as error:
        raise Invalid(str(error), error.hint, field=setting) from error


def usable_checkpoint(library: Library, name: str) -> str:
    """Return the checkpoint's name. Raises UnknownName, or ModelCorrupt for a file known to be broken."""
    found = library.checkpoints.find(name)
    if found.problem:
        raise ModelCorrupt(found.problem)
    return found.name


def stem_of(catalog: Catalog, name: str) -> str:
    """Return the file's name without extension. Raises UnknownName."""
    if found := catalog.named(name):
        return found.model_name
    raise UnknownName(catalog.kind.name, name, [file.model_name for file in catalog.list()])


def safety_checker_name(library: Library, name: str) -> str:
    """Return the safety checker's name. Raises UnknownName, or ModelCorrupt for a file known to be broken."""
    try:
        return find_safety_checker(library, name).name
    except ModelMissing as error:
        raise UnknownName("safety checker", name, [file.name for file in safety_checker_files(library)]) from error


FINDERS: Mapping[str, Callable[[Library, str], str]] = {      # a list's name → the function that finds a name in it
    "checkpoints": usable_checkpoint,
    "vaes": lambda library, name: library.vaes.find(name).name,
    "upscalers": lambda library, name: library.upscaler(name),
    "loras": lambda library, name: stem_of(library.loras, name),
    "safety_checkers": safety_checker_name,
    "hypernetworks": lambda library, name: stem_of(library.hypernetworks, name),
}
