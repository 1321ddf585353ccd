"""The picture libraries of all accounts, each opened when it is first asked for."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Collection, Mapping
from functools import partial
from pathlib import Path
from threading import Lock

from modules.base.accounts import LOCAL_OWNER, account_folder
from modules.base.errors import DatabaseUnusable
from modules.gallery.gallery import Gallery, JobOrigin
from modules.gallery.repair import repair_library
from modules.gallery.thumbnails import Thumbnails
from modules.settings.account_paths import account_paths
from modules.settings.flags import Paths
from modules.store.jobs import JobStore
from modules.store.repair import keep_good_database

LARGEST_COPIED = 512 * 2**20      # bytes of a library that is copied while the server runs
THUMBNAILS = "thumbnails"      # in the cache


class Galleries:
    """The libraries by account. Any thread may use it."""

    def __init__(self, paths: Paths, store: JobStore) -> None:
        self.paths, self.store = paths, store
        self._open: dict[str, Gallery] = {}
        self._kept: dict[str, int] = {}      # the revision of which there is a copy
        self._opening = Lock()

    def of(self, owner: str) -> Gallery:
        """Return an account's library."""
        with self._opening:
            if owner not in self._open:
                try:
                    self._open[owner] = self._opened(owner)
                except (DatabaseUnusable, sqlite3.DatabaseError):
                    if not repair_library(account_paths(self.paths, owner).library):
                        raise
                    self._open[owner] = self._opened(owner)
            return self._open[owner]

    def _opened(self, owner: str) -> Gallery:
        mine = account_paths(self.paths, owner)
        foreign = partial(account_folders, self.paths, self.store) if owner == LOCAL_OWNER else tuple
        origins, thumbnails = partial(job_origins, self.store, owner), Thumbnails(self.paths.cache / THUMBNAILS)
        return Gallery(mine.library, mine.outputs, thumbnails, origins, foreign)

    def keep_good(self) -> None:
        """Renew the last good copies of the libraries that have changed since. Raises DiskFull or Unwritable."""
        with self._opening:
            found = {owner: (gallery, gallery.index.revision) for owner, gallery in self._open.items()}
        for owner, (gallery, revision) in found.items():
            path = gallery.index.database.path
            if self._kept.get(owner) != revision and path.stat().st_size <= LARGEST_COPIED:
                keep_good_database(path)
                self._kept[owner] = revision

    def stop(self) -> None:
        """End all scans."""
        with self._opening:
            for gallery in self._open.values():
                gallery.stop()


def job_origins(store: JobStore, owner: str, paths: Collection[str]) -> Mapping[str, JobOrigin]:
    """Return path → the job that made it, of those that an account's jobs made."""
    found = store.outputs_at(owner, paths)
    return {path: JobOrigin(job, output.index, output.infotext) for path, (job, output) in found.items()}


def account_folders(paths: Paths, store: JobStore) -> set[str]:
    """Return the names of the folders in the outputs that belong to accounts, for a server that has none just now."""
    names = {account_folder(owner) for owner in store.owners() if owner != LOCAL_OWNER}
    with contextlib.suppress(OSError):
        names |= {path.name for path in Path(paths.data_dir, "configs", "accounts").iterdir()}
    return names
