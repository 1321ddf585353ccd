"""Files written whole or not at all, and paths that stay where they belong."""

from __future__ import annotations

import contextlib
import errno
import os
import uuid
from pathlib import Path

from modules.base.errors import DiskFull, Forbidden, Unwritable, WebUIError


def write_atomically(path: Path, content: bytes) -> None:
    """Write `content` so that `path` holds the old bytes or the new ones, never a part; durable when it returns.

    Its folder is made, its permissions are those of any new file. Raises DiskFull or Unwritable.
    """
    temporary = path.with_name(f".{uuid.uuid4().hex}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(temporary, "xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        sync_folder(path.parent)
    except BaseException as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        if isinstance(error, OSError):
            raise refused(path, error) from error
        raise


def make_folder(folder: Path) -> None:
    """With those above it, if it is not there. Raises DiskFull or Unwritable."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise refused(folder, error) from error


def refused(path: Path, error: OSError) -> WebUIError:
    """What kept a file from being written, told without the folders above it."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DiskFull(f"No space left to write {path.name}.", f"Free some space in {path.parent.name}/.")
    return Unwritable(f"{path.name} could not be written: {error.strerror}.", f"Check who may write to {path.parent.name}/.")


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
