"""ui-config.json, A1111's file of what controls begin with: `txt2img/Sampling steps/value`, `…/minimum`, `…/visible`.

A person edits it; whoever builds a control asks for what the file says of it. What the file does not say yet is noted,
and written into it, so that all that can be changed is there to be read.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from threading import Lock
from typing import Any

from modules.base.errors import WebUIError
from modules.base.files import write_atomically

UI_CONFIG = "ui-config.json"
MOST_BYTES = 4_000_000
SLIDER_ENDS = ("minimum", "maximum", "step")
log = logging.getLogger(__name__)


class UiConfig:
    """The file as it was at the start of the program, or when it was last reread."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.told = read_ui_config(path)
        self.writing = Lock()      # held while such a file, this or an account's, is read, changed and written
        self._noted: dict[str, Any] = {}

    def reread(self) -> None:
        """Take what the file says now, where another has written it."""
        self.told = read_ui_config(self.path)

    def value(self, place: str, usual: Any) -> Any:
        """Return what the control at "txt2img/Sampling steps" begins with: `usual`, unless the file has its like."""
        return self._told(f"{place}/value", usual)

    def shape(self, place: str, control: Any) -> None:
        """Give a control the ends and the visibility that the file says."""
        for name in SLIDER_ENDS:
            if isinstance(usual := getattr(control, name, None), int | float):
                setattr(control, name, self._told(f"{place}/{name}", usual))
        shown = control.visible is True         # "hidden" is not
        if (told := self._told(f"{place}/visible", shown)) != shown:
            control.visible = told

    def fill(self, place: str, control: Any) -> None:
        """Give a control its shape and its value."""
        self.shape(place, control)
        if control.value is None or isinstance(control.value, bool | int | float | str):
            value = self.value(place, control.value)
            if offers(control, value):
                control.value = value

    def write(self) -> None:
        """Add to the file what was noted; what is in it stays. A file that cannot be read or written stays as it is."""
        try:
            with self.writing:
                now = ui_config_in(self.path)
                if new := {key: value for key, value in self._noted.items() if key not in now}:
                    write_ui_config(self.path, now | new)
        except (OSError, ValueError, RecursionError, WebUIError) as error:
            log.warning("%s is not written: %s", self.path.name, error)

    def _told(self, key: str, usual: Any) -> Any:
        found = self.told.get(key, usual)
        if key not in self.told:
            self._noted[key] = usual
        elif usual is not None and not is_like(found, usual):
            log.warning("%s: %r is no value for %s, which begins with %r.", UI_CONFIG, found, key, usual)
            return usual
        return found


def read_ui_config(path: Path) -> dict[str, Any]:
    """Return the keys and values of the file; none if there is no file, or if it cannot be read, which is logged."""
    try:
        return ui_config_in(path)
    except (OSError, ValueError, RecursionError) as error:
        log.warning("%s is not used, since it cannot be read: %s", path.name, error)
        return {}


def ui_config_in(path: Path) -> dict[str, Any]:
    """Return the keys and values of the file, {} without one. Raises OSError, ValueError, RecursionError."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise ValueError(f"it is larger than {MOST_BYTES} bytes")
        found = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    if not isinstance(found, dict):
        raise ValueError("it is no JSON object")
    return found


def write_ui_config(path: Path, told: Mapping[str, Any]) -> None:
    """Write the file. Raises DiskFull or Unwritable."""
    write_atomically(path, json.dumps(told, indent=4, ensure_ascii=False).encode("utf-8"))


def is_like(value: Any, usual: Any) -> bool:
    """Return whether a value is of the usual one's kind: a number for a number, but no Boolean."""
    if isinstance(usual, bool) or isinstance(value, bool):
        return isinstance(usual, bool) and isinstance(value, bool)
    kinds = (int | float) if isinstance(usual, int | float) else type(usual)
    return isinstance(value, kinds)


def offers(control: Any, value: Any) -> bool:
    """Return whether a control that has choices has this one."""
    choices = getattr(control, "choices", None)
    if not isinstance(choices, list) or value is None or getattr(control, "allow_custom_value", False):
        return True
    return value in [each[-1] if isinstance(each, tuple | list) else each for each in choices]


def field_values(config: UiConfig, tab: str, labels: Mapping[str, str], usual: Mapping[str, Any]) -> dict[str, Any]:
    """Return field → what it begins with, of a tab whose fields have these labels."""
    plain = {name: usual[name] for name in labels if isinstance(usual.get(name), bool | int | float | str)}
    return {name: config.value(f"{tab}/{labels[name]}", value) for name, value in plain.items()}
