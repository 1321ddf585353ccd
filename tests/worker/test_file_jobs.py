"""Jobs without a device: one at a time, accounts in turns, stopped between two steps, begun again after a stop."""

from __future__ import annotations

import threading
from concurrent.futures import Future

import pytest

from modules.base.errors import DiskFull
from modules.engine.messages import Ended, JobSpec, Made, Progress, Started, Warned
from modules.store.jobs import MODEL
from modules.worker import file_jobs
from modules.worker.config import WorkerConfig
from modules.worker.file_jobs import FileJobs


class Shop:
    """The thread with works of our own, and everything it told."""

    def __init__(self, folder, monkeypatch):
        self.events, self.begun, self.works, self.notes = [], [], {}, []
        self.changed = threading.Condition()
        monkeypatch.setattr(file_jobs, "planner_of", lambda kind: self.plan)
        config = WorkerConfig(
            folder,
            folder,
            None,
            None,
            None,
            None,
            note_in_hand=lambda part, jobs: self.notes.append((part, list(jobs))),
        )
        self.jobs = FileJobs(config, self.hear)

    def plan(self, spec, library):
        self.begun.append(spec.id)
        return self.works.get(spec.id, lambda job: job.add_output(MODEL, "/models/x", {"of": spec.id}))

    def hear(self, event):
        with self.changed:
            self.events.append(event)
            self.changed.notify_all()

    def submit(self, job, owner="me", work=None, done=()):
        if work:
            self.works[job] = work
        self.jobs.submit(JobSpec(job, owner, "merge", {}, {}, done=done))

    def ended(self, *jobs):
        """The states in which they end."""
        with self.changed:
            assert self.changed.wait_for(
                lambda: set(jobs) <= {event.job for event in self.events if isinstance(event, Ended)}, 60
            ), self.events
        return [event.state for job in jobs for event in self.events if isinstance(event, Ended) and event.job == job]

    def of(self, job):
        return [event for event in self.events if event.job == job]


@pytest.fixture
def shop(tmp_path, monkeypatch):
    found = Shop(tmp_path, monkeypatch)
    yield found
    found.jobs.stop()
    if found.jobs.thread.is_alive():
        found.jobs.thread.join(60)
    assert not found.jobs.thread.is_alive()


def test_a_jobs_life_is_told_as_a_pictures_is(shop):
    def work(job):
        job.warn("mind the gap")
        job.progress(1, 4)
        job.add_output(MODEL, "/models/a", {"model_kind": "lora"})

    shop.submit("a", work=work)
    shop.jobs.start()
    assert shop.ended("a") == ["done"]
    assert shop.of("a") == [
        Started("a", 1),
        Warned("a", "mind the gap"),
        Progress("a", 0, 1, 4, 0.25),
        Made("a", 0, "/models/a", "", {"model_kind": "lora"}, kind=MODEL),
        Ended("a", "done"),
    ]


def test_everybodys_first_comes_before_anybodys_second(shop):
    for owner in ("alice", "bob", "carol"):
        for number in (1, 2, 3) if owner == "alice" else (1, 2):
            shop.submit(f"{owner} {number}", owner)
    shop.jobs.start()
    shop.ended("alice 3")
    assert shop.begun == ["alice 1", "bob 1", "carol 1", "alice 2", "bob 2", "carol 2", "alice 3"]


def test_who_asks_again_and_again_keeps_nobody_waiting(shop):
    """Bob asks for the next whenever one of his has begun; alice's second is not put off by more than one of them."""
    def again(number):
        def work(job):
            if number < 5:
                shop.submit(f"bob {number + 1}", "bob", again(number + 1))

        return work

    shop.submit("alice 1", "alice")
    shop.submit("alice 2", "alice")
    shop.submit("bob 1", "bob", again(1))
    shop.jobs.start()
    shop.ended("bob 5")
    assert shop.begun[:4] == ["alice 1", "bob 1", "alice 2", "bob 2"]


def endless(entered):
    def work(job):
        entered.set_result(None)
        while True:
            job.progress(0, 1)

    return work


def test_one_in_hand_is_stopped_between_two_steps_and_one_that_waits_at_once(shop):
    entered = Future()
    shop.submit("a", work=endless(entered))
    shop.submit("b")
    shop.submit("c")
    shop.jobs.start()
    entered.result(60)
    assert shop.jobs.interrupt("b") and shop.ended("b") == ["interrupted"] and shop.begun == ["a"]
    assert shop.jobs.interrupt("a") and shop.ended("a", "c") == ["interrupted", "done"]
    assert shop.begun == ["a", "c"] and not shop.jobs.interrupt("nobody's")


def test_a_stop_of_the_program_ends_no_job(shop):
    """They are recorded as they were, and begun again at the next start."""
    entered = Future()
    shop.submit("a", work=endless(entered))
    shop.submit("b")
    shop.jobs.start()
    entered.result(60)
    shop.jobs.stop()
    shop.jobs.thread.join(60)
    assert [event for event in shop.events if isinstance(event, Ended)] == [] and shop.begun == ["a"]


def test_an_error_is_its_jobs_alone_and_said_in_words(shop):
    def full(job):
        raise DiskFull("No space left to write a.safetensors.", "Free some space.")

    def wrong(job):
        raise ZeroDivisionError

    shop.submit("a", work=full)
    shop.submit("b", work=wrong)
    shop.submit("c")
    shop.jobs.start()
    assert shop.ended("a", "b", "c") == ["failed", "failed", "done"]
    assert [shop.of(job)[-1].error["error"] for job in ("a", "b")] == ["disk_full", "failed"]


def test_should_the_program_die_the_job_in_hand_is_to_blame(shop):
    shop.submit("a")
    shop.jobs.start()
    shop.ended("a")
    shop.jobs.stop()
    shop.jobs.thread.join(60)
    assert shop.notes == [("files", ["a"]), ("files", [])]


def test_outputs_of_an_earlier_run_keep_their_numbers(shop):
    shop.submit("a", done=(0, 1))
    shop.jobs.start()
    shop.ended("a")
    assert [event.index for event in shop.of("a") if isinstance(event, Made)] == [2]


def test_a_job_whose_owner_cannot_be_told_goes_on(shop):
    """The database is full, say."""
    hear = shop.hear

    def deaf(event):
        hear(event)
        if not isinstance(event, Ended):
            raise OSError

    shop.jobs.emit = deaf
    shop.submit("a")
    shop.jobs.start()
    assert shop.ended("a") == ["done"]

