"""What the store returned from is on disk."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

from modules.store.hashes import HashCache
from modules.store.jobs import GRID, MODEL, JobRecord, JobStore, OutputRecord

RECORD = JobRecord(
    "task(1)", "me", "txt2img", {"prompt": "猫 'quoted'", "seed": 2**62, "styles": []}, {"emphasis": "None"}, True
)


def test_a_record_comes_back_as_it_went(tmp_path):
    store = JobStore(tmp_path / "db.sqlite")
    store.add(RECORD)
    assert store.get("task(1)") == RECORD
    store.add_output("task(1)", OutputRecord(0, "/a.png", "text", {"seed": 1}, True))
    assert store.get("task(1)").pictures == (OutputRecord(0, "/a.png", "text", {"seed": 1}, True),)
    assert store.get("task(2)") is None


def test_an_output_that_is_no_picture_is_told_apart(tmp_path):
    store = JobStore(tmp_path / "db.sqlite")
    store.add(RECORD)
    image, model = (
        OutputRecord(0, "/a.png", "text", {}, True),
        OutputRecord(1, "/models/a.safetensors", "", {"kind": "lora"}, True, MODEL),
    )
    for output in (model, image):
        store.add_output("task(1)", output)
    found = store.get("task(1)")
    assert (found.outputs, found.pictures, found.made) == ((image, model), (image,), 2)
    assert store.picture("task(1)", 0) == image and store.picture("task(1)", 1) is None


def test_a_grid_comes_on_top_of_what_was_asked_for_also_where_it_is_made_again(tmp_path):
    store = JobStore(tmp_path / "db.sqlite")
    store.add(replace(RECORD, asked=2))
    for output in (*(OutputRecord(n, f"/{n}.png", "", {}, True) for n in (0, 1)), *2 * [OutputRecord(2, "/g.png", "", {}, True, GRID)]):
        store.add_output("task(1)", output)
    found = store.get("task(1)")
    assert (found.made, found.asked, len(found.pictures)) == (2, 2, 3)


def test_a_plan_may_know_better_how_many_pictures_there_will_be(tmp_path):
    store = JobStore(tmp_path / "db.sqlite")
    store.add(RECORD)
    store.set_asked("task(1)", 36)
    assert store.get("task(1)").asked == 36


def test_newest_first_and_unfinished_oldest_first(tmp_path):
    store = JobStore(tmp_path / "db.sqlite")
    for name in "abc":
        store.add(JobRecord(name, "me", "txt2img", {}, {}, True))
    store.set_state("b", "done")
    assert [job.id for job in store.recent("me")] == ["c", "b", "a"]
    assert [job.id for job in store.unfinished()] == ["a", "c"]
    assert store.recent("you") == []


WRITER = """
import sys
from pathlib import Path
from modules.store.jobs import JobRecord, JobStore
store = JobStore(Path(sys.argv[1]))
for i in range(10_000):
    store.add(JobRecord(str(i), "me", "txt2img", {"i": i}, {}, True))
    print(i, flush=True)
"""


def test_the_order_is_that_of_asking_whatever_the_clock_says(tmp_path):
    store = JobStore(tmp_path / "db.sqlite")
    for name, created in (("a", 2e9), ("b", 1e9), ("c", 3e9), ("d", 0.0)):
        store.add(replace(RECORD, id=name, created=created))
    assert [job.id for job in store.recent("me")] == ["d", "c", "b", "a"]
    assert [job.id for job in store.unfinished()] == ["a", "b", "c", "d"]


def test_work_of_an_hour_is_that_hours_and_not_of_a_clock_that_was_set_back(tmp_path):
    store, now = JobStore(tmp_path / "db.sqlite"), 1e9
    for name, created in (("before", now - 4000), ("within", now - 60), ("ahead", now + 1e8)):
        store.add(replace(RECORD, id=name, created=created, work=5.0))
    assert store.work_between("me", now - 3600, now) == [(now - 60, 5.0)]


def test_a_killed_writer_loses_nothing_it_acknowledged(tmp_path):
    path = tmp_path / "db.sqlite"
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": os.getcwd()}
    )
    acknowledged = [writer.stdout.readline() for _ in range(5)]
    time.sleep(0.05)
    writer.send_signal(signal.SIGKILL)
    acknowledged += writer.stdout.readlines()
    writer.wait()
    writer.stdout.close()
    kept = {job.id for job in JobStore(path).unfinished()}
    whole = {line.decode().strip() for line in acknowledged if line.endswith(b"\n")}
    assert whole <= kept


def test_a_hash_is_remembered_until_the_file_changes(tmp_path):
    path, cache = tmp_path / "model", HashCache(tmp_path / "db.sqlite")
    path.write_bytes(b"abc")
    known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"      # FIPS 180-2, appendix B.1
    assert cache.known(path) is None
    assert cache.sha256(path) == known == cache.known(path)
    path.write_bytes(b"abcd")
    assert cache.known(path) is None and cache.sha256(path) != known
