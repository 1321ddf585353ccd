"""A job's recorded values as declared classes again. A later version may resume a job than recorded it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from modules.base.fields import defaults
from modules.params.control import ControlUnit
from modules.params.detailer import DetailerTab
from modules.params.regions import Region

R = TypeVar("R")


def known_fields(cls: type, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values whose names are fields of `cls` today."""
    return {name: value for name, value in values.items() if name in defaults(cls)}


def recorded_request(cls: type[R], params: Mapping[str, Any]) -> R:
    """Return the request in a job's parameters; JSON has lists for tuples, and objects for units."""
    values = {
        name: tuple(value) if isinstance(value, list) else value for name, value in known_fields(cls, params).items()
    }
    for name, part in PARTS.items():
        if parts := values.get(name):
            values[name] = tuple(recorded_request(part, each) for each in parts)
    return cls(**values)


# field → the class of its values
PARTS: Mapping[str, type] = {"control": ControlUnit, "detailer": DetailerTab, "regions": Region}
