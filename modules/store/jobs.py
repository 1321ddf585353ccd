"""What was asked for, by whom, and what came of it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from modules.store.database import Database

SCHEMA = """
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
);
CREATE INDEX IF NOT EXISTS jobs_by_owner ON jobs (owner, number);
CREATE INDEX IF NOT EXISTS jobs_by_state ON jobs (state);
CREATE TABLE IF NOT EXISTS pictures (
    job TEXT NOT NULL REFERENCES jobs (id),
    position INTEGER NOT NULL,
    path TEXT NOT NULL,
    infotext TEXT NOT NULL,
    facts TEXT NOT NULL,
    saved INTEGER NOT NULL,
    PRIMARY KEY (job, position)
);
"""

QUEUED, RUNNING, DONE, INTERRUPTED, FAILED = "queued", "running", "done", "interrupted", "failed"
ENDED = frozenset({DONE, INTERRUPTED, FAILED})


@dataclass(frozen=True)
class PictureRecord:
    index: int
    path: str
    infotext: str
    facts: Mapping[str, Any]
    saved: bool


@dataclass(frozen=True)
class JobRecord:
    id: str
    owner: str
    kind: str
    params: Mapping[str, Any]
    settings: Mapping[str, Any]
    save: bool
    state: str = QUEUED
    error: Mapping[str, Any] | None = None
    warnings: tuple[str, ...] = ()
    created: float = field(default_factory=time.time)
    pictures: tuple[PictureRecord, ...] = ()

    @property
    def ended(self) -> bool:
        return self.state in ENDED


class JobStore:
    """Jobs in SQLite. Whatever a method returned from is on disk."""

    def __init__(self, path: Path) -> None:
        self.database = Database(path, SCHEMA)

    def add(self, job: JobRecord) -> None:
        """Raises sqlite3.IntegrityError if the id is taken."""
        with self.database.open() as db:
            db.execute(
                "INSERT INTO jobs SELECT ?, coalesce(max(number), 0) + 1, ?, ?, ?, ?, ?, ?, NULL, '[]', ?, NULL FROM jobs",
                (job.id, job.owner, job.kind, json.dumps(dict(job.params)), json.dumps(dict(job.settings)), job.save, job.state, job.created),
            )

    def add_picture(self, job: str, picture: PictureRecord) -> None:
        with self.database.open() as db:
            db.execute(
                "INSERT OR REPLACE INTO pictures VALUES (?, ?, ?, ?, ?, ?)",
                (job, picture.index, picture.path, picture.infotext, json.dumps(dict(picture.facts)), picture.saved),
            )

    def add_warning(self, job: str, message: str) -> None:
        """Once: a job that is resumed is warned again."""
        with self.database.open() as db:
            db.execute(
                "UPDATE jobs SET warnings = json_insert(warnings, '$[#]', ?1)"
                " WHERE id = ?2 AND ?1 NOT IN (SELECT value FROM json_each(warnings))",
                (message, job),
            )

    def set_state(self, job: str, state: str, error: Mapping[str, Any] | None = None) -> None:
        """Move a job on; an ended job stays as it ended."""
        ended = time.time() if state in ENDED else None
        with self.database.open() as db:
            db.execute(
                "UPDATE jobs SET state = ?, error = ?, ended = ? WHERE id = ? AND ended IS NULL",
                (state, json.dumps(dict(error)) if error else None, ended, job),
            )

    def get(self, job: str) -> JobRecord | None:
        with self.database.open() as db:
            row = db.execute("SELECT * FROM jobs WHERE id = ?", (job,)).fetchone()
            return row and _record(row, db.execute("SELECT * FROM pictures WHERE job = ? ORDER BY position", (job,)))

    def unfinished(self) -> list[JobRecord]:
        """Queued and running jobs, oldest first."""
        return self._many("WHERE ended IS NULL ORDER BY number")

    def recent(self, owner: str, limit: int = 20) -> list[JobRecord]:
        """An owner's newest jobs, newest first."""
        return self._many("WHERE owner = ? ORDER BY number DESC LIMIT ?", owner, limit)

    def _many(self, where: str, *values: Any) -> list[JobRecord]:
        with self.database.open() as db:
            rows = db.execute(f"SELECT * FROM jobs {where}", values).fetchall()
            return [_record(row, db.execute("SELECT * FROM pictures WHERE job = ? ORDER BY position", (row["id"],))) for row in rows]


def _record(row: Mapping[str, Any], pictures: Iterable[Mapping[str, Any]]) -> JobRecord:
    return JobRecord(
        id=row["id"],
        owner=row["owner"],
        kind=row["kind"],
        params=json.loads(row["params"]),
        settings=json.loads(row["settings"]),
        save=bool(row["save"]),
        state=row["state"],
        error=json.loads(row["error"]) if row["error"] else None,
        warnings=tuple(json.loads(row["warnings"])),
        created=row["created"],
        pictures=tuple(PictureRecord(p["position"], p["path"], p["infotext"], json.loads(p["facts"]), bool(p["saved"])) for p in pictures),
    )
