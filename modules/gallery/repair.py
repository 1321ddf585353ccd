"""A damaged library: it is set aside, and what can be read of it and of its last good copy goes into a new one."""

from __future__ import annotations

import logging
import sqlite3
from pathlib import Path

from modules.base.last_good import last_good_path
from modules.gallery.schema import LIBRARY_MIGRATIONS
from modules.store.repair import damage_of, replace_damaged, rescue_rows

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
    aside, count = replace_damaged(path, LIBRARY_MIGRATIONS, rescue_marks)
    log.warning("It is kept as %s; %d of its records were saved.", aside.name, count)
    return True


def rescue_marks(path: Path, target: sqlite3.Connection) -> int:
    """Insert what stands in no file into an open library, from the damaged one and its last good copy."""
    tables = dict.fromkeys(RESCUED, "1")
    count = rescue_rows(path, target, tables) + rescue_rows(last_good_path(path), target, tables)
    target.execute("UPDATE pictures SET modified = 0 WHERE state = 'here'")      # so that the next scan reads them
    return count
