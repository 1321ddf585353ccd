"""Folders on the server's disk that a request names: whose business they are, and where they really are."""

from __future__ import annotations

from pathlib import Path

from modules.base.errors import Forbidden, Invalid
from modules.base.files import make_folder
from modules.settings.flags import Flags

WHOLE_PATH_HINT = "Give the folder's whole path, as the server's own file manager shows it."


def input_folder(flags: Flags, named: str, field: str) -> Path:
    """A folder to read from. Raises Forbidden or Invalid."""
    path = allowed_folder(flags, named, field)
    if not path.is_dir():
        raise Invalid(f"There is no folder {named.strip()!r:.200} on the server.", WHOLE_PATH_HINT, field)
    return path


def output_folder(flags: Flags, named: str, field: str) -> Path:
    """A folder to write to, which is made if it is not there. Raises Forbidden, Invalid, DiskFull or Unwritable."""
    path = allowed_folder(flags, named, field)
    make_folder(path)
    return path


def allowed_folder(flags: Flags, named: str, field: str) -> Path:
    """The folder meant, links followed.

    Whoever sits at the server may name any; others only those that were opened for all.
    """
    if flags.shared and not flags.batch_dir:
        raise Forbidden("This server is shared: the folders on its disk are closed.",
                        "Upload the pictures instead. Whoever starts the server can open a folder with --batch-dir.")
    path = resolve_folder(flags, named, field)
    if flags.shared and not any(path.is_relative_to(each.resolve()) for each in flags.batch_dir):
        raise Forbidden("This server is shared, and that folder is not open.", f"Open is: {opened_folders(flags)}.")
    return path


def resolve_folder(flags: Flags, named: str, field: str) -> Path:
    """Relative paths start at the data folder. A shared server does not say whose home there is."""
    text = named.strip().strip('"')
    if not text:
        raise Invalid("No folder is named.", WHOLE_PATH_HINT, field)
    try:
        path = (flags.data_dir / (Path(text) if flags.shared else Path(text).expanduser())).resolve()
        path.exists()      # raises for a name that is too long
        return path
    except (OSError, RuntimeError, ValueError) as error:
        raise Invalid(f"{text!r:.200} is no path.", WHOLE_PATH_HINT, field) from error


def opened_folders(flags: Flags) -> str:
    return ", ".join(map(str, flags.batch_dir))
