"""What a folder of an extension has, in A1111's layout; found without importing any of it."""

from __future__ import annotations

import configparser
from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from modules.base.limits import MAX_NAME

LARGEST_METADATA = 64 * 2**10       # bytes of a metadata.ini
LOCALIZATIONS = "localizations"       # the folder of tables of words
LICENCE_NAMES = ("LICENSE", "LICENCE", "COPYING")


@dataclass(frozen=True)
class Extension:
    """A folder below `extensions/`: A1111's files by their kind."""

    folder: Path

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def canonical_name(self) -> str:
        """The name by which other extensions name it in their metadata.ini."""
        return (self.metadata.get("Extension", "Name", fallback="") or self.name).strip().lower()

    @cached_property
    def metadata(self) -> configparser.ConfigParser:
        """The content of metadata.ini; empty if there is none, or if it is damaged."""
        return read_metadata_ini(self.folder / "metadata.ini")

    @property
    def is_example(self) -> bool:
        """Whether it is one of those that come with Easel: off until somebody switches it on."""
        return self._says("Example")

    @property
    def is_part(self) -> bool:
        """Whether it says that it is a part of Easel that lives as an extension."""
        return self._says("Part")

    def _says(self, what: str) -> bool:
        return self.metadata.get("Easel", what, fallback="").strip().lower() == "yes"

    def files(self, kind: str, *endings: str) -> list[Path]:
        """Return the files of one of its folders with one of these endings, by name."""
        below = self.folder / kind
        found = below.iterdir() if below.is_dir() else ()
        return sorted(path for path in found if path.suffix.lower() in endings and path.is_file())

    @property
    def javascript(self) -> list[Path]:
        """Its JavaScript files: classic scripts first, then modules, each by name, as A1111 has them in its page."""
        return [*self.files("javascript", ".js"), *self.files("javascript", ".mjs")]

    @property
    def has_code(self) -> bool:
        """Whether anything of it is run: not of one with words and colours alone."""
        return bool(self.javascript) or any(self.folder.glob("*.py")) or bool(self.files("scripts", ".py"))

    @property
    def localizations(self) -> list[Path]:
        return self.files(LOCALIZATIONS, ".json")

    def optional(self, name: str) -> Path | None:
        """Return the path of one of its files; None if it has none of that name."""
        path = self.folder / name
        return path if path.is_file() else None

    @property
    def style_sheet(self) -> Path | None:
        return self.optional("style.css")

    @property
    def licence(self) -> Path | None:
        """Its licence's file."""
        names = (path for path in sorted(self.folder.iterdir()) if path.is_file())
        return next((path for path in names if path.stem.upper() in LICENCE_NAMES), None)


def find_extensions(root: Path) -> list[Extension]:
    """Return the extensions below `root` by name; hidden folders and files are none. No folder, no extension."""
    if not root.is_dir():
        return []
    folders = (path for path in root.iterdir() if path.is_dir() and not path.name.startswith((".", "__")))
    return [Extension(path) for path in sorted(folders)]


def find_examples(folder: Path | None, taken: Collection[str]) -> list[Extension]:
    """Return the examples that come with the program and whose names are not taken by a person's own extensions."""
    return [each for each in find_bundled(folder, taken) if each.is_example]


def find_parts(folder: Path | None, taken: Collection[str]) -> list[Extension]:
    """Return the parts of the program that are extensions, but for those whose names are taken."""
    return [each for each in find_bundled(folder, taken) if each.is_part]


def find_bundled(folder: Path | None, taken: Collection[str]) -> list[Extension]:
    return [each for each in (find_extensions(folder) if folder else ()) if each.name not in taken]


def read_metadata_ini(path: Path) -> configparser.ConfigParser:
    """Return the content of a metadata.ini; empty if it is missing, too large or damaged."""
    metadata = configparser.ConfigParser(interpolation=None)
    if path.is_file() and path.stat().st_size <= LARGEST_METADATA:
        try:
            metadata.read_string(path.read_text("utf-8-sig", errors="replace"))
        except configparser.Error:
            return configparser.ConfigParser(interpolation=None)
    return metadata


def metadata_names(text: str) -> tuple[str, ...]:
    """Return the names in a line of metadata.ini.

    >>> metadata_names("one, Two three")
    ('one', 'two', 'three')
    """
    return tuple(name for name in text.replace(",", " ").lower().split() if len(name) <= MAX_NAME)
