"""Which axes there are: A1111's by name and place, Easel's own, and every declared field and setting under its name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, get_args, get_type_hints

from modules.base.errors import Invalid, UnknownName
from modules.base.fields import Param, declared_params
from modules.params.control import MOST_UNITS
from modules.params.control_axes import CONTROL_AXES, UNITS_LISTED, unit_axes
from modules.params.network_axes import NETWORK_AXES
from modules.params.plot_axes import (
    A1111_AXES,
    NOTHING,
    Apply,
    Axis,
    ReadValues,
    Tab,
    ValueLabel,
    Variant,
    named_value,
    plain_texts,
    to_field,
    to_settings,
    to_truth,
    truth_texts,
    truths,
)
from modules.params.plot_values import fractional_numbers, whole_numbers

OWN_AXES = (*NETWORK_AXES, *CONTROL_AXES)      # by name alone
# those of units beyond the ones that forms show at first: known, but not in the lists
LATER_UNIT_AXES = tuple(axis for unit in range(UNITS_LISTED, MOST_UNITS) for axis in unit_axes(unit))
NAMED_AXES = (*A1111_AXES, *OWN_AXES)


def axes_of(tab: Tab) -> list[Axis]:
    """Return A1111's axes of a tab, in its order."""
    return [axis for axis in A1111_AXES if tab in axis.tabs]


def find_axis(
    name: str, tab: Tab, request: type[Any], settings: type[Any], extension_axes: Sequence[Axis] = ()
) -> Axis:
    """Return an axis by A1111's name or place, or by the name or label of a declared field or setting.

    extension_axes: those of extensions, whose places come after A1111's. Raises UnknownName.
    """
    axes = [*axes_of(tab), *extension_axes]
    if name.isdecimal() and len(name) < 4 and int(name) < len(axes):
        return axes[int(name)]
    named = (*axes, *OWN_AXES, *LATER_UNIT_AXES)
    by_name = {axis.name.casefold(): axis for axis in named} | {"": NOTHING, "none": NOTHING}
    found = by_name.get(name.casefold()) or declared_axis(name, request, to_field) or declared_axis(
        name, settings, to_settings
    ) or argument_axis(name)
    if found is None:
        raise UnknownName("axis", name, [axis.name for axis in (*axes, *OWN_AXES)])
    return found


def declared_axis(asked: str, cls: type[Any], apply: Callable[[str], Apply]) -> Axis | None:
    """Return the axis of a declared field, under its own name; None if there is no such field of one value."""
    params = declared_params(cls)
    labels = {param.label.casefold(): name for name, param in reversed(params.items())}
    name = asked if asked in params else labels.get(asked.casefold(), "")
    param = params.get(name)
    kinds = value_kinds(get_type_hints(cls).get(name)) if param and name not in NOT_AXES else set[Any]()
    read = next((reader for kind, reader in READERS if kind in kinds), None)
    if param is None or read is None:
        return None
    change = to_truth(apply(name)) if read is truth_texts else apply(name)
    return Axis(name, read, change, labelled(param), COSTS.get(name, 0.0))


def argument_axis(name: str) -> Axis | None:
    """Return the axis of an extension's argument, such as warm-light.amount; None for another name."""
    extension, dot, argument = name.partition(".")
    if not dot or not argument.isidentifier() or not extension.replace("-", "").isalnum():
        return None
    return Axis(name, argument_values, to_argument(extension, argument), named_value)


def to_argument(extension: str, argument: str) -> Apply:
    """Return the function that gives a cell another value of an extension's argument."""

    def apply(variant: Variant[Any], value: Any, values: Sequence[Any]) -> Variant[Any]:
        standing = variant.value("extensions")
        own = {**standing.get(extension, {}), argument: value}
        return replace(variant, changes={**variant.changes, "extensions": {**standing, extension: own}})

    return apply


def argument_values(values: Sequence[str]) -> list[Any]:
    """ReadValues of an extension's argument, whose type is looked at with the cell: numbers, yes or no, else texts."""
    for read in (whole_numbers, fractional_numbers, truths):
        try:
            return list(read(values))
        except Invalid:
            continue
    return list(values)


def labelled(param: Param) -> ValueLabel:
    return lambda name, value: named_value(param.label, value)


def value_kinds(hint: Any) -> set[Any]:
    return {hint, *get_args(hint)}


READERS: Sequence[tuple[type, ReadValues]] = (
    (bool, truth_texts), (int, whole_numbers), (float, fractional_numbers), (str, plain_texts),
)
NOT_AXES = ("n_iter", "batch_size")      # a cell is one picture
COSTS = {"sd_model_checkpoint": 1.0, "refiner_checkpoint": 1.0, "fp8_storage": 0.9, "sd_vae": 0.7}
