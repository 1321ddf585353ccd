"""The SQLite file for everything that must survive a crash."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from threading import Lock

from modules.base.errors import DatabaseUnusable, DiskFull, JobFailed, Unwritable
from modules.store.migrations import MIGRATIONS, Migration

OWNER_ALONE = 0o600      # permissions
BUSY_SECONDS = 30      # waiting time for another process's transaction


class Database:
    """A database file: each write has a connection of its own, reads share one that stays open. Any thread may use it.

    Write-ahead logging, synced.
    """

    def __init__(self, path: Path, migrations: Sequence[Migration] = MIGRATIONS) -> None:
        """Bring the file to the newest version.

        Raises DatabaseUnusable; for a database of an unknown version before anything in it is touched.
        """
        self.path = path
        self._reader: sqlite3.Connection | None = None
        self._reading = Lock()
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            refuse_unknown(path, len(migrations))
            migrate(path, migrations)
        except sqlite3.Error as error:
            raise DatabaseUnusable(
                f"The database {path.name} cannot be opened: {error}.",
                f"Check the disk's space and who may write to {path.parent}. If the file itself is damaged, move it "
                "away: Easel makes a new one.",
            ) from error

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Return a connection for reading alone, kept open: opening one costs more than most queries."""
        with self._reading:
            if self._reader is None:
                self._reader = sqlite3.connect(self.path, timeout=BUSY_SECONDS, check_same_thread=False)
                self._reader.row_factory = sqlite3.Row
            yield self._reader

    @contextmanager
    def open(self) -> Iterator[sqlite3.Connection]:
        """A transaction: committed at the end, rolled back by an exception.

        Raises DiskFull or Unwritable if the disk is why.
        """
        connection = sqlite3.connect(self.path, timeout=BUSY_SECONDS)
        try:
            connection.row_factory = sqlite3.Row
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            with connection:
                yield connection
        except sqlite3.OperationalError as error:
            if told := disk_error(self.path, error):
                raise told from error
            raise
        finally:
            connection.close()


def disk_error(path: Path, error: sqlite3.OperationalError) -> JobFailed | None:
    """Return an error with a reason in words if the disk kept the database from being written."""
    primary = getattr(error, "sqlite_errorcode", 0) & 0xFF      # where it has none: see the text
    if primary == 13 or "disk is full" in str(error):
        return DiskFull(f"No space left to write {path.name}.", f"Free some space on the disk of {path.parent.name}/.")
    if primary in (8, 10, 14) or "readonly" in str(error) or "disk I/O" in str(error) or "unable to open" in str(error):
        return Unwritable(
            f"{path.name} could not be written: {error}.", f"Check the disk, and who may write to {path.parent.name}/."
        )
    return None


def log_size(log: Path) -> int:
    """Return a log's bytes; 0 without one, as when another connection has just closed and taken it along."""
    try:
        return log.stat().st_size
    except FileNotFoundError:
        return 0


def refuse_unknown(path: Path, newest: int) -> None:
    """Raise DatabaseUnusable for a file of a later version, or of none of ours, without changing a byte of it."""
    if not path.exists():
        return
    log = path.with_name(f"{path.name}-wal")
    # else SQLite would create a log beside it
    how = "mode=ro" if log_size(log) else "mode=ro&immutable=1"
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?{how}", uri=True, timeout=BUSY_SECONDS)) as connection:
        version = version_of_database(connection)
    if version < 0:
        raise DatabaseUnusable(
            f"The database {path.name} has the version {version}, which no Easel writes. Nothing in it was changed.",
            "Another program has made or marked it: move it away, and Easel makes a new one, or restore a backup.",
        )
    if version > newest:
        raise DatabaseUnusable(
            f"The database {path.name} is of a newer Easel (version {version}; this one knows versions up to "
            f"{newest}). Nothing in it was changed.",
            "Start that newer Easel again, or choose another folder with --data-dir.",
        )


def migrate(path: Path, migrations: Sequence[Migration]) -> None:
    """Run the missing migrations in one transaction: a crash leaves the old version whole.

    Another process may do the same meanwhile.
    """
    make_private(path)
    with closing(sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)) as connection:
        if version_of_database(connection) == len(migrations):
            return
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("BEGIN IMMEDIATE")
        for number, step in enumerate(
            migrations[version_of_database(connection) :], start=version_of_database(connection) + 1
        ):
            step(connection)
            connection.execute(f"PRAGMA user_version = {number}")
        connection.execute("COMMIT")


def make_private(path: Path) -> None:
    """Make a database's empty file, for its owner alone to read, unless there is one; its logs are as it is.

    Other people of this computer have no business with prompts and hashes of passwords. Whoever gives an existing file
    to others has a reason. Without the file SQLite says what is wrong.
    """
    with suppress(OSError), open(path, "xb", opener=private_opener):
        pass


def private_opener(path: str, flags: int) -> int:
    """Open as `open` does, but a new file is for its owner alone."""
    return os.open(path, flags, OWNER_ALONE)


def version_of_database(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])
