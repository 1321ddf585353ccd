"""Folders on the server's disk that a request names: permissions, and resolved paths."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from modules.base.accounts import LOCAL_OWNER
from modules.base.errors import Forbidden, Invalid
from modules.base.files import make_folder
from modules.settings.flags import Flags

WHOLE_PATH_HINT = "Give the folder's whole path, as the server's own file manager shows it."


@dataclass(frozen=True)
class ServerFolders:
    """The folders that an account may name: the local account any, others only those opened by the flags."""

    start: Path                   # of relative paths
    opened: tuple[Path, ...]      # to all, by --batch-dir
    shared: bool                  # whoever asks need not be the person at this computer

    @classmethod
    def of(cls, flags: Flags, owner: str) -> ServerFolders:
        """Return the folders of an account."""
        return cls(flags.data_dir, flags.batch_dir, flags.shared or owner != LOCAL_OWNER)


def input_folder(folders: ServerFolders, named: str, field: str) -> Path:
    """Return a folder to read from. Raises Forbidden or Invalid."""
    path = allowed_folder(folders, named, field)
    if not path.is_dir():
        raise Invalid(f"There is no folder {named.strip()!r:.200} on the server.", WHOLE_PATH_HINT, field)
    return path


def output_folder(folders: ServerFolders, named: str, field: str) -> Path:
    """Return a folder to write to, created if missing. Raises Forbidden, Invalid, DiskFull or Unwritable."""
    path = allowed_folder(folders, named, field)
    make_folder(path)
    return path


def allowed_folder(folders: ServerFolders, named: str, field: str) -> Path:
    """Return the named folder, links followed. Raises Forbidden or Invalid."""
    if folders.shared and not folders.opened:
        raise Forbidden("This server is shared: the folders on its disk are closed.",
                        "Upload the pictures instead. Whoever starts the server can open a folder with --batch-dir.")
    path = resolve_folder(folders, named, field)
    if folders.shared and not any(path.is_relative_to(each.resolve()) for each in folders.opened):
        hint = f"Open is: {opened_folders(folders.opened)}."
        raise Forbidden("This server is shared, and that folder is not open.", hint)
    return path


def resolve_folder(folders: ServerFolders, named: str, field: str) -> Path:
    """Return the absolute path. Raises Invalid; a shared server expands no home folder."""
    text = named.strip().strip('"')
    if not text:
        raise Invalid("No folder is named.", WHOLE_PATH_HINT, field)
    try:
        path = (folders.start / (Path(text) if folders.shared else Path(text).expanduser())).resolve()
        path.exists()      # raises for a name that is too long
        return path
    except (OSError, RuntimeError, ValueError) as error:
        raise Invalid(f"{text!r:.200} is no path.", WHOLE_PATH_HINT, field) from error


def opened_folders(opened: tuple[Path, ...]) -> str:
    return ", ".join(map(str, opened))
