"""A damaged library: it is set aside, and what can be read of it and of its last good copy goes into a new one."""

from __future__ import annotations

import contextlib
import logging
import sqlite3
from contextlib import closing
from pathlib import Path

from modules.base.files import sync_folder
from modules.base.last_good import last_good_path, set_aside
from modules.gallery.schema import LIBRARY_MIGRATIONS
from modules.store.database import migrate
from modules.store.repair import BESIDE_DATABASE, damage_of, remove_database, rescue_rows

log = logging.getLogger(__name__)
# tables that stand in no file; the texts that are searched are read from the files again
RESCUED = ("roots", "pictures", "picture_texts", "traits", "albums", "album_pictures", "parents")


def repair_library(path: Path) -> bool:
    """Replace a damaged library; return whether it was one. Raises Unwritable, sqlite3.Error or OSError.

    Everything is read again by the next scan.
    """
    reason = damage_of(path)
    if not reason:
        return False
    log.error("The picture library %s is damaged: %s", path.name, reason)
    fresh = path.with_name(f"{path.name}.new")
    remove_database(fresh)
    migrate(fresh, LIBRARY_MIGRATIONS)
    with closing(sqlite3.connect(fresh, isolation_level=None)) as target:
        tables = dict.fromkeys(RESCUED, "1")
        count = rescue_rows(path, target, tables) + rescue_rows(last_good_path(path), target, tables)
        target.execute("UPDATE pictures SET modified = 0 WHERE state = 'here'")
        target.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    aside = set_aside(path)
    for end in BESIDE_DATABASE:
        with contextlib.suppress(FileNotFoundError):
            path.with_name(path.name + end).replace(aside.with_name(aside.name + end))
    fresh.replace(path)
    sync_folder(path.parent)
    log.warning("It is kept as %s; %d of its records were saved.", aside.name, count)
    return True
