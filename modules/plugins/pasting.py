"""Generation data for extensions: who may change them first, and what of them goes into the controls of scripts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import isfinite
from typing import Any

from modules.base.border import outcome
from modules.plugins.host import Host, surface
from modules.plugins.page_values import is_json, is_set_in_page
from modules.plugins.scripts import TABS, LoadedScript, control_name

UPDATE = "__type__"     # gradio's mark of a value that changes properties


def told_of_paste(host: Host, text: str, values: dict[str, Any]) -> dict[str, Any]:
    """Call those who want to hear of pasted data, which may change `values`; returns them."""
    for listener in host.listeners("infotext_pasted"):
        host.told_call(listener.extension, "infotext_pasted", listener.function, text, values)
    return values


def told_of_counting(host: Host, prompt: str, steps: int, styles: list[str], is_positive: bool) -> tuple[str, int]:
    """Call those who want to hear before a prompt's tokens are counted; returns the prompt and steps they leave.

    styles: whose texts are counted too; a listener may change the list
    """
    if not (listeners := host.listeners("before_token_counter")):
        return prompt, steps
    params = surface("script_callbacks").BeforeTokenCounterParams(prompt, steps, styles, is_positive)
    for listener in listeners:
        host.told_call(listener.extension, "before_token_counter", listener.function, params)
    styles[:] = map(str, params.styles)
    return str(params.prompt), int(params.steps)


def script_arguments_in(host: Host, tab: str, values: Mapping[str, Any]) -> dict[str, dict[str, list[Any]]]:
    """Return the arguments of always-on scripts that generation data hold, as `alwayson_scripts` has them."""
    found: dict[str, dict[str, list[Any]]] = {}
    for script in (each for each in host.scripts(tab) if each.always_on):
        for number, shown in pasted_values(host, script, values):
            if not isinstance(shown, dict):
                found.setdefault(script.title, {"args": list(script.defaults)})["args"][number] = shown
    return found


def with_script_controls(host: Host, found: dict[str, Any], pairs: Mapping[str, Any]) -> dict[str, Any]:
    """Return what was read of pasted data with `controls` of scripts; what is theirs is not unknown."""
    tab = found["tab"]
    if tab not in TABS or not host.active:
        return found
    theirs = claimed_keys(host, tab)
    unknown = {key: value for key, value in found["unknown"].items() if key not in theirs}
    return {**found, "unknown": unknown, "controls": pasted_controls(host, tab, pairs)}


def pasted_controls(host: Host, tab: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return what pasted data put into the controls of a tab's scripts, by the controls' names in the page."""
    return {
        control_name(script, number): shown
        for script in host.scripts(tab) for number, shown in pasted_values(host, script, values)
    }


def pasted_values(host: Host, script: LoadedScript, values: Mapping[str, Any]) -> Iterator[tuple[int, Any]]:
    """Yield the number of each control of a script that pasted data fill, with its value or its update."""
    for number, key in infotext_controls(script):
        value = host.told_call(script.extension, "paste", key, dict(values)) if callable(key) else values.get(key)
        shown = control_value(script.controls[number], value)
        if shown is not None and is_json(shown):
            yield number, shown


def infotext_controls(script: LoadedScript) -> Iterator[tuple[int, Any]]:
    """Yield the number of each control that generation data fill, with their key or the function that reads them."""
    numbers = {id(control): number for number, control in enumerate(script.controls) if is_set_in_page(control)}
    for component, key in script.script.infotext_fields or ():
        if id(component) in numbers:
            yield numbers[id(component)], key


def control_value(control: Any, value: Any) -> Any:
    """Return a value as the control has it, of the type that it begins with; None if it is left as it is."""
    if value is None or (isinstance(value, dict) and UPDATE in value):
        return value
    kind = type(control.value)
    if kind is bool:
        return value if isinstance(value, bool) else str(value) not in ("False", "0", "")
    if kind in (int, float):
        number = outcome(float, value)
        if isinstance(number, Exception) or not isfinite(number):
            return None
        return int(number) if number.is_integer() else number
    return str(value) if kind is str and not isinstance(value, list) else value


def claimed_keys(host: Host, tab: str) -> set[str]:
    """Return the keys of generation data that belong to the scripts of a tab."""
    keys: set[str] = set()
    for script in host.scripts(tab):
        keys |= {key for _, key in infotext_controls(script) if isinstance(key, str)}
        keys |= {str(name) for name in script.script.paste_field_names or ()}
    return keys
