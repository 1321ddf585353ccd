"""What a folder of an extension has, in A1111's layout; found without importing any of it."""

from __future__ import annotations

import configparser
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from modules.base.limits import MAX_NAME

LARGEST_METADATA = 64 * 2**10       # bytes of a metadata.ini
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

    def files(self, kind: str, *endings: str) -> list[Path]:
        """Return the files of one of its folders with one of these endings, by name."""
        below = self.folder / kind
        found = below.iterdir() if below.is_dir() else ()
        return sorted(path for path in found if path.suffix.lower() in endings and path.is_file())

    @property
    def scripts(self) -> list[Path]:
        return self.files("scripts", ".py")

    @property
    def javascript(self) -> list[Path]:
        """Its JavaScript files: classic scripts first, then modules, each by name, as A1111 has them in its page."""
        return [*self.files("javascript", ".js"), *self.files("javascript", ".mjs")]

    @property
    def localizations(self) -> list[Path]:
        return self.files("localizations", ".json")

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


@dataclass(frozen=True)
class ScriptFile:
    """A Python file that an extension wants to be loaded, and what it says of its place."""

    extension: Extension
    path: Path
    requires: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    before: tuple[str, ...] = ()

    @property
    def canonical_name(self) -> str:
        return f"{self.extension.canonical_name}/{self.path.name}".lower()

    @property
    def names(self) -> tuple[str, str]:
        """The names by which another file may name it: its own, and its extension's."""
        return self.canonical_name, self.extension.canonical_name


@dataclass
class ScriptOrder:
    """The files in the order of loading, and those that cannot be loaded with the reason."""

    files: list[ScriptFile] = field(default_factory=list)
    refused: dict[Path, str] = field(default_factory=dict)


def find_extensions(root: Path) -> list[Extension]:
    """Return the extensions below `root` by name; hidden folders and files are none. No folder, no extension."""
    if not root.is_dir():
        return []
    folders = (path for path in root.iterdir() if path.is_dir() and not path.name.startswith((".", "__")))
    return [Extension(path) for path in sorted(folders, key=lambda path: path.name.lower())]


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


def script_files(extension: Extension) -> list[ScriptFile]:
    """Return its Python files with their places, as metadata.ini has them for the file or for the whole extension."""
    return [
        ScriptFile(extension, path, *(placed(extension, path, option) for option in ("Requires", "After", "Before")))
        for path in extension.scripts
    ]


def placed(extension: Extension, path: Path, option: str) -> tuple[str, ...]:
    sections = f"scripts/{path.name}", "Extension"
    lines = [extension.metadata.get(section, option, fallback="") for section in sections]
    return metadata_names(",".join(lines))


def loading_order(extensions: Iterable[Extension]) -> ScriptOrder:
    """Return all Python files in A1111's order: by folder and name, moved only as far as metadata.ini asks for."""
    files = [file for extension in extensions for file in script_files(extension)]
    known = {name for file in files for name in file.names}
    order = ScriptOrder()
    for file in files:
        if missing := [name for name in file.requires if name not in known]:
            order.refused[file.path] = f"It requires {' and '.join(missing)}, which is not here or is off."
    order.files = in_dependency_order([file for file in files if file.path not in order.refused])
    return order


def in_dependency_order(files: list[ScriptFile]) -> list[ScriptFile]:
    """Sort files so that each comes after those it names; in a circle the order by name holds."""
    earlier = {file.path: set(file.requires + file.after) for file in files}
    for file in files:
        for other in files:
            if other is not file and set(other.names) & set(file.before):
                earlier[other.path].add(file.canonical_name)
    placed_files: dict[Path, ScriptFile] = {}

    def place(file: ScriptFile, open_files: Collection[Path]) -> None:
        if file.path in placed_files or file.path in open_files:
            return
        for other in files:
            if other is not file and earlier[file.path] & set(other.names):
                place(other, {*open_files, file.path})
        placed_files.setdefault(file.path, file)

    for file in files:
        place(file, ())
    return list(placed_files.values())
