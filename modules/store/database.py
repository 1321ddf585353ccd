"""The SQLite file for everything that must survive a crash."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

from modules.base.errors import DatabaseUnusable, DiskFull, JobFailed, Unwritable
from modules.store.migrations import MIGRATIONS, Migration

OWNER_ALONE = 0o600      # permissions
BUSY_SECONDS = 30      # waiting time for another process's transaction
MOST_MEMORY = 64 * 2**20      # bytes of what is kept of all databases together; each account has one of its own


class Database:
    """A database file: each transaction has a connection of its own, reads share one. Any thread may use it.

    One connection of each stays open: opening one costs more than most statements, since it reads the schema.
    Write-ahead logging, synced.
    """

    def __init__(self, path: Path, migrations: Sequence[Migration] = MIGRATIONS) -> None:
        """Bring the file to the newest version.

        Raises DatabaseUnusable; for a database of an unknown version before anything in it is touched.
        """
        self.path = path
        self._reader: KeptConnection | None = None
        self._reading = Lock()
        self._writer: KeptConnection | None = None      # that no transaction uses
        self._taking = Lock()
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
        """Return the connection for reading alone."""
        with self._reading:
            if self._reader and self._reader.is_replaced(self.path):
                self._reader.connection.close()
                self._reader = None
            self._reader = self._reader or kept_connection(self.path)
            yield self._reader.connection

    def rows(self, sql: str, values: Sequence[Any] | Mapping[str, Any] = ()) -> list[tuple[Any, ...]]:
        """Return all that a query finds, as plain tuples."""
        with self.reading() as db:
            cursor = db.execute(sql, values)
            cursor.row_factory = None
            return cursor.fetchall()

    @contextmanager
    def open(self) -> Iterator[sqlite3.Connection]:
        """A transaction: committed at the end, rolled back by an exception.

        Raises DiskFull or Unwritable if the disk is why.
        """
        writer = self._take_writer()
        with ExitStack() as failed:
            failed.callback(writer.connection.close)
            with disk_errors(self.path), writer.connection:
                yield writer.connection
            failed.pop_all()
        self._keep_writer(writer)

    def _take_writer(self) -> KeptConnection:
        """Return the connection that stays open if it is free and the file is still the one it was opened for."""
        with self._taking:
            kept, self._writer = self._writer, None
        if kept and kept.file == file_identity(self.path):
            return kept
        if kept:
            kept.connection.close()
        return opened_writer(self.path)

    def _keep_writer(self, writer: KeptConnection) -> None:
        """Keep a connection that is free, without the pages that its transaction has read."""
        writer.connection.execute("PRAGMA shrink_memory")
        with self._taking:
            spare, self._writer = self._writer, writer
        if spare:
            spare.connection.close()


@dataclass(frozen=True, slots=True)
class KeptConnection:
    """A connection that stays open. file: the identity of what it was opened for, None if it made the file"""

    connection: sqlite3.Connection
    file: tuple[int, int] | None

    def is_replaced(self, path: Path) -> bool:
        """Return whether another file has taken the place of its own."""
        return file_identity(path) not in (None, self.file)


def kept_connection(path: Path) -> KeptConnection:
    file = file_identity(path)      # first: a file that takes its place meanwhile is noticed at the next use
    connection = sqlite3.connect(path, timeout=BUSY_SECONDS, check_same_thread=False)
    connection.row_factory = sqlite3.Row
    connection.execute(f"PRAGMA soft_heap_limit = {MOST_MEMORY}")
    return KeptConnection(connection, file)


def opened_writer(path: Path) -> KeptConnection:
    """Open a connection for transactions. Raises DiskFull or Unwritable if the disk is why it cannot be."""
    with disk_errors(path), ExitStack() as failed:
        writer = kept_connection(path)
        failed.callback(writer.connection.close)
        writer.connection.execute("PRAGMA journal_mode = WAL")
        writer.connection.execute("PRAGMA synchronous = FULL")
        failed.pop_all()
    return writer


def file_identity(path: Path) -> tuple[int, int] | None:
    """Return what tells a file from one that has taken its place; None without a file."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Raise DiskFull or Unwritable for an error of SQLite's that the disk is the reason of."""
    try:
        yield
    except sqlite3.OperationalError as error:
        if told := disk_error(path, error):
            raise told from error
        raise


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
