"""What people do with their jobs in the queue, and its keeper with all of them."""

from __future__ import annotations

import random
import threading
import time
from dataclasses import asdict

import pytest

from modules.app.jobs import JobProcess, Jobs, ResolvedRequest
from modules.app.queue import QueueControl
from modules.base.accounts import Account, Role
from modules.base.errors import Conflict, Draining, Invalid, OverQuota, UnknownName
from modules.engine.messages import Ended, Made, Started, WorkerReady
from modules.params.txt2img import Txt2Img
from modules.settings.options import Settings
from modules.settings.queue_limits import queue_limits
from modules.store.jobs import JobStore


class Scribe:
    """A worker that writes down what it is told."""

    def __init__(self):
        self.specs, self.interrupted = [], []

    def start(self): ...

    def submit(self, spec):
        self.specs.append(spec)

    def interrupt(self, job):
        self.interrupted.append(job)

    def skip(self, job): ...

    def stop(self): ...


def begun(tmp_path, at_once=1, settings=None):
    jobs = Jobs(JobStore(tmp_path / "easel.sqlite"))
    jobs.limits = lambda role: queue_limits(settings or Settings(), role)
    jobs.attach(Scribe())
    jobs.hear(WorkerReady("", {}, at_once))
    return jobs


@pytest.fixture
def jobs(tmp_path):
    return begun(tmp_path)


@pytest.fixture
def queue(jobs):
    return QueueControl(jobs)


def ask(jobs, owner="alice", pictures=1, role=Role.MEMBER, **fields):
    params = asdict(Txt2Img(n_iter=pictures, seed=1, steps=20, **fields))
    return jobs.submit(ResolvedRequest("txt2img", params, Settings()), Account(owner, role))


def finish(jobs, job, pictures=1):
    jobs.hear(Started(job))
    for index in range(pictures):
        jobs.hear(Made(job, index, f"/{job}-{index}.png", "", {}))
    jobs.hear(Ended(job, "done"))


def handed(jobs):
    return [spec.id for spec in jobs.worker.specs]


def finish_all(jobs):
    """Ends what is in hand until nothing is left; returns the order."""
    order = []
    while left := [job for job in handed(jobs) if job not in order and not jobs.get(job).ended]:
        order.append(left[0])
        finish(jobs, left[0])
    return order


def test_the_worker_gets_what_is_next_and_no_more(jobs):
    first, second = ask(jobs), ask(jobs)
    assert handed(jobs) == [first]
    finish(jobs, first)
    assert handed(jobs) == [first, second]


def test_a_moved_job_is_begun_in_its_new_place_also_after_a_restart(jobs, queue, tmp_path):
    first, *rest = [ask(jobs) for _ in range(4)]
    queue.move(rest[2], rest[0], "alice")
    queue.move(rest[0], "", "alice")
    order = [rest[2], rest[1], rest[0]]
    assert queue.unfinished("alice") == [first, *order]
    after = begun(tmp_path)      # as a kill leaves the database
    assert QueueControl(after).unfinished("alice") == [first, *order]
    assert finish_all(after) == [first, *order]


def test_a_paused_job_waits_over_a_restart_until_it_is_let_go_on(jobs, queue, tmp_path):
    first, paused, last = [ask(jobs) for _ in range(3)]
    for _ in range(2):
        queue.pause(paused, True, "alice")
    finish(jobs, first)
    assert handed(jobs) == [first, last]
    after = begun(tmp_path)
    finish(after, last)
    assert handed(after) == [last] and after.get(paused).paused
    QueueControl(after).pause(paused, False)
    assert handed(after) == [last, paused]


def test_who_came_back_before_the_jobs_did_is_told_of_them(jobs, tmp_path):
    ask(jobs)
    after = Jobs(JobStore(tmp_path / "easel.sqlite"))
    seen = after.unfinished.revision
    after.attach(Scribe())
    assert after.unfinished.revision > seen


def test_what_has_begun_or_ended_is_neither_moved_nor_paused(jobs, queue):
    first, second = ask(jobs), ask(jobs)
    for act in (lambda job: queue.move(job, ""), lambda job: queue.pause(job, True)):
        with pytest.raises(Conflict, match="has begun"):
            act(first)
    with pytest.raises(Conflict, match="does not wait"):
        queue.move(second, first)
    finish(jobs, first)
    with pytest.raises(Conflict, match="has ended"):
        queue.pause(first, True)


def test_somebody_elses_job_is_none(jobs, queue):
    ask(jobs)
    theirs, mine = ask(jobs), ask(jobs, "bob")
    for act in (
        lambda: queue.move(theirs, "", "bob"), lambda: queue.pause(theirs, True, "bob"),
        lambda: queue.hide(theirs, "bob"),
    ):
        with pytest.raises(UnknownName):
            act()
    waiting = ask(jobs, "bob")
    with pytest.raises(UnknownName):
        queue.move(waiting, theirs, "bob")
    assert queue.unfinished("bob") == [mine, waiting] and queue.others("bob") == 2


def test_a_waiting_job_is_cancelled_at_once_and_twice_is_as_once(jobs):
    running, waiting = ask(jobs), ask(jobs)
    for _ in range(2):
        jobs.interrupt(waiting)
    assert jobs.get(waiting).state == "interrupted" and jobs.worker.interrupted == []
    jobs.interrupt(running)
    assert jobs.worker.interrupted == [running]
    finish(jobs, running)
    jobs.interrupt(running)
    assert jobs.worker.interrupted == [running] and jobs.get(running).state == "done"


@pytest.mark.slow
def test_a_cancel_at_the_moment_of_the_end_or_the_beginning_leaves_one_state_and_the_next_job_alone(jobs):
    """Whoever is first has it; the worker is told to stop no other job."""
    dice = random.Random(7)
    for _ in range(60):
        job, following = ask(jobs), ask(jobs)
        cancelled = dice.choice([job, following])
        racers = [
            threading.Thread(target=jobs.interrupt, args=[cancelled]), threading.Thread(target=finish, args=[jobs, job])
        ]
        dice.shuffle(racers)
        for racer in racers:
            racer.start()
        for racer in racers:
            racer.join()
        assert set(jobs.worker.interrupted) <= {cancelled}
        if cancelled == job:
            assert jobs.get(job).state == "done" and jobs.get(following).state == "queued"
        else:
            assert jobs.get(job).state == "done"
            assert (jobs.get(following).state == "interrupted") != (following in handed(jobs))
        jobs.worker.interrupted.clear()
        finish(jobs, following)
        assert not jobs.unfinished.live


@pytest.mark.slow
def test_jobs_of_two_who_ask_at_once_are_each_handed_over_once(tmp_path):
    jobs, count = begun(tmp_path), 25
    barrier, asked = threading.Barrier(2), []

    def some(owner):
        barrier.wait()
        for _ in range(count):
            asked.append(ask(jobs, owner))

    askers = [threading.Thread(target=some, args=[owner]) for owner in ("alice", "bob")]
    for asker in askers:
        asker.start()
    ended = 0
    while ended < 2 * count:
        for job in handed(jobs)[ended:]:
            finish(jobs, job)
            ended += 1
        time.sleep(0)
    assert sorted(handed(jobs)) == sorted(asked) and len(set(asked)) == 2 * count and not jobs.unfinished.live


def test_a_paused_queue_takes_jobs_and_begins_none_also_after_a_restart(jobs, queue, tmp_path):
    first = ask(jobs)
    queue.set_mode("paused")
    second = ask(jobs)
    finish(jobs, first)
    after = begun(tmp_path)
    assert (handed(jobs), handed(after), after.mode) == ([first], [], "paused")
    QueueControl(after).set_mode("open")
    assert handed(after) == [second]
    with pytest.raises(Invalid, match="closed"):
        queue.set_mode("closed")


def test_a_draining_queue_lets_what_is_at_work_end_and_takes_no_jobs(jobs, queue):
    running, waiting = ask(jobs), ask(jobs)
    queue.set_mode("draining")
    with pytest.raises(Draining) as refused:
        ask(jobs)
    assert (refused.value.code, refused.value.status) == ("busy", 503) and refused.value.retry_after > 0
    finish(jobs, running)
    assert handed(jobs) == [running] and jobs.get(waiting).state == "queued"
    queue.set_mode("open")
    assert handed(jobs) == [running, waiting]


def test_a_terminals_queue_is_its_own(jobs, queue, tmp_path):
    queue.set_mode("draining")
    terminal = Jobs(JobStore(tmp_path / "easel.sqlite"), JobProcess("terminal-7"))
    terminal.attach(Scribe(), resume=False)
    job = ask(terminal)
    assert handed(terminal) == [job]


def test_pictures_beyond_an_accounts_share_are_refused_and_others_are_not(tmp_path):
    jobs = begun(tmp_path, settings=Settings(queue_member_pictures=10))
    first = ask(jobs, pictures=8)
    with pytest.raises(OverQuota, match="8 pictures waiting") as refused:
        ask(jobs, pictures=3)
    assert (refused.value.code, refused.value.status) == ("quota", 429)
    ask(jobs, "bob", pictures=10), ask(jobs, "admin", 1000, Role.ADMINISTRATOR)
    with pytest.raises(OverQuota, match="11 pictures"):
        ask(jobs, "carol", pictures=11)
    jobs.hear(Made(first, 0, "/0.png", "", {}))
    ask(jobs, pictures=3)


def test_parallel_requests_do_not_slip_past_the_share(tmp_path):
    jobs = begun(tmp_path, settings=Settings(queue_member_pictures=5))
    barrier, outcomes = threading.Barrier(20), []

    def once():
        barrier.wait()
        try:
            outcomes.append(bool(ask(jobs)))
        except OverQuota:
            outcomes.append(False)

    threads = [threading.Thread(target=once) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes.count(True) == 5 == len(jobs.unfinished.live)


def test_work_beyond_an_hours_share_is_refused_until_the_hour_is_over(tmp_path, monkeypatch):
    jobs, now = begun(tmp_path, settings=Settings(queue_guest_work=20, queue_guest_jobs=0)), time.time()
    monkeypatch.setattr(time, "time", lambda: now)
    asked = []
    for _ in range(3):
        asked.append(ask(jobs, role=Role.GUEST))      # 5.2 each
        now += 600
    with pytest.raises(OverQuota, match="megapixel-steps") as refused:
        ask(jobs, role=Role.GUEST)
    assert 1795 <= refused.value.retry_after <= 1805      # until the first is an hour ago
    jobs.interrupt(asked[2])      # it was not made: it costs nothing
    ask(jobs, role=Role.GUEST)
    with pytest.raises(OverQuota):
        ask(jobs, role=Role.GUEST, width=1024, height=1024)
    now += 1800
    ask(jobs, role=Role.GUEST)


def test_a_guest_has_one_job_in_hand(tmp_path):
    jobs = begun(tmp_path, at_once=16)
    first, second, other = ask(jobs, "guest", role=Role.GUEST), ask(jobs, "guest", role=Role.GUEST), ask(jobs, "bob")
    assert handed(jobs) == [first, other]
    finish(jobs, first)
    assert handed(jobs) == [first, other, second]


def test_estimates_are_told_once_a_picture_has_been_made(jobs, queue, monkeypatch):
    clock = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: clock)
    first, second, third = [ask(jobs) for _ in range(3)]
    assert queue.waiting(jobs.get(third)).seconds is None
    clock += 8
    finish(jobs, first)
    told = [queue.waiting(jobs.get(job)) for job in (second, third)]
    assert [(each.ahead, each.seconds) for each in told] == [(0, pytest.approx(8)), (1, pytest.approx(16))]
    queue.pause(third, True)
    assert queue.waiting(jobs.get(third)).seconds is None


def test_what_is_out_of_the_history_is_still_there(jobs, queue):
    done, failed, waiting = [ask(jobs) for _ in range(3)]
    finish(jobs, done)
    with pytest.raises(Conflict):
        queue.hide(waiting)
    jobs.interrupt(waiting)
    jobs.hear(Ended(failed, "failed", {"error": "oom", "message": "no", "hint": "", "status": 500}))
    states = ("done", "interrupted", "failed")
    assert [job.id for job in jobs.store.history("alice", states, 10)] == [waiting, failed, done]
    queue.hide(done, "alice")
    assert queue.clear("alice", ["failed", "queued"]) == 1 and queue.clear("alice", ["failed"]) == 0
    assert [job.id for job in jobs.store.history("alice", states, 10)] == [waiting]
    assert jobs.get(done).made == 1 and jobs.store.counts("alice") == {"interrupted": 1}


def test_until_the_worker_is_ready_it_has_one_picture_and_the_others_can_be_moved(tmp_path):
    jobs = Jobs(JobStore(tmp_path / "easel.sqlite"))
    jobs.attach(Scribe())
    first, second, third = [ask(jobs) for _ in range(3)]
    QueueControl(jobs).move(third, second)
    assert handed(jobs) == [first]
    jobs.hear(WorkerReady("", {}, 16))
    assert handed(jobs) == [first, third, second]
