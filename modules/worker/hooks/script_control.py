"""What A1111's scripts say of ControlNet's units on `p`, as the extension lets them: `p.control_net_weight = [0.5, 1]`.

A list has a value for each unit, None leaves a unit's own; one value is every unit's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from modules.params.control import MOST_UNITS, ControlUnit
from modules.params.control_dialects import unit_fields

ENABLED_ON_P = "control_net_enabled"      # one value of it is the first unit's alone
# fields of p → a unit's; its picture stays the unit's own
UNITS_ON_P: Mapping[str, str] = {
    "control_net_module": "module", "control_net_model": "model", "control_net_weight": "weight",
    "control_net_resize_mode": "resize_mode", "control_net_pres": "processor_res", "control_net_pthr_a": "threshold_a",
    "control_net_pthr_b": "threshold_b", "control_net_guidance_start": "guidance_start",
    "control_net_guidance_end": "guidance_end", "control_net_control_mode": "control_mode",
    "control_net_pixel_perfect": "pixel_perfect",
}


def units_told_on_p(p: Any, units: Sequence[ControlUnit | Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the fields of p's units with what its other fields say of them. Raises ValueError or UnknownName."""
    told = {name: vars(p)[name] for name in (ENABLED_ON_P, *UNITS_ON_P) if vars(p).get(name) is not None}
    own = [asdict(unit) if isinstance(unit, ControlUnit) else dict(unit) for unit in units]
    lists = [len(value) for value in told.values() if isinstance(value, list | tuple)]
    missing = max([*lists, int(ENABLED_ON_P in told)]) - len(own)
    own += [{"enabled": False} for _ in range(min(missing, MOST_UNITS - len(own)))]
    return [unit_fields({**unit, **told_of_unit(told, place)}) for place, unit in enumerate(own)]


def told_of_unit(told: Mapping[str, Any], place: int) -> dict[str, Any]:
    """Return the fields that p says of one unit."""
    given = {UNITS_ON_P.get(name, "enabled"): told_at(value, place) for name, value in told.items()}
    if not isinstance(told.get(ENABLED_ON_P), list | tuple) and place:
        given.pop("enabled", None)
    return {name: value for name, value in given.items() if value is not None}


def told_at(value: Any, place: int) -> Any:
    if not isinstance(value, list | tuple):
        return value
    return value[place] if place < len(value) else None
