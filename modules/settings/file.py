"""config.json: the settings that differ from their defaults, in A1111's format."""

from __future__ import annotations

import contextlib
import json
import logging
import os
from dataclasses import asdict
from itertools import count
from pathlib import Path
from threading import Lock
from typing import Any

from modules.base.errors import DiskFull, Unwritable
from modules.base.files import write_atomically, write_error
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
        if self.problem:
            self._set_aside()
        kept = {name: value for name, value in asdict(settings).items() if not at_default(settings, name)}
        write_atomically(self.path, json.dumps(foreign | kept, indent=4, ensure_ascii=False).encode())
        self.current, self._foreign = settings, foreign

    def _load(self) -> Settings:
        values = self._read()
        self._foreign = {name: value for name, value in values.items() if name not in SETTING_NAMES}
        settings, problems = with_file({name: value for name, value in values.items() if name in SETTING_NAMES})
        for problem in problems:
            log.warning("%s: %s Its default is used.", self.path.name, problem)
        return settings

    def _read(self) -> dict[str, Any]:
        """The file's values; a file that cannot be read is kept, and set aside before another is written."""
        try:
            if self.path.stat().st_size > LARGEST_CONFIG:
                raise ValueError("it is larger than any settings file")
            values = json.loads(self.path.read_text(encoding="utf-8-sig"))
            if not isinstance(values, dict):
                raise ValueError("it is not a JSON object")
            return values
        except FileNotFoundError:
            return {}
        except OSError as error:
            self._tell(error.strerror or type(error).__name__)
        except (ValueError, RecursionError) as error:
            self._tell(str(error))
            with contextlib.suppress(Unwritable, DiskFull):
                self._set_aside()
        return {}

    def _tell(self, reason: str) -> None:
        self.problem = f"{self.path.name} could not be read ({reason}); it is kept, and the defaults are used."
        log.warning("%s", self.problem)

    def _set_aside(self) -> None:
        """Give the file that could not be read another name. Raises Unwritable."""
        places = (self.path.with_suffix(f".broken{number or ''}.json") for number in count())
        aside = next(place for place in places if not os.path.lexists(place))
        try:
            self.path.replace(aside)
        except OSError as error:
            raise write_error(self.path, error) from error
        log.warning("%s, which could not be read, is kept as %s.", self.path.name, aside.name)
        self.problem = ""
