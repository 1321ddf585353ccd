"""Jobs in the database: their requests, owners, states and outputs."""

from __future__ import annotations

import json
import logging
import sqlite3
import time
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from modules.base.accounts import LOCAL_OWNER
from modules.base.errors import JobFailed, error_data
from modules.store.database import Database
from modules.store.migrations import split_params

log = logging.getLogger(__name__)

QUEUED, RUNNING, DONE, INTERRUPTED, FAILED = "queued", "running", "done", "interrupted", "failed"
ENDED = frozenset({DONE, INTERRUPTED, FAILED})
GIVEN_BACK = "paused"      # how the worker ends a job that waits again, paused; no state of a record

IMAGE, GRID, MODEL = "image", "grid", "model"      # kinds of outputs
PICTURES = frozenset({IMAGE, GRID})
VOTES = "votes"      # key in a picture's facts: how often it was found the better of two, and the worse


@dataclass(frozen=True)
class OutputRecord:
    """An output of a job: a file on disk.

    infotext: the generation data of a picture; facts: further data, by the output's kind
    saved: True for a file in the outputs, False for one in the cache
    """

    index: int
    path: str
    infotext: str
    facts: Mapping[str, Any]
    saved: bool
    kind: str = IMAGE


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
    outputs: tuple[OutputRecord, ...] = ()        # all, or only the newest
    made: int = 0                                 # the number of outputs without the grids of them
    asked: int = 1                                # the number of outputs there will be, without their grids
    deaths: int = 0                               # how often the program died while it worked on this job
    # the process that works on it if not the server, by its lock's name
    process: str = ""
    role: str = "member"                          # its account's role when it was asked for
    work: float = 0.0                             # megapixel-steps of all its images
    paused: bool = False                          # paused by its owner
    # place among its owner's unfinished jobs; the store assigns the last one
    place: int = field(default=0, compare=False)
    seconds: float | None = None                  # from when it was last begun to its end, once both are known

    @property
    def ended(self) -> bool:
        return self.state in ENDED

    @property
    def pictures(self) -> tuple[OutputRecord, ...]:
        """The outputs that are pictures."""
        return tuple(output for output in self.outputs if output.kind in PICTURES)


def made_count(outputs: Iterable[OutputRecord]) -> int:
    """Return the number of outputs that count as made: a grid comes on top of what was asked for."""
    return sum(output.kind != GRID for output in outputs)


def own_job_id(name: str, owner: str) -> str:
    """Return the id of a job that its account has named; other accounts may use the same name."""
    return name if owner == LOCAL_OWNER else f"{name}~{sha256(owner.encode()).hexdigest()[:16]}"


def job_name(job: str) -> str:
    """Return a job's name within its account."""
    return job.partition("~")[0]


class JobStore:
    """Jobs in SQLite. When a method returns, its changes are on disk."""

    def __init__(self, path: Path) -> None:
        self.database = Database(path)

    def add(self, job: JobRecord) -> int:
        """Add a job, with the outputs it has, and return its place, the last.

        Raises sqlite3.IntegrityError if the id is taken.
        """
        short, long = map(json.dumps, split_params(job.params))
        with self.database.open() as db:
            db.execute(
                "INSERT INTO jobs (id, number, place, owner, kind, params, long_params, asked, settings, save, state, "
                "created, process, role, work, made)"
                " SELECT ?, coalesce(max(number), 0) + 1, coalesce(max(number), 0) + 1, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, "
                "?, ?, ? FROM jobs",
                (
                    job.id,
                    job.owner,
                    job.kind,
                    short,
                    long,
                    job.asked,
                    json.dumps(dict(job.settings)),
                    job.save,
                    job.state,
                    job.created,
                    job.process,
                    job.role,
                    job.work,
                    made_count(job.outputs),
                ),
            )
            _insert_outputs(db, job)
            return int(db.execute("SELECT place FROM jobs WHERE id = ?", (job.id,)).fetchone()["place"])

    def add_ended(self, jobs: Collection[JobRecord]) -> None:
        """Add jobs that ended long ago, with their outputs, before all others; known ones stay unchanged."""
        with self.database.open() as db:
            for job in jobs:
                short, long = map(json.dumps, split_params(job.params))
                added = db.execute(
                    "INSERT OR IGNORE INTO jobs (id, number, owner, kind, params, long_params, asked, settings, save,"
                    " state, created, ended, made) VALUES (?, 0, ?, ?, ?, ?, ?, '{}', ?, ?, ?, ?, ?)",
                    (job.id, job.owner, job.kind, short, long, made_count(job.outputs), job.save, job.state,
                     job.created, job.created, made_count(job.outputs)),
                )
                if added.rowcount:
                    _insert_outputs(db, job)

    def output_paths(self) -> set[str]:
        """Return the paths of all outputs of all jobs."""
        with self.database.reading() as db:
            return {row["path"] for row in db.execute("SELECT path FROM outputs")}

    def outputs_at(self, owner: str, paths: Collection[str]) -> dict[str, tuple[str, OutputRecord]]:
        """Return path → job and output, of the files that an owner's jobs made; at most 500 paths."""
        query = (
            "SELECT o.* FROM outputs AS o JOIN jobs AS j ON j.id = o.job"
            f" WHERE j.owner = ? AND o.path IN ({', '.join('?' * len(paths))})"
        )
        with self.database.reading() as db:
            return {row["path"]: (row["job"], _output(row)) for row in db.execute(query, (owner, *paths))}

    def output_moved(self, job: str, position: int, path: Path) -> None:
        """Set where an output's file is now."""
        with self.database.open() as db:
            db.execute("UPDATE outputs SET path = ? WHERE job = ? AND position = ?", (str(path), job, position))

    def owners(self) -> set[str]:
        with self.database.reading() as db:
            return {row["owner"] for row in db.execute("SELECT DISTINCT owner FROM jobs")}

    def trim(self, most: int) -> int:
        """Delete the records of ended jobs beyond the newest `most`, and return their number; their files stay."""
        with self.database.open() as db:
            old = db.execute(
                "SELECT id FROM jobs WHERE ended IS NOT NULL ORDER BY number DESC, created DESC LIMIT -1 OFFSET ?",
                (most,),
            ).fetchall()
            db.executemany("DELETE FROM outputs WHERE job = ?", [(row["id"],) for row in old])
            db.executemany("DELETE FROM jobs WHERE id = ?", [(row["id"],) for row in old])
        return len(old)

    def add_output(self, job: str, output: OutputRecord) -> None:
        with self.database.open() as db:
            at = job, output.index
            before = db.execute("SELECT kind FROM outputs WHERE job = ? AND position = ?", at).fetchall()
            db.execute("DELETE FROM outputs WHERE job = ? AND position = ?", at)
            db.execute(
                "INSERT INTO outputs (job, position, path, infotext, facts, saved, kind) VALUES (?, ?, ?, ?, ?, ?, ?)",
                (
                    job,
                    output.index,
                    output.path,
                    output.infotext,
                    json.dumps(dict(output.facts)),
                    output.saved,
                    output.kind,
                ),
            )
            more = made_count([output]) - sum(row["kind"] != GRID for row in before)
            db.execute("UPDATE jobs SET made = made + ? WHERE id = ?", (more, job))

    def vote(self, job: str, better: int, worse: int) -> None:
        """Count that one picture of a job was found better than another."""
        with self.database.open() as db:
            for position, place in ((better, 0), (worse, 1)):
                db.execute(
                    "UPDATE outputs SET facts = json_set(facts, '$.votes', json(?)) WHERE job = ? AND position = ?",
                    (json.dumps(counted_vote(db, job, position, place)), job, position),
                )

    def add_warning(self, job: str, message: str) -> None:
        """Add a warning unless the job has it: a resumed job is warned again."""
        with self.database.open() as db:
            db.execute(
                "UPDATE jobs SET warnings = json_insert(warnings, '$[#]', ?1)"
                " WHERE id = ?2 AND ?1 NOT IN (SELECT value FROM json_each(warnings))",
                (message, job),
            )

    def set_state(self, job: str, state: str, error: Mapping[str, Any] | None = None) -> None:
        """Set a job's state; an ended job stays as it is."""
        now = time.time()
        began, ended = (now if state == RUNNING else None), (now if state in ENDED else None)
        with self.database.open() as db:
            db.execute(
                "UPDATE jobs SET state = ?, error = ?, began = coalesce(?, began), ended = ?"
                " WHERE id = ? AND ended IS NULL",
                (state, json.dumps(dict(error)) if error else None, began, ended, job),
            )

    def set_asked(self, job: str, asked: int) -> None:
        """Set the number of pictures of a job, which its plan may know better than its request."""
        with self.database.open() as db:
            db.execute("UPDATE jobs SET asked = ?1 WHERE id = ?2 AND asked <> ?1", (asked, job))

    def set_places(self, places: Mapping[str, int]) -> None:
        """Set the places of jobs, all or none."""
        with self.database.open() as db:
            db.executemany("UPDATE jobs SET place = ? WHERE id = ?", [(place, job) for job, place in places.items()])

    def set_paused(self, job: str, paused: bool) -> None:
        with self.database.open() as db:
            db.execute("UPDATE jobs SET paused = ? WHERE id = ? AND ended IS NULL", (paused, job))

    def hide(self, job: str) -> None:
        """Hide an ended job from its owner's history; its record and its pictures stay."""
        with self.database.open() as db:
            db.execute("UPDATE jobs SET hidden = 1 WHERE id = ? AND ended IS NOT NULL", (job,))

    def hide_ended(self, owner: str, states: Collection[str] = ENDED) -> int:
        """Hide all jobs of an owner that ended in one of these states; return their number."""
        with self.database.open() as db:
            found = db.execute(
                f"UPDATE jobs SET hidden = 1 WHERE owner = ? AND hidden = 0 AND {in_states(states)}", (owner, *states)
            )
            return found.rowcount

    def queue_mode(self) -> str:
        """Return the queue's mode as last set; "" if it never was."""
        with self.database.reading() as db:
            row = db.execute("SELECT mode FROM queue_mode").fetchone()
            return row["mode"] if row else ""

    def set_queue_mode(self, mode: str) -> None:
        with self.database.open() as db:
            db.execute("INSERT OR REPLACE INTO queue_mode (id, mode) VALUES (0, ?)", (mode,))

    def forget_deaths(self, job: str) -> None:
        """Forget the program's deaths over a job that has kept what it did since."""
        with self.database.open() as db:
            db.execute("UPDATE jobs SET deaths = 0 WHERE id = ? AND deaths > 0", (job,))

    def count_deaths(self, jobs: Collection[str]) -> None:
        """Count a death of the program for the jobs that it worked on."""
        with self.database.open() as db:
            db.executemany(
                "UPDATE jobs SET deaths = deaths + 1 WHERE id = ? AND ended IS NULL", [(job,) for job in jobs]
            )

    def get(self, job: str, owner: str | None = None) -> JobRecord | None:
        """Return the job with all its parameters and outputs.

        owner: find only this account's jobs, by id or by the account's own name for it
        """
        return self._one("SELECT * FROM jobs", job, owner)

    def brief(self, job: str, newest: int | None = None, owner: str | None = None) -> JobRecord | None:
        """Return the job without parameters that may be long, with the `newest` few outputs, for frequent polling."""
        return self._one(BRIEF, job, owner, newest)

    def _one(self, select: str, job: str, owner: str | None, newest: int | None = None) -> JobRecord | None:
        if owner is None:
            found = self._many(f"{select} WHERE id = ?", job, newest=newest)
        else:
            ids = job, own_job_id(job, owner)
            found = self._many(f"{select} WHERE id IN (?, ?) AND owner = ?", *ids, owner, newest=newest)
        return next(iter(found), None)

    def picture(self, job: str, index: int) -> OutputRecord | None:
        with self.database.reading() as db:
            row = db.execute("SELECT * FROM outputs WHERE job = ? AND position = ?", (job, index)).fetchone()
            return _output(row) if row and row["kind"] in PICTURES else None

    def unfinished(self) -> list[JobRecord]:
        """Return queued and running jobs by place; one that cannot be read is included as failed."""
        return self._many("SELECT * FROM jobs WHERE ended IS NULL ORDER BY place, number")

    def history(
        self, owner: str, states: Collection[str], limit: int, start: int = 0, newest: int = 1,
        kinds: Collection[str] = (),
    ) -> list[JobRecord]:
        """Return an owner's ended jobs without the hidden ones, newest first, as `brief` has them.

        kinds: of these kinds only; empty is all
        """
        where = f"owner = ? AND hidden = 0 AND {in_states(states)}{and_of_kinds(kinds)}"
        query = f"{BRIEF} WHERE {where} ORDER BY number DESC LIMIT ? OFFSET ?"
        return self._many(query, owner, *states, *kinds, limit, start, newest=newest)

    def counts(self, owner: str, kinds: Collection[str] = ()) -> dict[str, int]:
        """Return the number of an owner's jobs in each state, without the hidden ones; of all kinds, or of these."""
        with self.database.reading() as db:
            where = f"owner = ? AND hidden = 0{and_of_kinds(kinds)}"
            query = f"SELECT state, count(*) FROM jobs WHERE {where} GROUP BY state"
            return dict(map(tuple, db.execute(query, (owner, *kinds)).fetchall()))

    def state_counts(self) -> dict[str, int]:
        """Return the number of all jobs in each state."""
        with self.database.reading() as db:
            return dict(map(tuple, db.execute("SELECT state, count(*) FROM jobs GROUP BY state").fetchall()))

    def work_between(self, owner: str, since: float, until: float) -> list[tuple[float, float]]:
        """Return when an owner's jobs were asked for, and their cost: of an interrupted one, of the images it made.

        Jobs from later than `until` are left out: the clock was set back since.
        """
        with self.database.reading() as db:
            query = (
                "SELECT created, CASE WHEN state IN (?, ?) THEN work * made / max(asked, 1) ELSE work END AS cost"
                " FROM jobs WHERE owner = ? AND created > ? AND created <= ? ORDER BY created"
            )
            values = INTERRUPTED, FAILED, owner, since, until
            return [(row["created"], row["cost"]) for row in db.execute(query, values)]

    def recent(
        self, owner: str, limit: int = 20, newest: int | None = None, kinds: Collection[str] = ()
    ) -> list[JobRecord]:
        """Return an owner's newest jobs, newest first, as `brief` has them; of all kinds, or of these."""
        where = f"owner = ? AND hidden = 0{and_of_kinds(kinds)}"
        query = f"{BRIEF} WHERE {where} ORDER BY number DESC, created DESC LIMIT ?"
        return self._many(query, owner, *kinds, limit, newest=newest)

    def _many(self, query: str, *values: Any, newest: int | None = None) -> list[JobRecord]:
        with self.database.reading() as db:
            rows = db.execute(query, values).fetchall()
            return [_record(db, row, newest) for row in rows]


BRIEF = (
    "SELECT id, owner, kind, params, '{}' AS long_params, '{}' AS settings, save, state, error, warnings, created, "
    "asked, made, deaths, process, role, work, paused, place, began, ended"
    " FROM jobs"
)


def counted_vote(db: sqlite3.Connection, job: str, position: int, place: int) -> list[int]:
    """Return a picture's votes with one more; place: 0 for the better one, 1 for the worse."""
    row = db.execute("SELECT facts FROM outputs WHERE job = ? AND position = ?", (job, position)).fetchone()
    votes = list(json.loads(row["facts"]).get(VOTES, (0, 0))) if row else [0, 0]
    votes[place] += 1
    return votes


def in_states(states: Collection[str]) -> str:
    return f"state IN ({', '.join('?' * len(states))})"


def and_of_kinds(kinds: Collection[str]) -> str:
    return f" AND kind IN ({', '.join('?' * len(kinds))})" if kinds else ""


def _insert_outputs(db: sqlite3.Connection, job: JobRecord) -> None:
    db.executemany(
        "INSERT INTO outputs (job, position, path, infotext, facts, saved, kind) VALUES (?, ?, ?, ?, ?, ?, ?)",
        [
            (job.id, each.index, each.path, each.infotext, json.dumps(dict(each.facts)), each.saved, each.kind)
            for each in job.outputs
        ],
    )


def _outputs(db: sqlite3.Connection, job: str, newest: int | None) -> list[OutputRecord]:
    """Return a job's outputs in order; with `newest`, those of the highest numbers."""
    limit = -1 if newest is None else newest
    rows = db.execute("SELECT * FROM outputs WHERE job = ? ORDER BY position DESC LIMIT ?", (job, limit)).fetchall()
    return [_output(row) for row in reversed(rows)]


def _output(row: sqlite3.Row) -> OutputRecord:
    return OutputRecord(
        row["position"], row["path"], row["infotext"], json.loads(row["facts"]), bool(row["saved"]), row["kind"]
    )


def _record(db: sqlite3.Connection, row: sqlite3.Row, newest: int | None) -> JobRecord:
    """Return the record of one row; one that cannot be read becomes a failed job, so that others stay readable."""
    try:
        return JobRecord(
            id=row["id"],
            owner=row["owner"],
            kind=row["kind"],
            params={**json.loads(row["params"]), **json.loads(row["long_params"])},
            settings=dict(json.loads(row["settings"])),
            save=bool(row["save"]),
            state=row["state"],
            error=json.loads(row["error"]) if row["error"] else None,
            warnings=tuple(json.loads(row["warnings"])),
            created=row["created"],
            outputs=tuple(_outputs(db, row["id"], newest)),
            made=row["made"],
            asked=row["asked"],
            deaths=row["deaths"],
            process=row["process"],
            role=row["role"],
            work=row["work"],
            paused=bool(row["paused"]),
            place=row["place"],
            seconds=row["ended"] - row["began"] if row["ended"] and row["began"] else None,
        )
    except (ValueError, TypeError) as error:
        log.warning("The record of job %s cannot be read: %s", row["id"], error)
        return JobRecord(
            row["id"], row["owner"], row["kind"], {}, {}, False, FAILED, error_data(UNREADABLE), created=row["created"]
        )


UNREADABLE = JobFailed("The record of this job cannot be read.", "Ask for its pictures again.")
