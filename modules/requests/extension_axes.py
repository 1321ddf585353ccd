"""The axes of X/Y/Z plot that extensions have added: read when a plot is asked for, applied to each cell. No torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from modules.base.border import outcome
from modules.base.errors import Invalid
from modules.params.plot_axes import BOTH, Axis, ReadValues, Tab, leave_unchanged
from modules.params.plot_values import at_most, fractional_numbers, join_values, orders, whole_numbers
from modules.plugins.host import Host, error_text, surface

NUMBER_READERS: Mapping[Any, ReadValues] = {int: whole_numbers, float: fractional_numbers}
AXIS = "plot axis"      # the moment by which a failure is told


def axis_options(host: Host, tab: str) -> dict[str, Any]:
    """Return A1111's `AxisOption` of each axis that active extensions have added to a tab, by name."""
    if not host.modules:
        return {}
    active = {state.name for state in host.active}
    added = [each for each in surface("xyz_grid").axis_options if each.extension in active]
    own = [each for each in added if each.is_img2img in (None, tab == "img2img")]
    found: dict[str, Any] = {}
    for each in own:
        if tab == "img2img" or each.label not in found:     # a script that adds its axes in each tab did so there last
            found[str(each.label)] = each
    return found


def extension_axes(host: Host, tab: str) -> list[Axis]:
    """Return the axes that extensions have added to a tab; each cell is left to the extension."""
    return [axis_of(host, name, option) for name, option in axis_options(host, tab).items()]


def axis_of(host: Host, name: str, option: Any) -> Axis:
    tabs: tuple[Tab, ...] = BOTH if option.is_img2img is None else ("img2img",) if option.is_img2img else ("txt2img",)
    choices = tuple(map(str, host.told_call(option.extension, AXIS, option.choices) or ())) if option.choices else ()
    return Axis(
        name, partial(values_of_axis, host, option), leave_unchanged, lambda _, value: axis_label(host, option, value),
        float(option.cost), choices, tabs,
    )


def values_of_axis(host: Host, option: Any, texts: Sequence[str]) -> list[Any]:
    """Return the values of an extension's axis. Raises Invalid for those that the extension refuses."""
    [found] = host.call(option.extension, AXIS, lambda: [outcome(read_values, option, texts)])     # no failure of it
    if isinstance(found, Exception):
        why = str(found) if isinstance(found, Invalid) else error_text(found)
        raise Invalid(
            f"The axis {option.label} of the extension {option.extension} does not take these values. {why}",
            "Write others.", field="script_args",
        ) from found
    return at_most(found)


def read_values(option: Any, texts: Sequence[str]) -> list[Any]:
    if option.prepare is not None:
        texts = list(option.prepare(join_values(texts)))
    if option.type in NUMBER_READERS:
        values: list[Any] = list(NUMBER_READERS[option.type]([str(text) for text in texts]))
    elif option.type is surface("xyz_grid").str_permutations:
        values = list(orders(texts))
    else:
        values = [option.type(text) for text in texts]
    if option.confirm is not None:
        option.confirm(None, values)
    return values


def axis_label(host: Host, option: Any, value: Any) -> str:
    return str(host.call(option.extension, AXIS, option.format_value, None, option, value))


def apply_axis(host: Host, option: Any, p: Any, place: int, values: Sequence[Any]) -> None:
    """Let the extension change a cell's `p`. Raises CallFailed."""
    host.call(option.extension, AXIS, option.apply, p, values[place], values)
