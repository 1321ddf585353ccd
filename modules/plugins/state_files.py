"""Backups of which extensions there are, at which commit and whether they are on: A1111's files in `config_states/`."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from modules.base.errors import Invalid, NotFound
from modules.base.files import write_atomically
from modules.plugins.repository import COMMIT

STATES_FOLDER = "config_states"     # below the data folder
LARGEST_STATE = 1 * 2**20           # bytes
MOST_STATES = 500
NOT_IN_NAMES = re.compile(r"[^\w .()-]")   # in a name, and so in a file's


@dataclass(frozen=True)
class SavedExtension:
    """What a backup says of an extension."""

    name: str
    enabled: bool
    remote: str
    branch: str
    commit_hash: str
    commit_date: int    # seconds since 1970


@dataclass(frozen=True)
class SavedState:
    """A backup."""

    id: str             # its file's name
    name: str
    created_at: float
    extensions: tuple[SavedExtension, ...]


class StateFiles:
    """The backups of a data folder."""

    def __init__(self, data_dir: Path) -> None:
        self.folder = data_dir / STATES_FOLDER

    def all(self) -> list[SavedState]:
        """Return the backups that can be read, the newest first."""
        paths = sorted(self.folder.glob("*.json"), reverse=True)[:MOST_STATES] if self.folder.is_dir() else []
        return [state for path in paths if (state := read_backup(path))]

    def find(self, wanted: str) -> SavedState:
        """Raises NotFound."""
        found = next((state for state in self.all() if state.id == wanted), None)
        if found is None:
            raise NotFound("There is no such backup.", f"Backups are files in {self.folder.name}.")
        return found

    def save(self, name: str, extensions: Iterable[SavedExtension]) -> SavedState:
        """Write a backup in A1111's form."""
        name = NOT_IN_NAMES.sub("_", name).strip(" .")[:80] or "Config"
        now = time.time()
        listed = tuple(extensions)
        value = {
            "created_at": now, "name": name, "webui": {},
            "extensions": {each.name: {**asdict(each), "version": each.commit_hash[:8]} for each in listed},
        }
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self._free_path(time.strftime("%Y_%m_%d-%H_%M_%S", time.localtime(now)), name)
        write_atomically(path, json.dumps(value, indent=4).encode())
        return SavedState(path.stem, name, now, listed)

    def _free_path(self, stamp: str, name: str) -> Path:
        path, number = self.folder / f"{stamp}_{name}.json", 1
        while path.exists():
            path, number = self.folder / f"{stamp}_{name}-{number}.json", number + 1
        return path


def read_backup(path: Path) -> SavedState | None:
    """Return a backup of Easel's or of A1111's; None if it is none."""
    try:
        if path.stat().st_size > LARGEST_STATE:
            return None
        value = json.loads(path.read_text("utf-8"))
        extensions = tuple(saved_extension(name, each) for name, each in value["extensions"].items())
        return SavedState(path.stem, str(value.get("name") or path.stem), float(value["created_at"]), extensions)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, Invalid):
        return None


def saved_extension(name: str, value: Any) -> SavedExtension:
    """Return what a backup's file says of an extension. Raises Invalid."""
    if not isinstance(value, dict):
        raise Invalid(f"The backup says nothing of {name}.", "Delete its file.")
    commit = str(value.get("commit_hash") or "")
    return SavedExtension(
        name, value.get("enabled") is not False, str(value.get("remote") or ""), str(value.get("branch") or ""),
        commit if COMMIT.fullmatch(commit) else "", int(value.get("commit_date") or 0),
    )
