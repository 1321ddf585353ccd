"""config.json: the settings that differ from their defaults, in A1111's format."""

from __future__ import annotations

import contextlib
import json
import logging
from dataclasses import asdict
from pathlib import Path
from threading import Lock
from typing import Any

from modules.base.errors import DiskFull, Unwritable
from modules.base.files import write_atomically
from modules.base.last_good import keep_last_good, last_good_path, set_aside
from modules.settings.foreign import A1111_SETTINGS, remembered
from modules.settings.options import SETTING_NAMES, Settings, at_default, change_settings, with_file

log = logging.getLogger(__name__)
LARGEST_CONFIG = 4 * 2**20      # bytes; a real one has a few thousand


class SettingsFile:
    """The server's settings and where they are kept. `current` is an immutable snapshot, safe to hold."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = Lock()
        self.problem = ""       # why the file's settings are not used, a sentence
        self._damaged = False   # the file is set aside before another is written
        # A1111's settings that mean nothing here (yet): kept, so that nothing is lost
        self._foreign: dict[str, Any] = {}
        self.current = self._load()

    @property
    def foreign(self) -> dict[str, Any]:
        """A1111's settings that have no effect here, as they were set, or at their defaults."""
        return {name: self._foreign.get(name, usual) for name, usual in A1111_SETTINGS.items()}

    def change(self, /, **values: Any) -> Settings:
        """Replace some settings, A1111's without effect among them, all or none, and write the file.

        Raises Invalid naming the field.
        """
        with self._lock:
            foreign = self._foreign | remembered(
                {name: value for name, value in values.items() if name in A1111_SETTINGS}
            )
            settings = change_settings(
                self.current, {name: value for name, value in values.items() if name not in A1111_SETTINGS}
            )
            self._write(settings, foreign)
            return settings

    def _write(self, settings: Settings, foreign: dict[str, Any]) -> None:
        if self._damaged:
            set_aside(self.path)
        kept = {name: value for name, value in asdict(settings).items() if not at_default(settings, name)}
        content = json.dumps(foreign | kept, indent=4, ensure_ascii=False).encode()
        write_atomically(self.path, content)
        keep_last_good(self.path, content)
        self.problem, self._damaged = "", False
        self.current, self._foreign = settings, foreign

    def _load(self) -> Settings:
        """The file's settings; what is damaged in it comes from the last good copy."""
        try:
            content = read_config(self.path)
            values = config_values(content)
        except FileNotFoundError:
            return Settings()
        except OSError as error:
            return self._repair({}, error.strerror or type(error).__name__, at_once=False)
        except (ValueError, RecursionError) as error:
            return self._repair({}, str(error))
        settings, problems = self._take(values)
        if problems:
            return self._repair(values, " ".join(problems))
        keep_last_good(self.path, content)
        return settings

    def _take(self, values: dict[str, Any]) -> tuple[Settings, list[str]]:
        """The settings among `values`, and what is wrong with others; what is no setting here is kept as it is."""
        self._foreign = {name: value for name, value in values.items() if name not in SETTING_NAMES}
        return with_file({name: value for name, value in values.items() if name in SETTING_NAMES})

    def _repair(self, values: dict[str, Any], reason: str, at_once: bool = True) -> Settings:
        """The last good copy's settings, with the good ones of `values` over them; written in the damaged file's place,
        which is set aside: `at_once`, or when settings are changed.
        """
        good = last_good_values(self.path)
        usable = {name: value for name, value in values.items() if name not in SETTING_NAMES or is_usable(name, value)}
        settings, _ = self._take(good | usable)
        used = "the last good ones are" if good else "the defaults are"
        self._damaged = True
        self.problem = told = f"{self.path.name} could not be read ({reason}); it is kept, and {used} used."
        log.warning("%s", told)
        if at_once:
            with contextlib.suppress(Unwritable, DiskFull):
                self._write(settings, self._foreign)
        self.problem = told      # whoever opens the page reads it, until the settings are changed
        return settings


def read_config(path: Path) -> bytes:
    """Raises OSError, or ValueError for what no settings file is."""
    if path.is_file() and path.stat().st_size > LARGEST_CONFIG:
        raise ValueError("it is larger than any settings file")
    return path.read_bytes()


def config_values(content: bytes) -> dict[str, Any]:
    """Raises ValueError or RecursionError."""
    values = json.loads(content.decode("utf-8-sig"))
    if not isinstance(values, dict):
        raise ValueError("it is not a JSON object")
    return values


def last_good_values(path: Path) -> dict[str, Any]:
    """Of a settings file; empty if there is none that can be read."""
    try:
        return config_values(read_config(last_good_path(path)))
    except (OSError, ValueError, RecursionError):
        return {}


def is_usable(name: str, value: Any) -> bool:
    return not with_file({name: value})[1]
