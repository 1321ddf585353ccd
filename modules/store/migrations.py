"""The database's migrations: each makes one version out of the version before.

A new database goes the same way as an old one. A published migration stays as it is; a change is one more migration.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Mapping
from typing import Any

# runs inside a transaction, so no executescript, which would commit it
Migration = Callable[[sqlite3.Connection], None]

FIRST_SCHEMA = (
    """
    CREATE TABLE IF NOT EXISTS jobs (
        id TEXT PRIMARY KEY,
        number INTEGER NOT NULL,
        owner TEXT NOT NULL,
        kind TEXT NOT NULL,
        params TEXT NOT NULL,
        settings TEXT NOT NULL,
        save INTEGER NOT NULL,
        state TEXT NOT NULL,
        error TEXT,
        warnings TEXT NOT NULL DEFAULT '[]',
        created REAL NOT NULL,
        ended REAL
    )
    """,
    "CREATE INDEX IF NOT EXISTS jobs_by_owner ON jobs (owner, number)",
    "CREATE INDEX IF NOT EXISTS jobs_by_state ON jobs (state)",
    """
    CREATE TABLE IF NOT EXISTS pictures (
        job TEXT NOT NULL REFERENCES jobs (id),
        position INTEGER NOT NULL,
        path TEXT NOT NULL,
        infotext TEXT NOT NULL,
        facts TEXT NOT NULL,
        saved INTEGER NOT NULL,
        PRIMARY KEY (job, position)
    )
    """,
    """
    CREATE TABLE IF NOT EXISTS hashes (
        path TEXT PRIMARY KEY,
        size INTEGER NOT NULL,
        modified INTEGER NOT NULL,
        sha256 TEXT NOT NULL
    )
    """,
    """
    CREATE TABLE IF NOT EXISTS model_files (
        number INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        kind TEXT NOT NULL,
        path TEXT NOT NULL,
        file TEXT NOT NULL COLLATE NOCASE,
        folder TEXT NOT NULL,
        name TEXT NOT NULL COLLATE NOCASE,
        stamp TEXT NOT NULL,
        size INTEGER NOT NULL,
        modified INTEGER NOT NULL,
        family TEXT NOT NULL,
        alias TEXT NOT NULL,
        title TEXT NOT NULL,
        activation TEXT NOT NULL,
        negative TEXT NOT NULL,
        weight REAL,
        description TEXT NOT NULL,
        preview TEXT NOT NULL,
        problem TEXT NOT NULL,
        facts TEXT NOT NULL
    )
    """,
    "CREATE INDEX IF NOT EXISTS model_files_by_name ON model_files (kind, name)",
    "CREATE INDEX IF NOT EXISTS model_files_by_date ON model_files (kind, modified)",
    "CREATE INDEX IF NOT EXISTS model_files_by_size ON model_files (kind, size)",
    "CREATE INDEX IF NOT EXISTS model_files_by_file ON model_files (kind, file)",
    "CREATE INDEX IF NOT EXISTS model_files_by_folder ON model_files (kind, folder)",
    "CREATE INDEX IF NOT EXISTS model_files_by_family ON model_files (kind, family)",
    "CREATE TABLE IF NOT EXISTS model_texts (number INTEGER PRIMARY KEY, words TEXT NOT NULL)",
    """
    CREATE TRIGGER IF NOT EXISTS model_gone AFTER DELETE ON model_files BEGIN
        DELETE FROM model_texts WHERE number = old.number;
    END;
    """,
)


def first_tables(db: sqlite3.Connection) -> None:
    """Tables of jobs, pictures, hashes and model files; databases from before versions have them already."""
    for statement in FIRST_SCHEMA:
        db.execute(statement)


def deaths_and_long_params(db: sqlite3.Connection) -> None:
    """Jobs count their pictures and the program's deaths, and long params are apart from those that are shown."""
    for column in (
        "long_params TEXT NOT NULL DEFAULT '{}'",
        "asked INTEGER NOT NULL DEFAULT 1",
        "made INTEGER NOT NULL DEFAULT 0",
        "deaths INTEGER NOT NULL DEFAULT 0",
        "process TEXT NOT NULL DEFAULT ''",
    ):
        db.execute(f"ALTER TABLE jobs ADD COLUMN {column}")
    db.execute("UPDATE jobs SET made = (SELECT count(*) FROM pictures WHERE job = jobs.id)")
    for job, text in db.execute("SELECT id, params FROM jobs").fetchall():
        try:
            short, long = split_params(json.loads(text))
        except (ValueError, TypeError, AttributeError):      # it was unreadable before, and stays so
            continue
        asked = pictures_of({**short, **long})
        db.execute(
            "UPDATE jobs SET params = ?, long_params = ?, asked = ? WHERE id = ?",
            (json.dumps(short), json.dumps(long), asked, job),
        )


def outputs_of_kinds(db: sqlite3.Connection) -> None:
    """Each output of a job has a kind: jobs make more than pictures."""
    db.execute("ALTER TABLE pictures RENAME TO outputs")
    db.execute("ALTER TABLE outputs ADD COLUMN kind TEXT NOT NULL DEFAULT 'image'")


ACCOUNT_SCHEMA = (
    """
    CREATE TABLE accounts (
        name TEXT PRIMARY KEY,
        key TEXT NOT NULL UNIQUE,
        role INTEGER NOT NULL,
        password TEXT NOT NULL,
        disabled INTEGER NOT NULL DEFAULT 0,
        deleted INTEGER NOT NULL DEFAULT 0,
        created REAL NOT NULL
    )
    """,
    """
    CREATE TABLE credentials (
        id TEXT PRIMARY KEY,
        kind TEXT NOT NULL,
        hash TEXT NOT NULL UNIQUE,
        account TEXT NOT NULL,
        label TEXT NOT NULL,
        address TEXT NOT NULL,
        created REAL NOT NULL,
        used REAL NOT NULL
    )
    """,
    "CREATE INDEX credentials_by_account ON credentials (account)",
    """
    CREATE TABLE audit (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        at REAL NOT NULL,
        account TEXT NOT NULL,
        action TEXT NOT NULL,
        subject TEXT NOT NULL,
        address TEXT NOT NULL
    )
    """,
    "CREATE TABLE accounts_revision (number INTEGER NOT NULL)",
    "INSERT INTO accounts_revision VALUES (0)",
    *(
        f"CREATE TRIGGER {table}_{event.lower()} AFTER {event} ON {table} BEGIN "
        "UPDATE accounts_revision SET number = number + 1; END"
        for table in ("accounts", "credentials")
        for event in ("INSERT", "DELETE")
    ),
    "CREATE TRIGGER accounts_update AFTER UPDATE ON accounts BEGIN "
    "UPDATE accounts_revision SET number = number + 1; END",
)


def accounts_and_credentials(db: sqlite3.Connection) -> None:
    """Accounts, their sessions and tokens, the audit log; a number shows readers that they have changed."""
    for statement in ACCOUNT_SCHEMA:
        db.execute(statement)
def queue_order(db: sqlite3.Connection) -> None:
    """Jobs have a place and a pause, are hidden from the history by a mark, and count against a quota.

    The queue has a mode.
    """
    for column in (
        "place INTEGER NOT NULL DEFAULT 0",
        "paused INTEGER NOT NULL DEFAULT 0",
        "hidden INTEGER NOT NULL DEFAULT 0",
        "role TEXT NOT NULL DEFAULT 'member'",
        "work REAL NOT NULL DEFAULT 0",
    ):
        db.execute(f"ALTER TABLE jobs ADD COLUMN {column}")
    db.execute("UPDATE jobs SET place = number")
    db.execute("UPDATE jobs SET role = 'administrator' WHERE owner = 'local'")
    db.execute("CREATE INDEX jobs_by_time ON jobs (owner, created)")
    db.execute("CREATE TABLE queue_mode (id INTEGER PRIMARY KEY CHECK (id = 0), mode TEXT NOT NULL)")


def outputs_by_path(db: sqlite3.Connection) -> None:
    """The job that made a file is found by the file's path."""
    db.execute("CREATE INDEX outputs_by_path ON outputs (path)")


# Parameters as long as a folder's list of files, or of no use to a job's watcher.
LONG_PARAMS = frozenset({
    "batch", "images", "infotexts", "script_args", "unstyled", "metadata", "templates", "picture_prompts",
})


def split_params(params: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Split parameters into those that are shown and those that may be as long as a folder's list of files."""
    short: dict[str, Any] = {}
    long: dict[str, Any] = {}
    for name, value in params.items():
        (long if name in LONG_PARAMS else short)[name] = value
    return short, long


def pictures_of(params: Mapping[str, Any]) -> int:
    """Return the number of images in a job's parameters; some scripts make more."""
    try:
        starts = len(params["batch"]["entries"]) if params.get("batch") else 1
        return int(params.get("n_iter", 1) * params.get("batch_size", 1) * starts)
    except (TypeError, KeyError, ValueError):      # a record that Easel did not write: the worker refuses it
        return 1


def grids_on_top(db: sqlite3.Connection) -> None:
    """A grid does not count as one of the pictures that a job has made."""
    db.execute("UPDATE jobs SET made = (SELECT count(*) FROM outputs WHERE job = jobs.id AND kind <> 'grid')")


def when_begun(db: sqlite3.Connection) -> None:
    """A job tells when it was begun, so that the time it took is known; of older ones it is not."""
    db.execute("ALTER TABLE jobs ADD COLUMN began REAL")


MIGRATIONS: tuple[Migration, ...] = (
    first_tables, deaths_and_long_params, outputs_of_kinds, accounts_and_credentials, queue_order,
    outputs_by_path, grids_on_top, when_begun,
)
