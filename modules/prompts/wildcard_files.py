"""Wildcards in files: a line of `folder/name.txt` for `__folder/name__`, a list in a .yaml or .json for its keys.

Names are compared with those found in the folders; none is ever made into a path.
"""

from __future__ import annotations

import fnmatch
import json
import logging
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from modules.base.errors import Invalid, UnknownName
from modules.base.limits import MAX_NAME
from modules.prompts.dynamic_prompts import WildcardLines
from modules.prompts.prompt_templates import weighed_text
from modules.prompts.styles import Stamp, file_stamp

STRUCTURED = (".yaml", ".yml", ".json")
LARGEST_LINES = 16 * 2**20         # bytes of a file of lines
LARGEST_STRUCTURED = 4 * 2**20
MOST_WILDCARD_FILES = 20_000
MOST_IN_STRUCTURED = 200_000       # lists and lines of a .yaml or .json
MOST_STARS = 8

log = logging.getLogger(__name__)


class WildcardFiles:
    """The wildcards of some folders; a file is read when it is asked for, and again when it has changed."""

    def __init__(self, folders: Sequence[Path]) -> None:
        """folders: by rising precedence; none need exist"""
        self.folders = tuple(folders)
        self._read: dict[Path, tuple[Stamp, dict[str, WildcardLines]]] = {}

    def current(self) -> FoundWildcards:
        """Return the wildcards as they are on disk now."""
        found: dict[str, tuple[Path, str]] = {}
        for folder in self.folders:
            for path in files_below(folder):
                found |= {name: (path, key) for name, key in self.named(folder, path)}
        return FoundWildcards(self, found)

    def named(self, folder: Path, path: Path) -> Iterator[tuple[str, str]]:
        """Yield each wildcard's name, and its key within the file."""
        stem = path.relative_to(folder).with_suffix("").as_posix()
        if path.suffix == ".txt":
            yield stem, ""
            return
        parent, _, _ = stem.rpartition("/")
        for key in self.content(path):
            yield (f"{parent}/{key}" if parent and key else key or stem), key

    def content(self, path: Path) -> Mapping[str, WildcardLines]:
        """Return a file's wildcards by key, "" for all of it; none if it cannot be read."""
        stamp = file_stamp(path)
        known = self._read.get(path)
        if not known or known[0] != stamp:
            self._read[path] = known = (stamp, read_wildcards(path))
        return known[1]


@dataclass
class FoundWildcards:
    """The wildcards that there are, for one request."""

    files: WildcardFiles
    found: Mapping[str, tuple[Path, str]]
    known: dict[str, WildcardLines] = field(default_factory=dict)

    def lines(self, name: str) -> WildcardLines:
        """Return the lines of a name, which may have `*`. Raises UnknownName or Invalid."""
        if name not in self.known:
            self.known[name] = self._lines(clean_name(name))
        return self.known[name]

    def _lines(self, name: str) -> WildcardLines:
        places = [self.found[each] for each in self._matching(name)]
        parts = [self.files.content(path).get(key, WildcardLines(())) for path, key in places]
        lines = [line for part in parts for line in part.lines]
        if not lines:
            raise UnknownName("wildcard", name, self.found)
        weighed = any(part.weights for part in parts)
        weights = [weight for part in parts for weight in part.weights or [1.0] * len(part.lines)] if weighed else []
        return WildcardLines(lines, weights)

    def _matching(self, name: str) -> list[str]:
        """Return the known names that are meant: that name, those that fit its `*`, or it in any folder."""
        if name in self.found:
            return [name]
        for pattern in (name, f"**/{name}"):
            fits = re.compile(fnmatch.translate(pattern)).match
            if matching := sorted(each for each in self.found if fits(each)):
                return matching
        return []


def clean_name(name: str) -> str:
    """Return a wildcard's name with `/` alone between folders. Raises Invalid."""
    cleaned = "/".join(filter(None, name.replace("\\", "/").split("/")))
    if ".." in cleaned.split("/") or len(cleaned) > MAX_NAME or cleaned.count("*") > MOST_STARS:
        raise Invalid(
            f"{name!r:.100} cannot be a wildcard's name.", f"Names have no .., and at most {MOST_STARS} *.", "prompt"
        )
    return cleaned


def files_below(folder: Path) -> Iterator[Path]:
    """Yield the files of wildcards in a folder, sorted; links that lead out of it are left out."""
    count = 0
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(each for each in folders if not each.startswith("."))
        for name in sorted(names):
            path = Path(place, name)
            if path.suffix not in (".txt", *STRUCTURED) or (path.is_symlink() and not is_inside(path, folder)):
                continue
            count += 1
            if count > MOST_WILDCARD_FILES:
                log.warning("%s has more than %s files of wildcards; the others are left out.", folder,
                            MOST_WILDCARD_FILES)
                return
            yield path


def is_inside(path: Path, folder: Path) -> bool:
    return path.resolve().is_relative_to(folder.resolve())


def read_wildcards(path: Path) -> dict[str, WildcardLines]:
    """Return a file's wildcards by key; none, and a line in the log, if it cannot be read."""
    structured = path.suffix in STRUCTURED
    try:
        if path.stat().st_size > (LARGEST_STRUCTURED if structured else LARGEST_LINES):
            raise ValueError("it is too large")
        text = path.read_text(encoding="utf-8-sig", errors="replace")
        if not structured:
            return {"": weighed_lines(text.splitlines())}
        return dict(structured_lists(json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)))
    except (OSError, ValueError, yaml.YAMLError, RecursionError) as error:
        log.warning("The wildcards in %s cannot be read: %s", path, error)
        return {}


def weighed_lines(lines: Sequence[str]) -> WildcardLines:
    """Return the lines that are neither empty nor comments, and their weights."""
    kept = [weighed_text(line.strip()) for line in lines if line.strip() and not line.lstrip().startswith("#")]
    texts, weights = [text for text, _ in kept], [weight for _, weight in kept]
    return WildcardLines(texts, weights if any(weight != 1.0 for weight in weights) else ())


def structured_lists(data: Any) -> Iterator[tuple[str, WildcardLines]]:
    """Yield each list of structured data with its keys, joined by `/`. Raises ValueError if it is too much."""
    waiting, count = [("", data)], 0
    while waiting:
        key, value = waiting.pop()
        count += 1 + (len(value) if isinstance(value, list | dict) else 0)
        if count > MOST_IN_STRUCTURED:
            raise ValueError(f"it has more than {MOST_IN_STRUCTURED:,} entries")
        if isinstance(value, dict):
            waiting += [(f"{key}/{name}" if key else str(name), each) for name, each in value.items()]
        elif isinstance(value, list | str):
            found = weighed_lines([line_of(each) for each in ([value] if isinstance(value, str) else value)])
            if found.lines:
                yield key, found


def line_of(entry: Any) -> str:
    """Return a list's entry as a line: a text, a number, or a text with its weight."""
    if isinstance(entry, dict):
        text = str(entry.get("text") or entry.get("content") or "")
        weight = entry.get("weight", 1)
        return f"{weight}::{text}" if text and isinstance(weight, int | float) and weight != 1 else text
    return str(entry) if isinstance(entry, str | int | float) else ""
