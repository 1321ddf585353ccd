"""A file that a process holds until it ends, however it ends, and that tells what it had in hand."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from modules.base.errors import AlreadyRunning
from modules.base.process_file import ProcessFile, is_held, left_by_the_dead, read_note, refuse_second

HOLDER = """
import sys, time
from pathlib import Path
from modules.base.process_file import ProcessFile
held = ProcessFile(Path(sys.argv[1]), "http://127.0.0.1:1234")
held.note_in_hand("device", ["b", "a", "a"])
held.note_in_hand("planning", ["c"])
held.note_in_hand("planning", [])
print("held", flush=True)
time.sleep(600)
"""


@pytest.fixture
def holder(tmp_path):
    path = tmp_path / "easel.lock"
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)], stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": os.getcwd()}
    )
    assert process.stdout.readline() == b"held\n"
    yield path, process
    process.kill()
    process.wait()
    process.stdout.close()


def test_a_second_process_is_refused_and_told_who_has_it(holder):
    path, process = holder
    for refused in (ProcessFile, refuse_second):
        with pytest.raises(AlreadyRunning) as told:
            refused(path)
        assert (
            str(process.pid) in str(told.value)
            and "http://127.0.0.1:1234" in str(told.value)
            and "--data-dir" in told.value.hint
        )


def test_kill_9_gives_it_back_and_tells_what_was_in_hand(holder):
    path, process = holder
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not is_held(path)
    assert [(found.name, jobs) for found, jobs in left_by_the_dead(path.parent)] == [("easel.lock", {"a", "b"})]
    held = ProcessFile(path)
    assert held.died_with == ["a", "b"] and is_held(path)
    held.release()
    assert ProcessFile(path).died_with == ["a", "b"]      # nobody has recorded it yet


def test_what_was_recorded_or_released_is_not_told_again(tmp_path):
    path = tmp_path / "easel.lock"
    held = ProcessFile(path)
    held.note_in_hand("device", ["a"])
    held.release_jobs()
    held.note_in_hand("device", ["b"])
    assert read_note(path)["in_hand"]["device"] == []
    held.release()
    again = ProcessFile(path)
    assert again.died_with == []
    again.note_in_hand("keeping", ["c"])
    again.forget_deaths()
    assert read_note(path)["in_hand"] == {"before": [], "keeping": ["c"]}


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[1]", b'{"in_hand": [1]}', b'{"in_hand": {"device": 7, "keeping": [3, "a"]}}', b"\xff\xfe"]
)
def test_whatever_stands_in_the_file_it_can_be_held(tmp_path, content):
    path = tmp_path / "easel.lock"
    path.write_bytes(content)
    assert set(ProcessFile(path).died_with) <= {"a"}
