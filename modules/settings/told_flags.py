"""The flags as a worker's process is told them: JSON, without passwords."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from modules.settings.flags import Flags, flag_fields


def setup_line(flags: Flags, more: Mapping[str, Any]) -> bytes:
    """What a worker's process is told first: the flags, without passwords, in JSON."""
    told = {"flags": public_flags(flags), "extension_flags": flags.extension_flags, **more}
    return json.dumps(told).encode() + b"\n"


def public_flags(flags: Flags) -> dict[str, Any]:
    """Return all flags without passwords, as JSON has them."""
    return {name: plain_flag(value) for name, value in flags.public().items()}


def plain_flag(value: Any) -> Any:
    if isinstance(value, tuple):
        return [plain_flag(each) for each in value]
    return str(value) if isinstance(value, Path) else value


def flags_of(values: Mapping[str, Any]) -> Flags:
    """The opposite of `public_flags`."""
    types = {each.name: str(each.type) for each in flag_fields()}
    return Flags(**{name: typed_flag(types[name], value) for name, value in values.items()})


def typed_flag(declared: str, value: Any) -> Any:
    if isinstance(value, list):
        return tuple(typed_flag(declared, each) for each in value)
    return Path(value) if value is not None and "Path" in declared else value
