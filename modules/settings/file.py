"""config.json in A1111's format: the settings that differ from their defaults, or an account's from the server's."""

from __future__ import annotations

import contextlib
import json
import logging
from collections.abc import Collection, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from threading import Lock
from typing import Any

from modules.base.errors import DiskFull, Unwritable
from modules.base.files import write_atomically
from modules.base.last_good import keep_last_good, last_good_path, set_aside
from modules.settings.foreign import A1111_SETTINGS, HIDDEN_SETTINGS, remembered
from modules.settings.options import SETTING_NAMES, Settings, change_settings, is_server_setting, with_file

log = logging.getLogger(__name__)
LARGEST_CONFIG = 4 * 2**20      # bytes; a real one has a few thousand
USUAL_SETTINGS = Settings()


class SettingsFile:
    """Settings and their file. `current` is an immutable snapshot, safe to hold."""

    def __init__(self, path: Path, base: SettingsFile | None = None) -> None:
        """base: the settings for values that this file lacks, the server's under an account's; None: the defaults"""
        self.path, self.base = path, base
        self._lock = Lock()
        self.problem = ""       # why the file's settings are not used, as a sentence
        self._damaged = False   # the file is set aside before another is written
        self.declared: dict[str, Any] = {}      # settings that extensions have declared, and their defaults
        # A1111's settings without effect here, and extensions': kept, so that nothing is lost
        self._foreign: dict[str, Any] = {}
        self._own: dict[str, Any] = {}      # settings that differ from the base
        self._known = Settings(), self._own, Settings()      # base settings, own settings, and both combined
        self._load()

    @property
    def current(self) -> Settings:
        """The settings that hold now."""
        base, own = self._base(), self._own
        if self._known[0] is not base or self._known[1] is not own:
            self._known = base, own, replace(base, **own)
        return self._known[2]

    def _base(self) -> Settings:
        return self.base.current if self.base else USUAL_SETTINGS

    @property
    def foreign(self) -> dict[str, Any]:
        """A1111's settings without effect here, and those of extensions, as they were set, or at their defaults."""
        usual = self.base.foreign if self.base else self._usual_foreign
        return {name: self._foreign.get(name, value) for name, value in usual.items()}

    @property
    def told(self) -> dict[str, Any]:
        """All that differs from its default, of the server's own file: what a worker elsewhere is told."""
        return self._foreign | self._own

    @property
    def _usual_foreign(self) -> Mapping[str, Any]:
        """The defaults of all settings that are not Easel's own."""
        return self.base._usual_foreign if self.base else {**A1111_SETTINGS, **HIDDEN_SETTINGS, **self.declared}

    def values(self) -> dict[str, Any]:
        """Return all settings that hold now, Easel's and foreign ones, by name."""
        return asdict(self.current) | self.foreign

    def declare(self, name: str, default: Any) -> None:
        """Take an extension's setting into the list; Easel's own and A1111's of that name stay what they are."""
        if name not in SETTING_NAMES and name not in A1111_SETTINGS:
            self.declared[name] = default

    def change(self, /, **values: Any) -> Settings:
        """Change some settings, also A1111's without effect and extensions', all or none, and write the file.

        Raises Invalid naming the field.
        """
        with self._lock:
            base, usual = self._base(), self._usual_foreign
            foreign = self._foreign | remembered(
                {name: value for name, value in values.items() if name in usual}, usual
            )
            settings = change_settings(
                self.current, {name: value for name, value in values.items() if name not in usual}
            )
            own = {name: value for name, value in asdict(settings).items() if value != getattr(base, name)}
            self._write(own, foreign)
            return settings

    def keep(self, name: str, value: Any) -> None:
        """Set one of A1111's settings that no request may change, such as which extensions are switched off."""
        with self._lock:
            self._write(self._own, {**self._foreign, name: value})

    def forget(self, names: Collection[str]) -> None:
        """Reset those settings to the base's."""
        with self._lock:
            held = self._own, self._foreign
            own, foreign = ({name: each[name] for name in each if name not in names} for each in held)
            if (own, foreign) != held:
                self._write(own, foreign)

    def _write(self, own: dict[str, Any], foreign: dict[str, Any]) -> None:
        if self._damaged:
            set_aside(self.path)
        content = json.dumps(foreign | own, indent=4, ensure_ascii=False).encode()
        write_atomically(self.path, content)
        keep_last_good(self.path, content)
        self.problem, self._damaged = "", False
        self._own, self._foreign = own, foreign

    def _load(self) -> None:
        """Read the file's settings; damaged ones are replaced from the last good copy."""
        try:
            content = read_config(self.path)
            values = config_values(content)
        except FileNotFoundError:
            return
        except OSError as error:
            return self._repair({}, error.strerror or type(error).__name__, at_once=False)
        except (ValueError, RecursionError) as error:
            return self._repair({}, str(error))
        if problems := self._take(values):
            return self._repair(values, " ".join(problems))
        keep_last_good(self.path, content)

    def _take(self, values: dict[str, Any]) -> list[str]:
        """Take the valid settings among `values`, and foreign ones; return the problems of the others."""
        self._foreign = {name: value for name, value in values.items() if name not in SETTING_NAMES}
        named = {name: value for name, value in values.items() if name in SETTING_NAMES and self._may_set(name)}
        settings, problems = with_file(named)
        usable = [name for name, value in named.items() if not problems or is_usable(name, value)]
        self._own = {name: getattr(settings, name) for name in usable}
        return problems

    def _may_set(self, name: str) -> bool:
        """Return whether this file may contain the setting: an account's file may not contain a server setting."""
        return self.base is None or not is_server_setting(name)

    def _repair(self, values: dict[str, Any], reason: str, at_once: bool = True) -> None:
        """Use the last good copy's settings, with the good ones of `values` over them, and replace the damaged file.

        at_once: set it aside now; else when settings are changed
        """
        good = last_good_values(self.path)
        usable = {name: value for name, value in values.items() if name not in SETTING_NAMES or is_usable(name, value)}
        self._take(good | usable)
        used = "the last good ones are" if good else "the defaults are"
        self._damaged = True
        self.problem = told = f"{self.path.name} could not be read ({reason}); it is kept, and {used} used."
        log.warning("%s", told)
        if at_once:
            with contextlib.suppress(Unwritable, DiskFull):
                self._write(self._own, self._foreign)
        self.problem = told      # shown on the page until the settings are changed


def read_config(path: Path) -> bytes:
    """Return the file's content. Raises OSError, or ValueError for a large or irregular file."""
    if path.is_file() and path.stat().st_size > LARGEST_CONFIG:
        raise ValueError("it is larger than any settings file")
    return path.read_bytes()


def config_values(content: bytes) -> dict[str, Any]:
    """Return the values in a file's content. Raises ValueError or RecursionError."""
    values = json.loads(content.decode("utf-8-sig"))
    if not isinstance(values, dict):
        raise ValueError("it is not a JSON object")
    return values


def last_good_values(path: Path) -> dict[str, Any]:
    """Return the last good copy's values; empty if there is no readable copy."""
    try:
        return config_values(read_config(last_good_path(path)))
    except (OSError, ValueError, RecursionError):
        return {}


def is_usable(name: str, value: Any) -> bool:
    return not with_file({name: value})[1]
