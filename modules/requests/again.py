"""A recorded job asked for again: unchanged, with other seeds, or as a form's values. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

from modules.app.app import App
from modules.app.jobs import ResolvedRequest
from modules.base.accounts import Account
from modules.base.registry import Registry
from modules.params.scripts import NO_SCRIPT, Script
from modules.plugins.native_scripts import all_scripts
from modules.requests.check_limits import check_admission
from modules.requests.expansion import as_templates, with_plain_prompts
from modules.requests.kinds import JOB_KINDS
from modules.requests.picture_count import picture_count
from modules.requests.resolve import draw_seed
from modules.settings.options import SETTING_NAMES, Settings, change_settings, is_server_setting
from modules.store.jobs import JobRecord

SEEDS = ("seed", "subseed")
INPUT_FIELDS = ("init_images", "mask", "images")      # names of pictures that were sent


def run_again(app: App, record: JobRecord, account: Account, new_seed: bool, save: bool | None = None) -> str:
    """Queue the same job again; returns the new job's id.

    save: also into the outputs folder; None is as before

    Raises Forbidden, Invalid, OverQuota or Draining. If its files are missing by now, the new job ends with an error.
    """
    drawn = {name: draw_seed(-1) for name in SEEDS if name in record.params} if new_seed else {}
    known = {name: value for name, value in record.settings.items() if name in SETTING_NAMES}
    settings = change_settings(Settings(), known | servers_settings(app.settings.current))
    params, saved = {**record.params, **drawn}, record.save if save is None else save
    if new_seed:
        params = with_plain_prompts(app.data_of(account.name), as_templates(params), settings)
    check_admission(app, account, JOB_KINDS[record.kind], params, saved and settings.samples_save)
    resolved = ResolvedRequest(record.kind, params, settings, saved)
    return app.jobs.submit(replace(resolved, pictures=picture_count(resolved, app.extensions)), account)


def servers_settings(current: Settings) -> dict[str, Any]:
    """Return the server's own settings as they are now, whatever they were when the job was first asked for."""
    return {name: getattr(current, name) for name in SETTING_NAMES if is_server_setting(name)}


def recorded_form(app: App, record: JobRecord, account: Account) -> dict[str, Any]:
    """Return a job's request as form values: fields, settings that differ from the account's own, the script.

    `inputs` is the number of its input pictures, `mask` the place of the mask among them, or None.
    """
    params, mine = record.params, app.data_of(account.name).settings.current
    known = {each.name for each in fields(JOB_KINDS[record.kind].request)}
    apart = {*INPUT_FIELDS, "script_name", "script_args", "extensions"}
    shown = {name: params[name] for name in (known & params.keys()) - apart}
    settings = {
        name: value for name, value in record.settings.items()
        if name in SETTING_NAMES and value != getattr(mine, name) and (account.is_local or not is_server_setting(name))
    }
    names = input_names(params)
    return {
        "kind": record.kind,
        "fields": {**shown, **usual_noise(shown, mine), **as_asked(params)},
        "settings": settings,
        "script": script_of(params, all_scripts(app.extensions)),
        "extensions": params.get("extensions") or {},
        "inputs": len(names),
        "mask": len(names) - 1 if params.get("mask") else None,
    }


def usual_noise(shown: Mapping[str, Any], mine: Settings) -> dict[str, Any]:
    """Return the noise multiplier as None where it is what the account's settings say anyway."""
    name = "initial_noise_multiplier"
    return {name: None} if shown.get(name) == getattr(mine, name) else {}


def as_asked(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return the prompts without styles, and the styles' names. Hires fix's own prompts contain them for good."""
    before, templates = params.get("unstyled"), params.get("templates") or {}
    if not before or params.get("hr_prompt") or params.get("hr_negative_prompt"):
        return dict(templates)
    styles = [name for name, _ in before["styles"]]
    return {"prompt": before["prompt"], "negative_prompt": before["negative_prompt"], "styles": styles}


def script_of(params: Mapping[str, Any], scripts: Registry[Script]) -> dict[str, Any] | None:
    """Return the script's name and its arguments by name."""
    name = params.get("script_name")
    script = None if not name or name in NO_SCRIPT else scripts.get(name)
    if script is None:
        return None
    given = zip(fields(script.arguments), params["script_args"], strict=False)
    return {"name": name, "arguments": {each.name: value for each, value in given if each.name in script.params}}


def input_names(params: Mapping[str, Any]) -> list[str]:
    """Return the names of its input pictures, the mask last, without a batch's files."""
    starts = [name for key in ("init_images", "images") for name in params.get(key) or ()]
    return [name for name in (*starts, params.get("mask")) if name and isinstance(name, str)]
