"""The order of extensions' files, and of their callbacks: A1111's, moved only as far as a metadata.ini asks for."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from modules.plugins.manifest import Extension, metadata_names

T = TypeVar("T")
FILE_OPTIONS = ("Requires", "After", "Before")


@dataclass(frozen=True)
class ScriptFile:
    """A file that an extension wants to be loaded, and what it says of its place."""

    extension: Extension
    path: Path
    requires: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    before: tuple[str, ...] = ()

    @property
    def canonical_name(self) -> str:
        return f"{self.extension.canonical_name}/{self.path.name}".lower()

    @property
    def names(self) -> tuple[str, ...]:
        """The names by which another file may name it: its own, and its extension's."""
        folder = self.extension.name.lower()
        return self.canonical_name, self.extension.canonical_name, f"{folder}/{self.path.name}".lower(), folder


@dataclass
class LoadingOrder:
    """The files in the order of loading, and sentences on those whose requirements are not there."""

    files: list[ScriptFile] = field(default_factory=list)
    missing: dict[Path, str] = field(default_factory=dict)


@dataclass(frozen=True)
class CallbackRule:
    """What a metadata.ini asks for a callback by its name: to be called after some and before others."""

    name: str
    after: tuple[str, ...]
    before: tuple[str, ...]


def loading_order(
    extensions: Iterable[Extension], folder: str = "scripts", endings: Sequence[str] = (".py",)
) -> LoadingOrder:
    """Return all files of a folder of extensions' in order: by extension and name, but for what metadata.ini asks for.

    As in A1111 a file without its requirement is loaded, and that is told.
    """
    files = [
        ScriptFile(extension, path, *(placed(extension, folder, path, option) for option in FILE_OPTIONS))
        for extension in extensions for path in extension.files(folder, *endings)
    ]
    known = {name for file in files for name in file.names}
    order = LoadingOrder(in_dependency_order(files))
    for file in files:
        if absent := [name for name in file.requires if not known & set(name.split("|"))]:
            order.missing[file.path] = f"It requires {' and '.join(absent)}, which is not here or is off."
    return order


def placed(extension: Extension, folder: str, path: Path, option: str) -> tuple[str, ...]:
    """Return the names in a file's option of metadata.ini: the file's own, its folder's and the extension's."""
    sections = f"{folder}/{path.name}", folder, "Extension"
    return metadata_names(",".join(extension.metadata.get(section, option, fallback="") for section in sections))


def in_dependency_order(files: Sequence[ScriptFile]) -> list[ScriptFile]:
    """Sort files so that each comes after those it names; in a circle the order by name holds."""
    earlier: dict[Path, list[Path]] = {file.path: [] for file in files}
    for file in files:
        for other in files:
            if other is not file and is_named(other, file.after):
                earlier[file.path].append(other.path)
            if other is not file and is_named(other, file.before):
                earlier[other.path].append(file.path)
    by_path = {file.path: file for file in files}
    return [by_path[path] for path in topological_order(earlier)]


def is_named(file: ScriptFile, names: Collection[str]) -> bool:
    return any(set(file.names) & set(name.split("|")) for name in names)


def topological_order(earlier: Mapping[T, Iterable[T]]) -> list[T]:
    """Return the keys so that each comes after its `earlier` ones; in a circle their first order holds."""
    placed_keys: dict[T, None] = {}

    def place(key: T, above: Collection[T]) -> None:
        if key in placed_keys or key in above:
            return
        for other in earlier[key]:
            if other in earlier:
                place(other, {*above, key})
        placed_keys.setdefault(key)

    for key in earlier:
        place(key, ())
    return list(placed_keys)


def callback_rules(extensions: Iterable[Extension]) -> list[CallbackRule]:
    """Return what all metadata.ini ask for callbacks, each for its own extension's."""
    extensions = list(extensions)
    folders = {each.canonical_name: each.name.lower() for each in extensions}
    return [
        CallbackRule(name, *(rule_names(extension, section, option, folders) for option in ("After", "Before")))
        for extension in extensions for section in extension.metadata.sections()
        if section.startswith("callbacks/")
        and (name := with_folder(section.removeprefix("callbacks/"), folders)).startswith(extension.name.lower())
    ]


def rule_names(
    extension: Extension, section: str, option: str, folders: Mapping[str, str]
) -> tuple[str, ...]:
    line = extension.metadata.get(section, option, fallback="")
    return tuple(with_folder(name, folders) for name in line.replace(",", " ").split())


def with_folder(name: str, folders: Mapping[str, str]) -> str:
    """Return a callback's name with its extension's folder for the extension's own name."""
    extension, slash, rest = name.partition("/")
    return f"{folders.get(extension.lower(), extension.lower())}{slash}{rest}"


def callback_name(extension: str, file: str, moment: str, name: str, taken: Collection[str]) -> str:
    """Return the name by which metadata.ini and A1111's settings know a callback.

    >>> callback_name("Some", "a.py", "ui_tabs", "", ["some/a.py/ui_tabs"])
    'some/a.py/ui_tabs-1'
    """
    plain = "/".join(filter(None, (extension.lower(), file, moment, name)))
    numbers = (f"{plain}-{number}" for number in range(1, len(taken) + 2))
    return next(each for each in (plain, *numbers) if each not in taken)


def in_asked_order(
    callbacks: Sequence[T], name_of: Callable[[T], str], rules: Sequence[CallbackRule], first: Any = ()
) -> list[T]:
    """Return callbacks as the rules ask for; those that a person's setting names come first."""
    by_name = {name_of(each): each for each in callbacks}
    earlier: dict[str, list[str]] = {name: [] for name in by_name}
    for rule in rules:
        if rule.name in earlier:
            earlier[rule.name] += rule.after
            for name in rule.before:
                earlier.get(name, []).append(rule.name)
    names = topological_order(earlier)
    wanted = [name for name in first if name in by_name] if isinstance(first, list | tuple) else []
    return [by_name[name] for name in dict.fromkeys([*wanted, *names])]
