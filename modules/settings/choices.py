"""choices.json: each person's last choice of model, VAE and clip skip."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from threading import Lock
from typing import Any

from modules.base.errors import DiskFull, Invalid, Unwritable
from modules.base.files import write_atomically
from modules.base.last_good import keep_last_good, last_good_path, set_aside
from modules.settings.options import Settings, change_settings

log = logging.getLogger(__name__)
MODEL_SETTINGS = ("sd_model_checkpoint", "sd_vae", "CLIP_stop_at_last_layers")      # what the page's first row chooses
LARGEST_CHOICES = 4 * 2**20      # bytes


class ModelChoices:
    """The choices by account; on a server without accounts, by `LOCAL_OWNER`. The server's settings stay unchanged."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = Lock()
        self._of = self._load()

    def of(self, owner: str) -> dict[str, Any]:
        """Return setting → value; empty without a choice."""
        return dict(self._of.get(owner, {}))

    def remember(self, owner: str, values: Mapping[str, Any]) -> None:
        """Remember a choice. Raises Invalid naming an unknown setting or one with an impossible value."""
        if strange := [name for name in values if name not in MODEL_SETTINGS]:
            raise Invalid(
                f"{strange[0]!r:.80} is not chosen this way.",
                f"These are: {', '.join(MODEL_SETTINGS)}.",
                field=strange[0],
            )
        change_settings(Settings(), values)
        self._write(owner, {**self.of(owner), **values})

    def forget(self, owner: str) -> None:
        if owner in self._of:
            self._write(owner, {})

    def _write(self, owner: str, values: Mapping[str, Any]) -> None:
        with self._lock:
            found = {**self._of, owner: dict(values)}
            content = json.dumps(found, indent=4, ensure_ascii=False).encode()
            write_atomically(self.path, content)
            keep_last_good(self.path, content)
            self._of = found

    def _load(self) -> dict[str, dict[str, Any]]:
        """Return the file's valid choices, or those of its last good copy if it is damaged."""
        try:
            return read_choices(self.path)
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, AttributeError, RecursionError) as error:
            log.warning("%s could not be read (%s); its last good copy is used.", self.path.name, error)
        try:
            set_aside(self.path)
            return read_choices(last_good_path(self.path))
        except (OSError, ValueError, AttributeError, RecursionError, Unwritable, DiskFull):
            return {}


def read_choices(path: Path) -> dict[str, dict[str, Any]]:
    """Return the choices in a file. Raises OSError, ValueError, AttributeError or RecursionError."""
    if path.stat().st_size > LARGEST_CHOICES:
        raise ValueError("it is larger than any such file")
    found = json.loads(path.read_text(encoding="utf-8"))
    return {str(owner): usable_choices(values) for owner, values in found.items()}


def usable_choices(values: Mapping[str, Any]) -> dict[str, Any]:
    found = {name: value for name, value in values.items() if name in MODEL_SETTINGS}
    try:
        change_settings(Settings(), found)
    except Invalid:
        return {}
    return found
