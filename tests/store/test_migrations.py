"""A database of any earlier version is brought to today's; one of a later version is refused and not touched."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest

from modules.base.errors import DatabaseUnusable, DiskFull
from modules.library.index import IndexQuery, LibraryIndex
from modules.store.database import Database, migrate
from modules.store.hashes import HashCache
from modules.store.jobs import JobStore
from modules.store.migrations import MIGRATIONS
from modules.store.picture_history import PictureHistory
from modules.store.repair import keep_good_database

VERSION_0 = Path(__file__).parent / "data/version_0.sqlite"      # made by Easel as it was before versions were counted


@pytest.fixture
def old(tmp_path):
    path = tmp_path / "easel.sqlite"
    shutil.copy(VERSION_0, path)
    return path


def version(path):
    with closing(sqlite3.connect(path)) as db:
        return db.execute("PRAGMA user_version").fetchone()[0]


def tables(path):
    """What there is, without what SQLite's full text keeps for itself."""
    with closing(sqlite3.connect(path)) as db:
        names = [
            row[0]
            for row in db.execute("SELECT name FROM sqlite_master ORDER BY name")
            if not row[0].startswith(("sqlite_", "model_words"))
        ]
        return {name: {row[1] for row in db.execute(f"PRAGMA table_info({name})")} for name in names}


def files(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if not path.name.endswith("-shm")}


def test_jobs_pictures_hashes_and_index_of_an_old_database_are_all_there(old):
    store = JobStore(old)
    done = store.get("task(done)")
    assert (done.state, done.owner, done.params["prompt"], done.params["seed"], done.warnings) == (
        "done",
        "alice",
        "猫 'quoted'",
        2**62,
        ("mind the gap",),
    )
    assert [(picture.path, picture.facts["seed"]) for picture in done.pictures] == [
        ("/outputs/0.png", 2**62),
        ("/outputs/1.png", 2**62 + 1),
    ]
    assert done.pictures == done.outputs and {output.kind for output in done.outputs} == {"image"}
    assert store.get("task(failed)").error["error"] == "oom"
    assert [job.id for job in store.unfinished()] == ["task(batch)", "task(queued)"]
    batch = store.get("task(batch)")
    assert [entry["file"] for entry in batch.params["batch"]["entries"]] == ["a.png", "b.png"]
    assert (batch.asked, batch.made, batch.deaths) == (4, 1, 0)
    assert HashCache(old).all_known() == {("/models/Lora/cat.safetensors", 100, 200): "ab" * 32}
    index = LibraryIndex(old)
    assert [entry.name for entry in index.page(IndexQuery(kind="lora", search="whisk")).entries] == ["cat"]
    assert version(old) == len(MIGRATIONS)


def test_a_new_database_is_what_an_old_one_becomes(old, tmp_path):
    JobStore(old)
    new = tmp_path / "new.sqlite"
    JobStore(new)
    assert tables(new) == tables(old) and version(new) == version(old)


def test_what_may_be_long_is_not_read_by_those_who_ask_often(old):
    brief = JobStore(old).brief("task(batch)", newest=1)
    assert (
        "batch" not in brief.params
        and brief.params["prompt"] == "a red fox"
        and brief.asked == 4
        and len(brief.pictures) == 1
    )


def test_opening_again_changes_nothing(old):
    JobStore(old)
    before = files(old.parent)
    JobStore(old)
    assert files(old.parent) == before


def test_a_newer_database_is_refused_in_words_and_not_touched(old):
    with closing(sqlite3.connect(old)) as db:
        db.execute("PRAGMA user_version = 999")
        db.execute("ALTER TABLE jobs RENAME TO works")
        db.commit()
    before = files(old.parent)
    for opened in (JobStore, HashCache, LibraryIndex):
        with pytest.raises(DatabaseUnusable, match="newer Easel") as refused:
            opened(old)
        assert "--data-dir" in refused.value.hint
    assert files(old.parent) == before


def test_a_version_that_no_easel_writes_is_refused_in_words_and_not_touched(old):
    with closing(sqlite3.connect(old)) as db:
        db.execute("PRAGMA user_version = -3")
    before = files(old.parent)
    with pytest.raises(DatabaseUnusable, match="version -3, which no Easel writes"):
        JobStore(old)
    assert files(old.parent) == before


def test_a_newer_version_that_a_crash_left_in_the_log_is_seen_and_not_touched(old, tmp_path):
    writer = sqlite3.connect(old)
    writer.execute("PRAGMA journal_mode = WAL")
    writer.execute("PRAGMA user_version = 999")
    writer.commit()
    crashed = tmp_path / "crashed"
    crashed.mkdir()
    for name in ("easel.sqlite", "easel.sqlite-wal"):
        shutil.copy(tmp_path / name, crashed)
    writer.close()
    before = files(crashed)
    with pytest.raises(DatabaseUnusable, match="newer Easel"):
        JobStore(crashed / "easel.sqlite")
    assert files(crashed) == before


def test_a_migration_that_breaks_off_leaves_the_old_version_whole(old):
    def breaks_off(db):
        db.execute("ALTER TABLE jobs RENAME TO works")
        raise sqlite3.OperationalError("disk I/O error")

    before = tables(old)
    with pytest.raises(DatabaseUnusable, match="disk I/O error"):
        Database(old, (*MIGRATIONS, breaks_off))
    assert tables(old) == before and version(old) == 0
    assert JobStore(old).get("task(done)").made == 2


def test_each_version_is_reached_from_the_one_before(old):
    for newest in range(1, len(MIGRATIONS) + 1):
        migrate(old, MIGRATIONS[:newest])
        assert version(old) == newest


@pytest.mark.parametrize("column", ["params", "settings", "warnings"])
@pytest.mark.parametrize("broken", ["{", "7", "null"])
def test_a_broken_row_is_a_job_that_failed_and_the_others_are_there(old, column, broken):
    with closing(sqlite3.connect(old)) as db:
        db.execute(f"UPDATE jobs SET {column} = ? WHERE id = 'task(batch)'", (broken,))
        db.commit()
    store = JobStore(old)
    assert [(job.id, job.state) for job in store.unfinished()] == [
        ("task(batch)", "failed"),
        ("task(queued)", "queued"),
    ]
    assert store.brief("task(queued)").params["prompt"] == "a tree"


def test_a_file_that_is_no_database_is_refused_in_words(tmp_path):
    path = tmp_path / "easel.sqlite"
    path.write_bytes(b"not a database" * 1000)
    with pytest.raises(DatabaseUnusable, match="cannot be opened"):
        JobStore(path)
    assert path.read_bytes() == b"not a database" * 1000


def test_a_full_disk_under_the_database_is_said_to_be_one(tmp_path):
    database = Database(tmp_path / "easel.sqlite")
    with pytest.raises(DiskFull, match="No space left"), database.open() as db:
        pages = db.execute("PRAGMA page_count").fetchone()[0]
        db.execute(f"PRAGMA max_page_count = {pages}")
        db.execute("INSERT INTO hashes VALUES (?, 1, 1, '')", ("x" * 100_000,))


@pytest.mark.skipif(os.name == "nt", reason="Windows has other permissions")
def test_a_new_database_its_logs_and_its_copy_are_its_owners_alone_and_an_old_one_stays_as_it_is(tmp_path):
    path = tmp_path / "easel.sqlite"
    store = JobStore(path)
    with store.database.reading() as db:
        db.execute("SELECT * FROM jobs")
        keep_good_database(path)
        files = sorted(tmp_path.iterdir())
        assert len(files) > 2 and {stat.S_IMODE(each.stat().st_mode) for each in files} == {0o600}
    path.chmod(0o640)
    JobStore(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_a_file_that_took_the_databases_place_is_written_to_and_read(tmp_path):
    database = Database(tmp_path / "easel.sqlite")
    with database.open() as db:
        db.execute("CREATE TABLE marks (name TEXT)")
    with database.reading() as db:
        assert not db.execute("SELECT name FROM marks").fetchall()
    for name in ("easel.sqlite-wal", "easel.sqlite-shm"):
        (tmp_path / name).unlink(missing_ok=True)
    with closing(sqlite3.connect(tmp_path / "other.sqlite")) as other, other:
        other.execute("CREATE TABLE marks (name TEXT)")
    os.replace(tmp_path / "other.sqlite", database.path)
    with database.open() as db:
        db.execute("INSERT INTO marks VALUES ('kept')")
    with closing(sqlite3.connect(database.path)) as fresh, database.reading() as db:
        assert fresh.execute("SELECT name FROM marks").fetchall() == [("kept",)]
        assert [row["name"] for row in db.execute("SELECT name FROM marks")] == ["kept"]


def test_a_transaction_inside_another_threads_has_its_own_connection_and_one_that_failed_leaves_nothing(tmp_path):
    database = Database(tmp_path / "easel.sqlite")
    with database.open() as db:
        db.execute("CREATE TABLE marks (name TEXT)")
    with pytest.raises(KeyError), database.open() as db:
        db.execute("INSERT INTO marks VALUES ('failed')")
        raise KeyError
    with database.open() as first, database.open() as second:
        assert first is not second
        second.execute("INSERT INTO marks VALUES ('kept')")
    with database.open() as db:
        assert [row["name"] for row in db.execute("SELECT name FROM marks")] == ["kept"]


def test_of_a_deleted_picture_history_nothing_is_left_on_the_disk(tmp_path):
    history = PictureHistory(tmp_path / "history.sqlite")
    history.add("drawn over", "a", "b", b"a secret")
    assert history.of("b") and history.empty() == 1
    assert not any(b"a secret" in path.read_bytes() for path in tmp_path.iterdir())
