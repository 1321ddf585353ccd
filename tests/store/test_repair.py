"""A damaged database costs at most what was damaged."""

from __future__ import annotations

import random
import sqlite3
from contextlib import closing

import pytest

from modules.base.accounts import Role
from modules.store.accounts import AccountStore
from modules.store.jobs import DONE, JobRecord, JobStore, OutputRecord
from modules.store.repair import copy_database, keep_good_database, repair_database

MANY = 300


def filled(path, count=MANY):
    """Jobs with an output each, all in the file itself, as after a clean stop."""
    store = JobStore(path)
    store.add_ended([
        JobRecord(f"job-{n}", "me", "txt2img", {"prompt": f"a fox {n} " + "x" * 300}, {}, True, DONE,
                  outputs=(OutputRecord(0, f"/outputs/{n}.png", "a fox", {}, True),))
        for n in range(count)
    ])
    AccountStore(path).add("alice", Role.MEMBER, "$argon2id$hash")
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return path


def integrity(path):
    with closing(sqlite3.connect(path)) as db:
        return db.execute("PRAGMA integrity_check").fetchone()[0]


def jobs_in(path):
    return {record.id for record in JobStore(path).recent("me", MANY * 2)}


def spoil(path, how):
    content = bytearray(path.read_bytes())
    dice = random.Random(1)
    if how == "first page":
        content[:4096] = bytes(4096)
    elif how == "truncated":
        del content[len(content) // 2:]
    elif how == "flips":
        for _ in range(200):
            content[dice.randrange(len(content) // 2, len(content))] ^= 1 << dice.randrange(8)
    elif how == "zeros":
        content[4096:] = bytes(len(content) - 4096)
    elif how == "text":
        content[:] = b"not a database " * 1000
    else:
        content.clear()
    path.write_bytes(content)


@pytest.mark.slow
def test_a_good_database_is_left_alone(tmp_path):
    path = filled(tmp_path / "easel.sqlite")
    before = path.read_bytes()
    assert repair_database(path) == "" and path.read_bytes() == before
    assert repair_database(tmp_path / "none.sqlite") == "" and not (tmp_path / "none.sqlite").exists()


@pytest.mark.parametrize("how", ["first page", "truncated", "flips", "zeros", "text", "empty"])
def test_a_damaged_database_goes_on_as_its_last_good_copy(tmp_path, how):
    path = filled(tmp_path / "easel.sqlite")
    keep_good_database(path)
    spoil(path, how)
    damaged = path.read_bytes()
    notice = repair_database(path)
    assert "easel.sqlite was damaged" in notice and "easel.broken.sqlite" in notice
    assert (tmp_path / "easel.broken.sqlite").read_bytes() == damaged
    assert integrity(path) == "ok" and jobs_in(path) >= {f"job-{n}" for n in range(MANY)}
    assert [each.name for each in AccountStore(path).list()] == ["alice"]
    assert repair_database(path) == ""


def test_what_can_still_be_read_is_saved_without_a_copy(tmp_path):
    path = filled(tmp_path / "easel.sqlite")
    spoil(path, "flips")
    assert repair_database(path) and integrity(path) == "ok"
    assert 0 < len(jobs_in(path)) <= MANY


def test_a_database_without_anything_readable_becomes_a_new_one(tmp_path):
    path = filled(tmp_path / "easel.sqlite")
    spoil(path, "text")
    assert repair_database(path) and jobs_in(path) == set()


def test_who_was_logged_out_since_the_copy_was_made_stays_so(tmp_path):
    path = filled(tmp_path / "easel.sqlite")
    accounts = AccountStore(path)
    accounts.add_session("alice", "a browser", "::1")
    keep_good_database(path)
    spoil(path, "text")
    assert repair_database(path)
    assert AccountStore(path).get("alice") and not AccountStore(path).credentials("alice", "session")


def test_a_copy_is_whole_while_others_write(tmp_path):
    path = filled(tmp_path / "easel.sqlite")
    with JobStore(path).database.open() as db:
        db.execute("UPDATE jobs SET owner = 'you'")
        copy_database(path, tmp_path / "copy.sqlite")
    assert jobs_in(path) == set() and len(jobs_in(tmp_path / "copy.sqlite")) == MANY
    assert sorted(each.name for each in tmp_path.iterdir() if "copy" in each.name and each.suffix == ".sqlite") == [
        "copy.sqlite"
    ]
