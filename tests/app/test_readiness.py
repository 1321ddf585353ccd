"""What /internal/ready says follows what the worker and the queue tell."""

from __future__ import annotations

from modules.app.jobs import DRAINING, OPEN, PAUSED, Jobs
from modules.app.queue import QueueControl
from modules.app.readiness import TAKES_JOBS, readiness
from modules.engine.messages import BROKEN, RESTARTING, WorkerHealth, WorkerReady, WorkerState
from modules.store.jobs import JobStore


def started(tmp_path):
    return Jobs(JobStore(tmp_path / "easel.sqlite"))


def warm(tmp_path):
    jobs = started(tmp_path)
    jobs.hear(WorkerReady("", {"device": "cpu"}))
    jobs.hear(WorkerState("", loaded="tiny"))
    return jobs


def test_it_starts_then_loads_then_is_ready(tmp_path):
    jobs = started(tmp_path)
    seen = [readiness(jobs)]
    for event in (WorkerReady("", {"device": "cpu"}), WorkerState("", loading="tiny"), WorkerState("", loaded="tiny")):
        jobs.hear(event)
        seen.append(readiness(jobs))
    assert seen == ["starting", "loading", "loading", "ready"]


def test_a_first_model_that_cannot_be_loaded_keeps_nobody_waiting(tmp_path):
    jobs = started(tmp_path)
    jobs.hear(WorkerReady("", {"device": "cpu"}))
    jobs.hear(WorkerState("", error="tiny.safetensors is damaged."))
    assert readiness(jobs) == "ready"


def test_another_model_that_is_loaded_later_leaves_it_ready(tmp_path):
    jobs = warm(tmp_path)
    jobs.hear(WorkerState("", loading="other", loaded="tiny"))
    assert readiness(jobs) == "ready"


def test_a_worker_that_died_is_ready_again_when_its_successor_is(tmp_path):
    jobs = warm(tmp_path)
    jobs.hear(WorkerHealth("", RESTARTING, 1))
    jobs.hear(WorkerState("", error="The worker died"))
    assert readiness(jobs) == RESTARTING
    jobs.hear(WorkerReady("", {"device": "cpu"}))
    jobs.hear(WorkerState("", loaded="tiny"))
    assert readiness(jobs) == "ready"


def test_an_open_breaker_says_so_and_for_how_long(tmp_path):
    jobs = warm(tmp_path)
    jobs.hear(WorkerHealth("", BROKEN, 6, 15.0))
    assert readiness(jobs) == BROKEN and 0 < jobs.status.retry_in <= 15


def test_a_draining_queue_is_not_ready_and_a_paused_one_is(tmp_path):
    jobs = warm(tmp_path)
    queue, seen = QueueControl(jobs), {}
    for mode in (DRAINING, PAUSED, OPEN):
        queue.set_mode(mode)
        seen[readiness(jobs)] = readiness(jobs) in TAKES_JOBS
    assert seen == {DRAINING: False, PAUSED: True, "ready": True}


def test_a_server_that_stops_is_not_ready(tmp_path):
    jobs = warm(tmp_path)
    jobs.unfinished.stop_watching()
    assert readiness(jobs) == "stopping"
