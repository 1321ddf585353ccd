"""Files written whole or not at all, and paths that stay where they belong."""

from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path

from modules.base.errors import DiskFull, Forbidden


def write_atomically(path: Path, content: bytes) -> None:
    """Write `content` so that `path` holds the old bytes or the new ones, never a part; durable when it returns.

    Raises DiskFull when there is no space; other OSErrors pass.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=".", suffix=".tmp", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException as error:
        Path(temporary).unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFull(f"No space left to write {path.name}.", f"Free some space in {path.parent.name}/.") from error
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make a rename inside `folder` durable, where the platform lets a folder be synced."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def inside(root: Path, path: str | Path) -> Path:
    """`path` under `root`, both resolved; raises Forbidden for anything that leads out."""
    if "\0" in str(path) or not (resolved := (root / path).resolve()).is_relative_to(root.resolve()):
        raise Forbidden("That path is outside the folders Easel may use.")
    return resolved
