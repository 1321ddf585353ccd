"""Repair of a damaged database: it is set aside, and its readable rows and its last good copy make a new one."""

from __future__ import annotations

import contextlib
import logging
import os
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path

from modules.base.errors import DiskFull, Unwritable
from modules.base.files import discard, sync_folder
from modules.base.last_good import last_good_path, set_aside
from modules.store.database import make_private, migrate
from modules.store.migrations import MIGRATIONS, Migration

log = logging.getLogger(__name__)
CHECK_SECONDS = 20.0      # a check that takes longer counts as passed
RESCUE_SECONDS = 60.0     # for each source of rows
STEPS_BETWEEN_LOOKS = 10_000      # of SQLite's virtual machine, between looks at the clock
DAMAGED_CODES = (11, 26)      # SQLITE_CORRUPT, SQLITE_NOTADB
UNREADABLE_ROWS = (sqlite3.Error, UnicodeDecodeError)
BESIDE_DATABASE = ("-wal", "-shm")

# tables that are read from the model files again, or have one row in every database
NOT_RESCUED = frozenset({"model_files", "model_texts", "accounts_revision"})
# of the copy: sessions ended since it was made must stay ended
NOT_FROM_COPY = frozenset({"credentials"})
# rows that never change: the copy's are better than a damaged file's
FINAL_ROWS = {"jobs": "ended IS NOT NULL", "outputs": "job IN (SELECT id FROM jobs WHERE ended IS NOT NULL)"}


def repair_database(path: Path) -> str:
    """Check the file and, if it is damaged, replace it; returns a notice, "" if all is well.

    It runs in one process at a time, before the database is open. Raises Unwritable if the damaged file cannot be
    moved, sqlite3.Error or OSError if a new one cannot be made.
    """
    reason = damage_of(path)
    if not reason:
        return ""
    log.error("The database %s is damaged: %s", path.name, reason)
    aside, rescued = replace_damaged(path, MIGRATIONS, rescue_jobs)
    return (
        f"The database {path.name} was damaged ({reason}). It is kept as {aside.name}; {rescued:,} of its records were "
        "saved, and pictures in the outputs folder are listed again."
    )


def rescue_jobs(path: Path, target: sqlite3.Connection) -> int:
    """Insert what can be read of the database and of its last good copy into an open one; return the number of rows."""
    tables, copy = set(table_names(target)) - NOT_RESCUED, last_good_path(path)
    rescued = rescue_rows(copy, target, FINAL_ROWS)
    rescued += rescue_rows(path, target, dict.fromkeys(tables, "1"))
    return rescued + rescue_rows(copy, target, dict.fromkeys(tables - NOT_FROM_COPY, "1"))


def replace_damaged(
    path: Path, migrations: Sequence[Migration], rescue: Callable[[Path, sqlite3.Connection], int]
) -> tuple[Path, int]:
    """Put a new database in a damaged one's place; return where the damaged one is kept, and the rows that were saved.

    rescue: fills the new database, and returns the number of rows

    Raises Unwritable, sqlite3.Error or OSError; then the damaged one is where it was.
    """
    fresh = path.with_name(f"{path.name}.new")
    remove_database(fresh)
    migrate(fresh, migrations)
    with closing(sqlite3.connect(fresh, isolation_level=None)) as target:
        rescued = rescue(path, target)
        target.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    aside = set_aside(path)
    for end in BESIDE_DATABASE:
        with contextlib.suppress(FileNotFoundError):
            path.with_name(path.name + end).replace(aside.with_name(aside.name + end))
    fresh.replace(path)
    sync_folder(path.parent)
    return aside, rescued


def damage_of(path: Path) -> str:
    """Return a database's damage in SQLite's words; "" if it has none, is missing, or cannot be checked."""
    if not path.is_file():
        return ""
    if not path.stat().st_size:
        return "it is empty" if last_good_path(path).exists() else ""
    try:
        with reading_for(path, CHECK_SECONDS) as db:
            found = str(db.execute("PRAGMA integrity_check(1)").fetchone()[0])
    except sqlite3.Error as error:
        return str(error) if is_damage(error) else ""
    except UnicodeDecodeError:      # SQLite's message quotes the damaged schema
        return "its tables cannot be read"
    return "" if found == "ok" else " ".join(found.split())[:200]


def is_damage(error: sqlite3.Error) -> bool:
    """Return whether the error means damage; where it has no code, the text decides."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return code in DAMAGED_CODES or "malformed" in str(error) or "not a database" in str(error)


@contextlib.contextmanager
def reading_for(path: Path, seconds: float) -> Iterator[sqlite3.Connection]:
    """Open a connection whose statements are interrupted when the time is over."""
    until = time.monotonic() + seconds
    with closing(sqlite3.connect(path, timeout=seconds)) as db:
        db.set_progress_handler(lambda: time.monotonic() > until, STEPS_BETWEEN_LOOKS)
        db.text_factory = lambda raw: raw.decode("utf-8", "replace")
        yield db


def table_names(db: sqlite3.Connection) -> list[str]:
    rows = db.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
    return [name for (name,) in rows.fetchall()]


def rescue_rows(source: Path, target: sqlite3.Connection, wanted: Mapping[str, str]) -> int:
    """Copy the readable rows that the target does not have; return their number.

    wanted: table → condition. Unreadable rows, perhaps the whole source, are left out.
    """
    copied = 0
    with contextlib.suppress(*UNREADABLE_ROWS), reading_for(source, RESCUE_SECONDS) as db:
        for table, condition in wanted.items():
            copied += rescue_table(db, target, table, condition)
    return copied


def rescue_table(source: sqlite3.Connection, target: sqlite3.Connection, table: str, condition: str) -> int:
    """Copy a table from both ends, since a damaged page in the middle stops reading from either."""
    columns = sorted(columns_of(source, table) & columns_of(target, table))
    if not columns:
        return 0
    names = ", ".join(columns)
    insert = f"INSERT OR IGNORE INTO {table} ({names}) VALUES ({', '.join('?' * len(columns))})"
    before = target.total_changes
    target.execute("BEGIN")
    for order in ("ASC", "DESC"):
        with contextlib.suppress(*UNREADABLE_ROWS):
            for row in source.execute(f"SELECT {names} FROM {table} WHERE {condition} ORDER BY rowid {order}"):
                with contextlib.suppress(sqlite3.Error):      # a value that the new table refuses
                    target.execute(insert, row)
    target.execute("COMMIT")
    return target.total_changes - before


def columns_of(db: sqlite3.Connection, table: str) -> set[str]:
    """Return the columns; empty if there is no such table, or it cannot be read."""
    try:
        return {row[1] for row in db.execute(f"PRAGMA table_info({table})")}
    except UNREADABLE_ROWS:
        return set()


def remove_database(path: Path) -> None:
    for end in ("", *BESIDE_DATABASE):
        discard(path.with_name(path.name + end))


def copy_database(path: Path, target: Path) -> None:
    """Copy the whole database at one moment, while others read and write; an existing `target` is replaced whole.

    Raises DiskFull or Unwritable.
    """
    temporary = target.with_name(f"{target.name}.new")
    remove_database(temporary)
    make_private(temporary)
    try:
        with closing(sqlite3.connect(path, timeout=30)) as source, closing(sqlite3.connect(temporary)) as copy:
            source.backup(copy, pages=1000, sleep=0.01)
            copy.execute("PRAGMA journal_mode = DELETE")      # one file, with no log beside it
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())
        temporary.replace(target)
        sync_folder(target.parent)
    except (sqlite3.OperationalError, OSError) as error:
        full = "full" in str(error) or getattr(error, "errno", 0) == 28
        raise (DiskFull if full else Unwritable)(
            f"The database {path.name} could not be copied: {error}.",
            f"Check the disk's space and who may write to {target.parent.name}/.",
        ) from error
    finally:
        remove_database(temporary)


def keep_good_database(path: Path) -> None:
    """Renew the last good copy of a database. Raises DiskFull or Unwritable."""
    copy_database(path, last_good_path(path))
