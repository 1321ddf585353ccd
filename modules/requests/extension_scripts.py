"""What a request asks of extensions' scripts: their arguments, in the order of their controls. No torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from modules.base.errors import Invalid, UnknownName
from modules.base.fields import with_values
from modules.params.scripts import NO_SCRIPT
from modules.params.txt2img import Generation
from modules.plugins.host import Host
from modules.plugins.native import known_arguments, named_native, read_pairs_of_extensions
from modules.plugins.scripts import SCRIPT_TABS, LoadedScript
from modules.requests.own_sampling import with_known_sampling
from modules.settings.foreign import remembered

R = TypeVar("R")
ALWAYS_ON = "alwayson_scripts"              # keys of a job's parameters
EXTENSION_SCRIPT = "extension_script"
EXTENSION_SETTINGS, OVER_API = "extension_settings", "over_api"
MOST_ARGUMENTS = 1000                       # of one script


def extension_params(
    host: Host, kind: str, request: R, given: Mapping[str, Any]
) -> tuple[R, dict[str, Any], list[str]]:
    """Return the request without its extension's script, what its job is told of scripts, and notes for the person.

    given: A1111's `alwayson_scripts`: title → {"args": list or object} or {"named": object}
    Raises Invalid for a title that no always-on script has, and for arguments that are none.
    """
    scripts, notes = host.scripts(kind) if kind in SCRIPT_TABS else [], list[str]()
    request, given = with_native_arguments(host, request, given)
    request, params = with_known_sampling(host, request)
    if given:
        params[ALWAYS_ON] = {
            script.title: arguments_of(script, values, notes) for script, values in found_scripts(scripts, given)
        }
    if isinstance(request, Generation) and (chosen := chosen_script(scripts, request.script_name)):
        arguments = arguments_of(chosen, {"args": list(request.script_args)}, notes)
        params[EXTENSION_SCRIPT] = {"title": chosen.title, "args": arguments}
        request = replace(request, script_name="", script_args=())
    return request, params, notes


def told_to_extensions(host: Host, settings: Mapping[str, Any], over_api: bool) -> dict[str, Any]:
    """Return what a job is told for its extensions alone: settings of theirs, and whether a program has asked for it.

    settings: those that were given for this job. Raises Invalid for a value that is impossible.
    """
    if not host.active:
        return {}
    usual = {name: option.default for name, option in host.options.items() if not option.restrict_api}
    own = remembered({name: value for name, value in settings.items() if name in usual}, usual)
    return ({EXTENSION_SETTINGS: own} if own else {}) | ({OVER_API: True} if over_api else {})


def with_native_arguments(host: Host, request: R, given: Mapping[str, Any]) -> tuple[R, Mapping[str, Any]]:
    """Return the request with the checked arguments of extensions of Easel's own API, and the other scripts' values.

    A1111's clients may send them as `alwayson_scripts` too. Raises Invalid or UnknownName.
    """
    if not isinstance(request, Generation):
        return request, given
    natives = host.natives()
    own = {title: native.name for title in given if (native := named_native(natives, title))}
    values = {**request.extensions, **{name: named_values(given[title]) for title, name in own.items()}}
    others = {title: value for title, value in given.items() if title not in own}
    return with_values(request, extensions=known_arguments(natives, values)), others


def named_values(given: Any) -> Any:
    """Return the arguments by name in A1111's {"args": {…}} or {"named": {…}}; other values as they are."""
    found = (given.get("named") or given.get("args")) if isinstance(given, Mapping) else None
    return found if isinstance(found, Mapping) else given


def found_scripts(scripts: Sequence[LoadedScript], given: Mapping[str, Any]) -> list[tuple[LoadedScript, Any]]:
    """Return the always-on script of each title, which is compared without case."""
    known = {script.title.lower(): script for script in scripts if script.always_on}
    for title in given:
        if title.lower() not in known:
            unknown = UnknownName("always-on script", title, [script.title for script in known.values()])
            raise Invalid(str(unknown), unknown.hint, field=ALWAYS_ON)
    return [(known[title.lower()], values) for title, values in given.items()]


def chosen_script(scripts: Sequence[LoadedScript], name: str) -> LoadedScript | None:
    """Return the extension's script of that title, which is compared without case."""
    if name in NO_SCRIPT:
        return None
    return next((each for each in scripts if not each.always_on and each.title.lower() == name.lower()), None)


def arguments_of(script: LoadedScript, given: Any, notes: list[str]) -> list[Any]:
    """Return all arguments of a script: those that are given, and for the others what its controls begin with."""
    values = list(script.defaults)
    if not isinstance(given, Mapping):
        raise Invalid(f"The arguments of {script.title} are no object.", 'Send {"args": […]}.', field=ALWAYS_ON)
    places = given.get("args", [])
    if isinstance(places, list):
        if len(places) > MOST_ARGUMENTS:
            raise Invalid(f"{script.title} has no more than {MOST_ARGUMENTS} arguments.", "Leave some out.", ALWAYS_ON)
        if (surplus := len(places) - len(values)) > 0:
            notes.append(f"{script.title} takes {len(values)} arguments; the {surplus} after them were left out.")
        values[: len(places)] = places[: len(values)]
    named = {**(places if isinstance(places, Mapping) else {}), **(given.get("named") or {})}
    for name, value in named.items():
        values[place_of_control(script, str(name))] = value
    return values


def place_of_control(script: LoadedScript, name: str) -> int:
    """Return the place of an argument by its control's label or id. Raises UnknownName."""
    found = [(control_label(control), getattr(control, "elem_id", None)) for control in script.controls]
    names = [[each for each in both if each] for both in found]
    for place, own in enumerate(names):
        if name in own:
            return place
    raise UnknownName(f"argument of {script.title}", name, [own[0] for own in names if own])


def control_label(control: Any) -> str:
    return str(getattr(control, "label", None) or "")


def with_pasted_extensions(host: Host, found: Mapping[str, Any]) -> dict[str, Any]:
    """Return what was read of pasted data, with the arguments of extensions of Easel's own API apart from the rest."""
    read = read_pairs_of_extensions(host.natives(), found["unknown"])
    return {**found, "unknown": read.unknown, "extensions": read.fields, "notes": [*found["notes"], *read.notes]}
