"""Axes of the first ControlNet unit's fields, under the ControlNet extension's names: `[ControlNet] Weight`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pydantic import ValidationError

from modules.base.errors import Invalid
from modules.base.fields import checker
from modules.params.control import CONTROL_MODES, MAP_RESIZE_MODES, ControlUnit
from modules.params.control_dialects import READ
from modules.params.plot_axes import Apply, Axis, R, ReadValues, Variant, named_value, plain_texts, truths
from modules.params.plot_values import fractional_numbers, whole_numbers

CONTROL_COST = 0.2      # another ControlNet is loaded


def unit_values(name: str, field: str, read: ReadValues) -> ReadValues:
    """Return the reader of an axis: values as programs write them, as the unit has them. It raises Invalid."""
    return lambda texts: [unit_value(name, field, value) for value in read(texts)]


def unit_value(name: str, field: str, value: object) -> object:
    """Return a value of a unit's field. Raises Invalid for one that it cannot have."""
    value = READ[field](value) if field in READ else value
    try:
        return getattr(checker(ControlUnit).validate_python({field: value}), field)
    except ValidationError as error:
        raise Invalid(
            f"{name} cannot be {value!r:.80}.", f"{error.errors()[0]['msg']}.", field="script_args"
        ) from error


def to_first_unit(name: str, field: str) -> Apply:
    """Return the function that gives a cell's first unit another value of a field. It raises Invalid without units."""

    def apply(variant: Variant[R], value: object, values: Sequence[object]) -> Variant[R]:
        first, *others = variant.value("control") or (None,)
        if first is None:
            raise Invalid(f"{name} finds no ControlNet unit.", "Fill in the first one.", field="script_args")
        changed = replace(first, **{field: value})
        return replace(variant, changes={**variant.changes, "control": (changed, *others)})

    return apply


def unit_axis(label: str, field: str, read: ReadValues, choices: str | tuple[str, ...] = "", cost: float = 0.0) -> Axis:
    name = f"[ControlNet] {label}"
    return Axis(name, unit_values(name, field, read), to_first_unit(name, field), named_value, cost, choices)


CONTROL_AXES: tuple[Axis, ...] = (
    unit_axis("Enabled", "enabled", truths, ("False", "True")),
    unit_axis("Model", "model", plain_texts, "control_models", CONTROL_COST),
    unit_axis("Weight", "weight", fractional_numbers),
    unit_axis("Guidance Start", "guidance_start", fractional_numbers),
    unit_axis("Guidance End", "guidance_end", fractional_numbers),
    unit_axis("Control Mode", "control_mode", plain_texts, CONTROL_MODES),
    unit_axis("Resize Mode", "resize_mode", plain_texts, MAP_RESIZE_MODES),
    unit_axis("Preprocessor", "module", plain_texts, "preprocessors"),
    unit_axis("Pre Resolution", "processor_res", whole_numbers),
    unit_axis("Pre Threshold A", "threshold_a", fractional_numbers),
    unit_axis("Pre Threshold B", "threshold_b", fractional_numbers),
)
