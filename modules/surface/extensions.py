"""A1111's `modules.extensions`: which extensions there are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from modules.plugins.host import IN_USE, ExtensionState
from modules.surface.binding import bound_host
from modules.surface.paths_internal import PATH_NAMES


class Extension:
    """A folder of an extension, as others see it."""

    def __init__(
        self, name: str, path: str, enabled: bool = True, is_builtin: bool = False, metadata: Any = None
    ) -> None:
        self.name, self.path, self.enabled, self.is_builtin = name, path, enabled, is_builtin
        self.canonical_name, self.metadata = name.lower(), metadata
        self.status, self.can_update, self.have_info_from_repo = "", False, False
        self.commit_hash = self.version = self.branch = self.remote = ""
        self.commit_date: int | None = None

    def read_info_from_repo(self) -> None:
        """What git says of the folder is shown by Easel's own page."""

    def list_files(self, subdir: str, extension: str) -> list[Any]:
        from modules.surface.scripts import ScriptFile

        found = sorted(Path(self.path, subdir).glob(f"*{extension}"))
        return [ScriptFile(self.path, path.name, str(path)) for path in found if path.is_file()]


def seen(state: ExtensionState) -> Extension:
    return Extension(state.name, str(state.extension.folder), state.state == IN_USE, False, state.extension.metadata)


def active() -> list[Extension]:
    """Return the extensions in use."""
    return [seen(state) for state in bound_host().active]


def list_extensions() -> None:
    """The list is made when Easel starts."""


def find_extension(filename: str) -> Extension | None:
    """Return the extension that a file belongs to."""
    path = Path(filename).resolve()
    return next((each for each in active() if path.is_relative_to(Path(each.path).resolve())), None)


def __getattr__(name: str) -> Any:
    if name == "extensions":
        return [seen(state) for state in bound_host().extensions]
    if name == "extension_paths":
        return {each.path: each for each in active()}
    if name in ("extensions_dir", "extensions_builtin_dir"):
        return str(PATH_NAMES[name](bound_host().program.flags))
    raise AttributeError(f"module 'modules.extensions' has no attribute {name!r}")
