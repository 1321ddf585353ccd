"""What the data of edited pictures were before: the newest edit of a file is found by the file's hash."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from modules.store.database import Database
from modules.store.migrations import Migration

MOST_LISTED_EDITS = 200      # edits of one file


@dataclass(frozen=True, slots=True)
class PictureEdit:
    """An edit of a file: what was done, and the file's SHA-256 before and after it."""

    number: int
    at: float
    what: str
    before: str
    after: str


class PictureHistory:
    """An account's edits. Any thread may use it.

    A file's edits are a chain of hashes: they are found wherever the file lies and whatever it is called.
    """

    def __init__(self, path: Path) -> None:
        self.database = Database(path, HISTORY_MIGRATIONS)

    def add(self, what: str, before: str, after: str, delta: bytes) -> None:
        """Record an edit before it is written.

        delta: what makes the former file of the later one, as in `base.delta`
        """
        with self.database.open() as db:
            db.execute(
                "INSERT INTO edits (at, what, before, after, delta) VALUES (?, ?, ?, ?, ?)",
                (time.time(), what, before, after, delta),
            )

    def of(self, revision: str) -> list[PictureEdit]:
        """Return the edits that led to a file, newest first."""
        found: list[PictureEdit] = []
        with self.database.reading() as db:
            while len(found) < MOST_LISTED_EDITS:
                older = found[-1].number if found else 2**62
                row = db.execute(
                    "SELECT number, at, what, before, after FROM edits WHERE after = ? AND number < ? "
                    "ORDER BY number DESC LIMIT 1", (revision, older),
                ).fetchone()
                if row is None:
                    return found
                found.append(PictureEdit(*row))
                revision = found[-1].before
        return found

    def delta(self, number: int) -> bytes:
        with self.database.reading() as db:
            content: bytes = db.execute("SELECT delta FROM edits WHERE number = ?", (number,)).fetchone()[0]
            return content

    def forget(self, numbers: Collection[int]) -> None:
        """Delete edits."""
        with self.database.open() as db:
            db.executemany("DELETE FROM edits WHERE number = ?", [(number,) for number in numbers])
        self._shrink()

    def empty(self) -> int:
        """Delete all edits; return their number."""
        with self.database.open() as db:
            count = db.execute("DELETE FROM edits").rowcount
        self._shrink()
        return count

    def _shrink(self) -> None:
        """Give back the room of what was deleted, and leave none of it on the disk."""
        with self.database.open() as db:
            db.commit()
            db.execute("VACUUM")
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")      # the log has what was deleted as well


def first_history_tables(db: sqlite3.Connection) -> None:
    """Edits with what undoes them."""
    db.execute(
        "CREATE TABLE edits (number INTEGER PRIMARY KEY AUTOINCREMENT, at REAL NOT NULL, what TEXT NOT NULL, "
        "before TEXT NOT NULL, after TEXT NOT NULL, delta BLOB NOT NULL)"
    )
    db.execute("CREATE INDEX edits_by_result ON edits (after, number)")


HISTORY_MIGRATIONS: tuple[Migration, ...] = (first_history_tables,)
