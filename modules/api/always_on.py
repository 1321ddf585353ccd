"""Always-on scripts of A1111's extensions that Easel carries out itself: their arguments as fields of a request."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from modules.base.errors import WebUIError
from modules.base.fields import defaults
from modules.params.control_dialects import units_of_args
from modules.params.couple_dialect import forge_couple_fields, second_pass_note
from modules.params.detailer import DetailerTab
from modules.params.region_dialects import regional_prompter_fields

FORGE_COUPLE = "forge couple"

Given = dict[str, Any]


def with_own_scripts(given: Given) -> Given:
    """Return the fields with the arguments of scripts that are Easel's own as fields; other scripts stay.

    Raises ValueError for arguments that cannot be.
    """
    scripts = given.get("alwayson_scripts")
    if not isinstance(scripts, Mapping):
        return given
    own = {name: value for name, value in scripts.items() if str(name).lower() in OWN_SCRIPTS}
    if not own:
        return given
    given = given | {"alwayson_scripts": {name: value for name, value in scripts.items() if name not in own}}
    for name, value in own.items():
        try:
            given = OWN_SCRIPTS[str(name).lower()](given, args_of(value))
        except WebUIError as error:
            raise ValueError(f"{error} {error.hint}") from error
    return given


def script_notes(given: Given) -> list[str]:
    """Return notes on what a request's JSON asks of these scripts in vain."""
    scripts = given.get("alwayson_scripts")
    told = [
        second_pass_note(given, args_of(value))
        for name, value in (scripts.items() if isinstance(scripts, Mapping) else ())
        if str(name).lower() == FORGE_COUPLE
    ]
    return [*filter(None, told)]


def args_of(script: Any) -> Any:
    return script.get("args", []) if isinstance(script, Mapping) else script


def with_control_units(given: Given, args: Any) -> Given:
    """Return the fields with ControlNet's units; null is a unit that is off, so that the others keep their numbers."""
    if not isinstance(args, list) or not all(unit is None or isinstance(unit, Mapping) for unit in args):
        raise ValueError('ControlNet\'s arguments are a list of units, each an object: {"model": …, "image": …}')
    return given | {"control": units_of_args([unit or {} for unit in args])}


def with_detailer_tabs(given: Given, args: Any) -> Given:
    """Return the fields with ADetailer's arguments: whether it is on, whether only finds are painted, and its tabs.

    The two truths may be left out. As in ADetailer, arguments of other kinds are skipped beside a tab.
    """
    tabs = [detailer_fields(each) for each in args if isinstance(each, Mapping)] if isinstance(args, list) else []
    if not isinstance(args, list) or not (tabs or all(isinstance(each, bool) for each in args)):
        raise ValueError('ADetailer\'s arguments are whether it is on, and a list of tabs: {"ad_model": …}')
    is_on, only_finds, *_ = [*args, None, None]
    if is_on is False:
        return given
    # img2img's alone
    only: Given = {"detailer_only": True} if only_finds is True and "init_images" in given else {}
    return given | {"detailer": tabs, **only}


def with_forge_couple(given: Given, args: Any) -> Given:
    return given | forge_couple_fields(given, args if isinstance(args, list) else [])


def with_regional_prompter(given: Given, args: Any) -> Given:
    return given | regional_prompter_fields(given, args if isinstance(args, list) else [])


def detailer_fields(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return a tab's fields; unknown ones are left out, and nulls are defaults. A field's own name wins over others."""
    said = {name: value for name, value in given.items() if value is not None}
    older = {OLD_DETAILER_FIELDS[name]: value for name, value in said.items() if name in OLD_DETAILER_FIELDS}
    return {name: value for name, value in {**older, **said}.items() if name in defaults(DetailerTab)}


OLD_DETAILER_FIELDS: Mapping[str, str] = {
    "ad_mask_k_largest": "ad_mask_k", "ad_conf": "ad_confidence", "ad_inpaint_full_res": "ad_inpaint_only_masked",
    "ad_inpaint_full_res_padding": "ad_inpaint_only_masked_padding", "ad_tap_enable": "ad_tab_enable",
}
OWN_SCRIPTS: Mapping[str, Callable[[Given, Any], Given]] = {
    "controlnet": with_control_units,
    "adetailer": with_detailer_tabs,
    FORGE_COUPLE: with_forge_couple,
    "regional prompter": with_regional_prompter,
}
