"""Pictures that were sent stay within what their account may have."""

from __future__ import annotations

import os
import time

import pytest

from modules.app.kept_inputs import JUST_SENT, make_room
from modules.base.errors import OverQuota
from modules.settings.options import Settings
from modules.store.jobs import JobRecord, JobStore

OLD = JUST_SENT + 1


@pytest.fixture
def store(tmp_path):
    return JobStore(tmp_path / "easel.sqlite")


def name_of(letter: str) -> str:
    return letter * 64 + ".png"


def kept(folder, letter: str, age: float, size: int = 100) -> str:
    folder.mkdir(exist_ok=True)
    path = folder / name_of(letter)
    path.write_bytes(b"x" * size)
    os.utime(path, (time.time() - age,) * 2)
    return path.name


def left(folder) -> str:
    return "".join(sorted(path.name[0] for path in folder.iterdir()))


def room(folder, store, size: int, most: int, owner: str = "alice", letter: str = "f") -> None:
    make_room(folder, name_of(letter), size, most, store, owner)


def test_the_oldest_make_room_and_no_more_than_must(tmp_path, store):
    folder = tmp_path / "inputs"
    for age, letter in enumerate("abc"):
        kept(folder, letter, OLD + 100 * age)
    room(folder, store, 100, 400)
    assert left(folder) == "abc"
    room(folder, store, 150, 400)
    assert left(folder) == "ab"


def test_what_was_just_sent_stays_and_the_next_is_refused(tmp_path, store):
    folder = tmp_path / "inputs"
    kept(folder, "a", OLD)
    kept(folder, "b", 10)
    kept(folder, "c", 10)
    with pytest.raises(OverQuota) as refused:
        room(folder, store, 200, 300)
    assert left(folder) == "abc" and refused.value.retry_after > 0 and "room" in refused.value.hint


def test_a_picture_that_is_there_already_needs_no_room(tmp_path, store):
    kept(tmp_path / "inputs", "a", 10, size=300)
    room(tmp_path / "inputs", store, 300, 300, letter="a")


FIELDS = {
    "init_images": ["a" * 64 + ".png"],
    "mask": "a" * 64 + ".png",
    "images": ["a" * 64 + ".png"],
    "batch": {"entries": [{"image": "a" * 64 + ".png"}], "folder": "", "notes": []},
}


@pytest.mark.parametrize("field", FIELDS)
def test_what_an_unfinished_job_needs_stays(tmp_path, store, field):
    folder = tmp_path / "inputs"
    kept(folder, "a", OLD + 100)
    kept(folder, "b", OLD)
    store.add(JobRecord("one", "alice", "img2img", {field: FIELDS[field]}, vars(Settings()) | {}, True))
    room(folder, store, 200, 300)
    assert left(folder) == "a"
    with pytest.raises(OverQuota):
        room(folder, store, 300, 300)
    store.set_state("one", "done")
    room(folder, store, 300, 300)
    assert left(folder) == ""
