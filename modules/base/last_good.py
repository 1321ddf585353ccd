"""Last good copies of small files that people edit too; a damaged file is kept under another name."""

from __future__ import annotations

import contextlib
import logging
import os
from itertools import count
from pathlib import Path

from modules.base.errors import DiskFull, Unwritable
from modules.base.files import write_atomically, write_error

log = logging.getLogger(__name__)


def last_good_path(path: Path) -> Path:
    """Return `config.json.last-good` for config.json: an ending that lists of such files leave out."""
    return path.with_name(f"{path.name}.last-good")


def keep_last_good(path: Path, content: bytes) -> None:
    """Store `content`, which is readable, as the last good copy; a failure only means that there is none."""
    copy = last_good_path(path)
    with contextlib.suppress(OSError):
        if copy.read_bytes() == content:
            return
    with contextlib.suppress(DiskFull, Unwritable):
        write_atomically(copy, content)


def set_aside(path: Path) -> Path:
    """Copy a damaged file to a name of its own, like `config.broken.json`, and return that.

    The file itself stays until it is overwritten, so that nothing is lost if that fails. Raises Unwritable.
    """
    places = (path.with_name(f"{path.stem}.broken{number or ''}{path.suffix}") for number in count())
    aside = next(place for place in places if not os.path.lexists(place))
    try:
        give_second_name(path, aside)
    except OSError as error:
        raise write_error(path, error) from error
    log.warning("%s, which could not be read, is kept as %s.", path.name, aside.name)
    return aside


def give_second_name(path: Path, other: Path) -> None:
    """Or its only one, where a link cannot be made: for a folder, or on FAT. Raises OSError."""
    try:
        os.link(path, other)
    except OSError:
        path.replace(other)
