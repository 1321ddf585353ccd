"""Axes of ControlNet units' fields: `[ControlNet] Weight`, the extension's name for the first unit's, then
`[ControlNet 1] Weight` for the unit after it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pydantic import ValidationError

from modules.base.errors import Invalid
from modules.base.fields import checker
from modules.params.control import CONTROL_MODES, HIRES_OPTIONS, MAP_RESIZE_MODES, UNION_TYPES, ControlUnit
from modules.params.control_dialects import READ
from modules.params.image_prompts import WEIGHT_TYPES
from modules.params.plot_axes import (
    Apply,
    Axis,
    R,
    ReadValues,
    Variant,
    named_value,
    plain_texts,
    to_truth,
    truth_texts,
    truths,
)
from modules.params.plot_values import fractional_numbers, whole_numbers

CONTROL_COST = 0.2      # another ControlNet is loaded
TRUTHS = "False", "True"
UNITS_LISTED = 3        # as many as forms show at first


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


def to_unit(name: str, unit: int, field: str) -> Apply:
    """Return the function that gives a unit of a cell another value of a field. It raises Invalid without that unit."""

    def apply(variant: Variant[R], value: object, values: Sequence[object]) -> Variant[R]:
        units = list(variant.value("control"))
        if len(units) <= unit:
            raise Invalid(f"{name} finds no ControlNet unit.", f"Fill in Unit {unit} first.", field="script_args")
        units[unit] = replace(units[unit], **{field: value})
        return replace(variant, changes={**variant.changes, "control": tuple(units)})

    return apply


def layer_weights_label(name: str, value: Sequence[float]) -> str:
    """Return a list of weights as its axis reads it: 1/0.9/0.8."""
    return f"{name}: {'/'.join(f'{weight:g}' for weight in value)}"


def unit_axes(unit: int) -> tuple[Axis, ...]:
    """Return the axes of one unit, counted from 0, as the page does."""
    prefix = f"[ControlNet {unit}]" if unit else "[ControlNet]"

    def axis(label: str, field: str, read: ReadValues, choices: str | tuple[str, ...] = "", cost: float = 0.0) -> Axis:
        name = f"{prefix} {label}"
        return Axis(name, unit_values(name, field, read), to_unit(name, unit, field), named_value, cost, choices)

    enabled = to_truth(to_unit(f"{prefix} Enabled", unit, "enabled"))
    return (
        Axis(f"{prefix} Enabled", truth_texts, enabled, named_value, choices=TRUTHS),
        axis("Model", "model", plain_texts, "control_models", CONTROL_COST),
        axis("Weight", "weight", fractional_numbers),
        axis("Guidance Start", "guidance_start", fractional_numbers),
        axis("Guidance End", "guidance_end", fractional_numbers),
        axis("Control Mode", "control_mode", plain_texts, CONTROL_MODES),
        axis("Weight Type", "weight_type", plain_texts, tuple(WEIGHT_TYPES)),
        axis("Resize Mode", "resize_mode", plain_texts, MAP_RESIZE_MODES),
        axis("Preprocessor", "module", plain_texts, "preprocessors"),
        axis("Pre Resolution", "processor_res", whole_numbers),
        axis("Pre Threshold A", "threshold_a", fractional_numbers),
        axis("Pre Threshold B", "threshold_b", fractional_numbers),
        axis("Pixel Perfect", "pixel_perfect", truths, TRUTHS),
        axis("Hires-Fix Option", "hr_option", plain_texts, HIRES_OPTIONS),
        axis("Union Control Type", "union_control_type", plain_texts, UNION_TYPES),
        axis("Crop", "inpaint_crop_input_image", truths, TRUTHS),
        replace(axis("Layer Weights", "advanced_weighting", plain_texts), label=layer_weights_label),
    )


CONTROL_AXES: tuple[Axis, ...] = tuple(axis for unit in range(UNITS_LISTED) for axis in unit_axes(unit))
