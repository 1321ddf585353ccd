"""Folders on the server's disk that a request names: permissions, and resolved paths."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from modules.base.accounts import LOCAL_OWNER
from modules.base.border import outcome
from modules.base.errors import Forbidden, Invalid
from modules.base.files import make_folder
from modules.gallery.facts import PICTURE_ENDINGS
from modules.settings.account_paths import TRAINING_PICTURES, account_paths
from modules.settings.flags import Flags

WHOLE_PATH_HINT = "Give the folder's whole path, as the server's own file manager shows it."
MOST_LOOKED_AT, MOST_LISTED = 20_000, 1_000      # entries of a folder; folders in an answer


@dataclass(frozen=True)
class ServerFolders:
    """The folders that an account may name: the local account any, others only those opened by the flags."""

    start: Path                   # of relative paths
    opened: tuple[Path, ...]      # to all, by --batch-dir
    shared: bool                  # whoever asks need not be the person at this computer
    datasets: Path                # the account's own pictures to train on

    @classmethod
    def of(cls, flags: Flags, owner: str) -> ServerFolders:
        """Return the folders of an account."""
        datasets = account_paths(flags.paths, owner).datasets
        return cls(flags.data_dir, flags.batch_dir, flags.shared or owner != LOCAL_OWNER, datasets)


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


@dataclass(frozen=True)
class ListedFolder:
    """A folder as it is looked through to choose one.

    above: the folder around it, None if that may not be named; below: names; pictures: files in it itself
    """

    path: Path | None
    above: Path | None
    below: tuple[str, ...]
    pictures: int


def listed_folder(folders: ServerFolders, named: str) -> ListedFolder:
    """Return a folder's folders, without hidden ones. Raises Forbidden or Invalid.

    named: "" for the person's own folder, or, on a shared server, the list of those that are open
    """
    if not named.strip() and folders.shared and folders.opened:
        return ListedFolder(None, None, tuple(str(each.resolve()) for each in folders.opened), 0)
    path = input_folder(folders, named if named.strip() else str(Path.home()), "path")
    entries = outcome(folder_entries, path)
    if isinstance(entries, Exception):
        raise Invalid(f"The folder {path.name!r:.200} cannot be read.", "Choose another one.", "path")
    below, pictures = entries
    return ListedFolder(path, folder_above(folders, path), below, pictures)


def folder_above(folders: ServerFolders, path: Path) -> Path | None:
    above = path.parent
    closed = folders.shared and not any(above.is_relative_to(each.resolve()) for each in folders.opened)
    return None if closed or above == path else above


def folder_entries(path: Path) -> tuple[tuple[str, ...], int]:
    """Return the names of a folder's folders and the number of its pictures. Raises OSError."""
    with os.scandir(path) as entries:
        seen = [each for each in islice(entries, MOST_LOOKED_AT) if not each.name.startswith(".")]
    below = sorted((each.name for each in seen if each.is_dir()), key=str.casefold)
    pictures = sum(each.name.rpartition(".")[2].lower() in PICTURE_ENDINGS for each in seen)
    return tuple(below[:MOST_LISTED]), pictures


def training_folder(folders: ServerFolders, named: str, field: str) -> Path:
    """Return a folder of a training; `datasets/NAME` is one of the account's own. Raises Forbidden or Invalid."""
    first, _, below = named.strip().partition("/")
    start = folders.datasets if first == TRAINING_PICTURES else folders.start
    path = resolve_folder(replace(folders, start=start), below if first == TRAINING_PICTURES else named, field)
    return path if is_own_dataset(folders, path) else allowed_folder(folders, named, field)


def is_own_dataset(folders: ServerFolders, path: Path) -> bool:
    """Return whether a resolved path is below the account's own pictures to train on."""
    place = folders.datasets.resolve()
    return path != place and path.is_relative_to(place)


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
