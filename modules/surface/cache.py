"""A1111's `modules.cache`: values of extensions that outlive the program, in a JSON file for each of their names."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from modules.base.files import write_atomically
from modules.surface.binding import bound_host, view

FOLDER = "extensions"       # below the cache folder


class SavedDict(dict[str, Any]):
    """A dictionary that is written whenever it changes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            super().__init__(json.loads(path.read_text("utf-8")))
        except (OSError, ValueError, TypeError):        # not there, or damaged: it is a cache
            super().__init__()

    def __setitem__(self, name: str, value: Any) -> None:
        super().__setitem__(name, value)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(self.path, json.dumps(self, default=str).encode())


def cache(subsection: str) -> SavedDict:
    """Return the values under that name; they are kept."""
    name = "".join(each if each.isalnum() or each in "-_" else "_" for each in subsection)
    path = bound_host().program.flags.paths.cache / FOLDER / f"{name}.json"
    return view(f"cache {name}", lambda host: SavedDict(path))


def cached_data_for_file(subsection: str, title: str, filename: str, func: Callable[[], Any]) -> Any:
    """Return what `func` has made of a file; it is called anew only where the file has changed."""
    known, changed = cache(subsection), Path(filename).stat().st_mtime
    entry = known.get(title)
    if entry and entry.get("mtime") == changed:
        return entry.get("value")
    value = func()
    if value is not None:
        known[title] = {"mtime": changed, "value": value}
    return value


def dump_cache() -> None:
    """Values are written whenever one changes."""
