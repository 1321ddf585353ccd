"""The bytes of an account's pictures."""

from __future__ import annotations

import os
from pathlib import Path

from modules.base.errors import OverQuota
from modules.settings.account_limits import MEGABYTE, AccountLimits

Sized = tuple[int, int, tuple[Path, ...]]      # when a folder changed, ns; bytes of its files; its folders


class FolderSize:
    """The bytes in a folder and all below it; unchanged folders are not read again."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._known: dict[Path, Sized] = {}

    def bytes(self) -> int:
        known: dict[Path, Sized] = {}
        waiting = [self.root]
        while waiting:
            folder = waiting.pop()
            try:
                changed = folder.stat().st_mtime_ns
                found = self._known.get(folder)
                known[folder] = found if found and found[0] == changed else (changed, *content_size(folder))
            except OSError:      # it has gone, or may not be read: nothing of it is counted
                continue
            waiting += known[folder][2]
        self._known = known
        return sum(size for _, size, _ in known.values())


def content_size(folder: Path) -> tuple[int, tuple[Path, ...]]:
    """Return the bytes of a folder's files, and its subfolders. Raises OSError."""
    size, folders = 0, []
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                folders.append(Path(entry.path))
            else:
                size += entry.stat(follow_symlinks=False).st_size
    return size, tuple(folders)


def check_storage(limits: AccountLimits, outputs: FolderSize) -> None:
    """Check the quota before a job whose pictures are to be saved. Raises OverQuota."""
    if limits.storage and (used := outputs.bytes()) >= limits.storage:
        raise OverQuota(
            f"Your account's pictures take {used // MEGABYTE:,} MB; it may have {limits.storage // MEGABYTE:,}.",
            "Pictures that are not to be saved can still be made. Ask the administrator for room.", 3600,
        )
