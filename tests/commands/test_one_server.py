"""One data folder has one server, real processes, killed as the system kills them."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from modules.base.process_file import is_held
from modules.store.jobs import JobStore
from tests.servers import with_tiny_model

ROOT = Path(__file__).resolve().parents[2]
# A program like `serve`, without HTTP: its model dies of a certain word, as a driver would.
WORKER = """
import json, os, sys, time
from dataclasses import asdict
from pathlib import Path
from modules.app.jobs import ResolvedRequest
from modules.base.accounts import LOCAL_ACCOUNT
from modules.base.process_file import ProcessFile
from modules.commands.assemble import assemble, start_worker
from modules.models.device import Device
from modules.params.txt2img import Txt2Img
from modules.settings.flags import parse_flags

def dies(self, questions, answer=Device.answer):
    if any("poison" in text for question in questions for text in getattr(question, "texts", ())):
        os._exit(139)
    return answer(self, questions)

Device.answer = dies
flags = parse_flags(["--data-dir", sys.argv[1]], {})
held = ProcessFile(flags.paths.server_lock)
app = assemble(flags, held)
jobs = [app.jobs.submit(ResolvedRequest("txt2img", asdict(Txt2Img(prompt=prompt, seed=1, steps=2, width=64, height=64)), app.settings.current, task_id=prompt), LOCAL_ACCOUNT)
        for prompt in sys.argv[2:]]
start_worker(app)
for job in app.jobs.unfinished.running():
    app.jobs.wait(job)
held.release()
"""


def run(command, *arguments, **how):
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "CI": "true", "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, *command, *arguments],
        cwd=ROOT,
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        **how,
    )


def server(data, **how):
    return run(["webui.py", "serve"], "--skip-install", "--nowebui", "--port", "0", "--data-dir", str(data), **how)


def exit_code(process):
    process.communicate(timeout=300)
    return process.returncode


def until(true, seconds=120):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.fixture
def data(tmp_path):
    return with_tiny_model(tmp_path / "data")


@pytest.mark.slow
def test_a_second_server_is_refused_in_words_until_the_first_is_gone_however_it_went(data):
    (data / "outputs").mkdir()
    (leftover := data / "outputs" / f".{7:032x}.tmp").write_bytes(b"half")
    first = server(data)
    address = first.stdout.readline().split()[-1]
    second = server(data)
    said, _ = second.communicate(timeout=60)
    assert second.returncode == 1 and "Traceback" not in said
    assert str(first.pid) in said and address in said and "--data-dir" in said
    first.send_signal(signal.SIGKILL)
    first.communicate()
    third = server(data)
    try:
        assert third.stdout.readline().startswith("Easel is at ")
        until(lambda: not leftover.exists())
    finally:
        third.kill()
        third.communicate()


@pytest.mark.slow
def test_a_newer_database_keeps_the_server_from_starting_and_stays_as_it_is(data):
    path = data / "easel.sqlite"
    JobStore(path)
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA user_version = 999")
    before = path.read_bytes()
    refused = server(data)
    said, _ = refused.communicate(timeout=60)
    assert refused.returncode == 1 and "Traceback" not in said and "newer Easel" in said and "--data-dir" in said
    assert path.read_bytes() == before and not is_held(data / "easel.lock")


@pytest.mark.slow
def test_a_poison_job_is_tried_twice_and_the_others_are_made(data):
    assert exit_code(run(["-c", WORKER, str(data)], "poison", "a cat", "a dog")) == 139
    store = JobStore(data / "easel.sqlite")
    assert store.get("poison").state != "failed"
    assert exit_code(run(["-c", WORKER, str(data)])) == 139
    assert exit_code(run(["-c", WORKER, str(data)])) == 0
    states = {job: (store.get(job).state, store.get(job).made) for job in ("poison", "a cat", "a dog")}
    assert states == {"poison": ("failed", 0), "a cat": ("done", 1), "a dog": ("done", 1)}
    assert store.get("poison").error["error"] == "worker_crashed"


@pytest.mark.slow
def test_a_terminal_works_beside_a_server_and_leaves_no_file(data):
    first = server(data)
    try:
        first.stdout.readline()
        beside = run(
            ["webui.py", "generate"],
            "a red circle",
            "--skip-install",
            "--data-dir",
            str(data),
            "--steps",
            "1",
            "--width",
            "64",
            "--height",
            "64",
        )
        said, _ = beside.communicate(timeout=300)
        assert beside.returncode == 0, said
        assert Path(said.strip().splitlines()[-1]).is_file()
        assert list((data / "cache/terminals").iterdir()) == []
    finally:
        first.terminate()
        first.communicate()
    assert first.returncode in (0, -signal.SIGTERM)
    assert json.loads((data / "easel.lock").read_text())["in_hand"]["before"] == []


@pytest.mark.slow
@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_a_server_that_is_asked_to_stop_ends_well(data, name):
    running = server(data, preexec_fn=lambda: signal.signal(getattr(signal, name), signal.SIG_DFL))      # under nohup
    assert running.stdout.readline().startswith("Easel is at")
    until(lambda: (data / "easel.sqlite").exists())
    running.send_signal(getattr(signal, name))
    assert exit_code(running) == 0
