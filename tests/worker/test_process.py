"""A worker's process is supervised: whatever becomes of it, its jobs are told of, and another takes its place."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from dataclasses import replace

import pytest

from modules.app.fair_queue import DEVICE, FILES
from modules.app.jobs import Jobs, ResolvedRequest
from modules.base.accounts import LOCAL_ACCOUNT
from modules.base.errors import WorkerDown
from modules.engine import messages as events
from modules.engine.messages import BROKEN, READY, RESTARTING, Ended, JobSpec, Made, Preview, WorkerDied, WorkerHealth
from modules.engine.wire import FaultDone, InHand, Interrupt, Submit, from_line, to_line
from modules.settings.options import Settings
from modules.store.jobs import JobStore
from modules.worker.link import PROGRAM, Launch
from modules.worker.outbox import Outbox
from modules.worker.pool import WorkerPool
from modules.worker.process import ProcessWorker
from modules.worker.restarts import BREAKER_SECONDS, LONGEST_BREAK, MOST_IN_A_ROW, STEADY_SECONDS, Restarts
from tests.worker.heard import Heard

FAKE = (sys.executable, "-m", "tests.worker.fake_worker_process")


def launch(**told):
    return Launch(FAKE, lambda more: json.dumps({**told, **more}).encode() + b"\n", hang_seconds=600)


@pytest.fixture
def heard():
    found = []

    def begin(make):
        found.append(Heard(make))
        found[-1].worker.start()
        return found[-1]

    yield begin
    for each in found:
        each.worker.stop()


def spec(job, prompt="", pictures=1, owner="me", **more):
    return JobSpec(job, owner, "txt2img", {"prompt": prompt, "pictures": pictures, **more}, {})


MESSAGES = [
    Submit(replace(spec("é\ud800\n"), done=(1, 2), alone=True), 3, ("lora",)),
    Interrupt("a"), InHand("device", ("a", "b")), FaultDone("a"),
    Preview("a", 1, bytes(range(256))), Made("a", 0, "/p", "text\n", {"seed": 2**63, "x": [1, None]}),
    Ended("a", "failed", {"error": "oom"}), events.WorkerReady("", {"device": "cpu"}, 4),
    events.WorkerMemory("", {"system": {"free": 1, "used": 2, "total": 3}}),
]


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: type(message).__name__)
def test_a_message_is_one_line_and_the_same_on_the_other_side(message):
    line = to_line(message)
    assert line.count(b"\n") == 1 and line.endswith(b"\n") and from_line(line) == message


@pytest.mark.parametrize("line", [b"", b"{}", b"[]", b"null", b'{"is": "os.system"}', b'{"is": "Ended"}', b"\xff", b"Loading"])
def test_what_is_no_message_is_refused(line):
    with pytest.raises(ValueError):
        from_line(line)


def test_a_slow_reader_gets_everything_in_order_but_only_the_newest_preview():
    lines, go = [], threading.Event()

    def write(line):
        go.wait(60)
        lines.append(from_line(line))

    outbox = Outbox(write)
    outbox.start()
    sent = [Made("a", 0, "/0"), *(Preview("a", 1, bytes([n])) for n in range(9)), Made("a", 1, "/1"), Preview("b", 0, b"b")]
    for message in sent:
        outbox.put(message)
    go.set()
    assert outbox.flush(60)
    assert lines[-4:] == [Made("a", 0, "/0"), sent[9], sent[10], sent[11]][-len(lines[-4:]):]
    assert [each for each in lines if isinstance(each, Made)] == [sent[0], sent[10]] and len(lines) <= 5
    outbox.close()


def test_the_first_death_is_mended_at_once_and_further_ones_later_and_later():
    restarts, pauses = Restarts(), []
    for now in range(20):
        restarts.died(1000 * now)
        pauses.append(restarts.left(1000 * now))
    assert pauses[0] == 0 and pauses[1:5] == [1, 2, 4, 8] and pauses[MOST_IN_A_ROW - 1] == BREAKER_SECONDS
    assert pauses == sorted(pauses) and pauses[-1] == LONGEST_BREAK
    restarts.worked()
    assert not restarts.broken
    restarts.died(0)
    assert restarts.left(0) == 0


def test_a_worker_that_lived_long_is_none_that_dies_again_and_again():
    restarts = Restarts(deaths=5)
    restarts.ready(0)
    restarts.died(STEADY_SECONDS + 1)
    assert restarts.deaths == 1
    restarts.ready(100)
    restarts.died(101)
    assert restarts.deaths == 2


def test_a_job_is_made_in_another_process_and_what_is_told_of_it_keeps_its_order(heard):
    shop = heard(lambda emit: ProcessWorker(launch(), emit))
    shop.worker.submit(spec("a", pictures=3))
    shop.until(lambda: shop.of(Ended))
    assert [made.index for made in shop.of(Made)] == [0, 1, 2] and shop.of(Ended) == [Ended("a", "done")]
    assert shop.of(Made)[0].facts["pid"] not in (0, os.getpid())
    told = [type(event).__name__ for event in shop.events if event.job == "a" and not isinstance(event, Preview)]
    assert told[0] == "Started" and told[-2:] == ["Made", "Ended"] and shop.worker.jobs == {}


def test_the_jobs_of_a_worker_that_crashed_are_given_back_and_those_in_hand_are_blamed(heard):
    shop = heard(lambda emit: ProcessWorker(launch(), emit))
    for each in (spec("bad", "crash", pictures=2, at=1), spec("good")):
        shop.worker.submit(each)
    shop.until(lambda: shop.of(WorkerDied) and [h for h in shop.of(WorkerHealth) if h.phase == READY][1:])
    [died] = shop.of(WorkerDied)
    assert died.lost == ("bad", "good") and died.blamed == ("bad",) and not died.hung and "SIGSEGV" in died.reason
    assert [made.index for made in shop.of(Made)] == [0]
    assert [health.phase for health in shop.of(WorkerHealth)] == [READY, RESTARTING, READY]
    shop.worker.submit(spec("good"))
    shop.until(lambda: shop.of(Ended))
    assert shop.of(Ended) == [Ended("good", "done")]


def test_a_worker_that_hangs_is_killed_and_only_the_job_at_the_device_is_blamed(heard):
    now = [0.0]
    shop = heard(lambda emit: ProcessWorker(launch(), emit, clock=lambda: now[0]))
    shop.worker.submit(spec("stuck", "hang"))
    shop.worker.submit(spec("next"))
    shop.until(lambda: any(isinstance(event, events.Progress) for event in shop.events))
    shop.worker.look()
    assert not shop.of(WorkerDied)
    now[0] = 601.0
    shop.worker.look()
    shop.until(lambda: shop.of(WorkerDied))
    [died] = shop.of(WorkerDied)
    assert died.hung and died.blamed == ("stuck",) and died.lost == ("stuck", "next")


def test_a_worker_whose_extension_does_not_come_back_is_killed_while_the_device_is_alive(heard):
    now = [0.0]
    shop = heard(lambda emit: ProcessWorker(launch(), emit, clock=lambda: now[0]))
    shop.worker.submit(spec("stuck", "until interrupted"))
    shop.until(lambda: any(isinstance(event, events.Progress) for event in shop.events))
    child = shop.worker.child
    shop.worker._in_hand(child, InHand("extensions", ("hooked",)))
    now[0] = 599.0
    shop.worker._in_hand(child, InHand("device", ("stuck",)))
    now[0] = 601.0
    shop.worker.look()
    shop.until(lambda: shop.of(WorkerDied))
    [died] = shop.of(WorkerDied)
    assert died.hung and died.blamed == () and "of an extension" in died.reason


def test_a_worker_with_nothing_in_hand_may_be_silent_for_ever(heard):
    now = [0.0]
    shop = heard(lambda emit: ProcessWorker(launch(), emit, clock=lambda: now[0]))
    shop.until(lambda: shop.of(WorkerHealth))
    now[0] = 1e9
    shop.worker.look()
    shop.worker.submit(spec("a"))
    shop.until(lambda: shop.of(Ended))
    assert not shop.of(WorkerDied)


def test_an_interruption_reaches_the_process_and_a_job_that_waits_for_one_ends_at_once(heard):
    shop = heard(lambda emit: ProcessWorker(launch(), emit))
    shop.worker.submit(spec("a", "until interrupted", pictures=2))
    shop.until(lambda: any(isinstance(event, events.Started) for event in shop.events))
    shop.worker.interrupt("a")
    shop.until(lambda: shop.of(Ended))
    assert shop.of(Ended) == [Ended("a", "interrupted")]
    idle = Heard(lambda emit: ProcessWorker(launch(), emit))
    idle.worker.submit(spec("b"))
    idle.worker.interrupt("b")
    assert idle.events == [Ended("b", "interrupted")] and not idle.worker.jobs


@pytest.mark.slow
def test_after_so_many_deaths_in_a_row_it_is_left_alone_until_somebody_wants_it_back(heard):
    now = [0.0]
    shop = heard(lambda emit: ProcessWorker(launch(crash=True), emit, clock=lambda: now[0]))
    for deaths in range(1, MOST_IN_A_ROW + 1):
        shop.until(lambda deaths=deaths: len(shop.of(WorkerDied)) == deaths)
        now[0] += 10
        with shop.worker._changed:
            shop.worker._changed.notify_all()
    last = shop.of(WorkerHealth)[-1]
    assert (last.phase, last.deaths, last.retry_in) == (BROKEN, MOST_IN_A_ROW, BREAKER_SECONDS)
    assert "no new jobs" in shop.of(events.WorkerState)[-1].error.lower()
    shop.worker.try_again()
    assert [health for health in shop.of(WorkerHealth) if not health.deaths][-1].phase == RESTARTING
    shop.until(lambda: len(shop.of(WorkerDied)) == MOST_IN_A_ROW + 1)


@pytest.mark.slow
def test_a_job_that_kills_twice_is_set_aside_one_that_kills_in_company_is_made_and_nobody_else_is_kept(heard, tmp_path):
    jobs = Jobs(JobStore(tmp_path / "easel.sqlite"))
    worker = ProcessWorker(launch(), jobs.hear)
    jobs.attach(worker)
    try:
        ids = [
            jobs.submit(ResolvedRequest("txt2img", {"prompt": prompt, "pictures": 2, "n_iter": 2, "at": 1}, Settings()), LOCAL_ACCOUNT)
            for prompt in ("crash", "crash in company", "fine")
        ]
        poison, company, fine = map(jobs.wait, ids)
    finally:
        worker.stop()
    assert (poison.state, poison.made, poison.error["error"]) == ("failed", 1, "worker_crashed")
    assert (company.state, company.made, company.deaths) == ("done", 2, 1) and "SIGSEGV" in company.warnings[0]
    assert (fine.state, fine.made, fine.deaths, fine.warnings) == ("done", 2, 0, ())


def test_new_jobs_are_refused_with_the_time_to_come_back_while_the_worker_is_left_alone(tmp_path):
    jobs = Jobs(JobStore(tmp_path / "easel.sqlite"), lane_of=lambda kind: FILES if kind == "merge" else DEVICE)
    jobs.hear(WorkerHealth("", BROKEN, 6, 15.0, "SIGSEGV"))
    with pytest.raises(WorkerDown) as refused:
        jobs.submit(ResolvedRequest("txt2img", {}, Settings()), LOCAL_ACCOUNT)
    assert (refused.value.status, refused.value.code) == (503, "busy") and 1 <= refused.value.retry_after <= 15
    jobs.submit(ResolvedRequest("merge", {}, Settings()), LOCAL_ACCOUNT)
    jobs.hear(WorkerHealth("", READY))
    jobs.submit(ResolvedRequest("txt2img", {}, Settings()), LOCAL_ACCOUNT)


def test_no_worker_outlives_its_server(tmp_path):
    server = """
import json, sys
from modules.worker.link import Launch
from modules.worker.process import ProcessWorker
ready = lambda event: print(event.device["device"].split()[1], flush=True) if hasattr(event, "device") else None
ProcessWorker(Launch((sys.executable, "-m", "tests.worker.fake_worker_process"), lambda more: b"{}\\n"), ready).start()
sys.stdin.read()
"""
    process = subprocess.Popen(
        [sys.executable, "-c", server], cwd=PROGRAM, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    worker = int(process.stdout.readline())
    process.send_signal(signal.SIGKILL)
    process.wait(60)
    for _ in range(1200):
        if not runs(worker):
            return
        time.sleep(0.05)
    raise AssertionError("the worker is still there")


def runs(pid):
    try:
        os.kill(pid, 0)
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False


# Several ---------------------------------------------------------------------------------------------


class Still:
    """A worker that is given jobs and makes nothing."""

    def __init__(self, emit):
        self.emit, self.given, self.asked = emit, [], []

    def start(self):
        self.emit(events.WorkerReady("", {"device": "cpu"}, 2))

    def submit(self, spec):
        self.given.append(spec.id)

    def interrupt(self, job):
        self.asked.append(("interrupt", job))

    def skip(self, job):
        self.asked.append(("skip", job))

    def stop(self):
        self.asked.append(("stop", ""))


@pytest.fixture
def pair():
    shop = Heard(lambda emit: WorkerPool([Still, Still], emit))
    shop.worker.start()
    shop.one, shop.two = (member.worker for member in shop.worker.members)
    return shop


def of_model(job, model, prompt="", pictures=1):
    return JobSpec(job, "me", "txt2img", {"prompt": prompt, "n_iter": pictures}, {"sd_model_checkpoint": model})


def test_a_job_goes_to_whoever_has_its_model_else_to_the_least_loaded(pair):
    for each in (of_model("a1", "A"), of_model("b1", "B"), of_model("a2", "A"), of_model("b2", "B")):
        pair.worker.submit(each)
    assert (pair.one.given, pair.two.given) == (["a1", "a2"], ["b1", "b2"])
    pair.worker.submit(of_model("a3", "A", pictures=50))
    pair.worker.submit(of_model("a4", "A"))
    assert pair.two.given[-1] == "a4"


def test_nobody_stands_idle_beside_a_long_queue(heard):
    waiting = [0]
    pool = heard(lambda emit: WorkerPool([Still, Still], emit, behind=lambda most: min(most, waiting[0]))).worker
    one, two = (member.worker for member in pool.members)
    for job in ("a1", "a2"):
        pool.submit(of_model(job, "A"))
    assert (one.given, two.given) == (["a1", "a2"], [])
    waiting[0] = 100
    for job in ("a3", "a4", "a5", "a6"):
        pool.submit(of_model(job, "A"))
    assert (one.given, two.given) == (["a1", "a2", "a5"], ["a3", "a4", "a6"])


def test_a_worker_that_is_drained_makes_no_room_for_jobs(pair):
    for worker in (pair.one, pair.two):
        worker.emit(events.WorkerReady("", {"device": "x"}, 4))
    for draining, room in ((True, (1, 4)), (False, (2, 8))):
        pair.worker.drain("1", draining)
        ready = pair.of(events.WorkerReady)[-1]
        assert (ready.workers, ready.at_once) == room


def done(pair, job):
    """It is made: its worker has nothing of it left, and keeps the model."""
    [member] = [member for member in pair.worker.members if job in member.jobs]
    member.worker.emit(Ended(job, "done"))
    return member.worker


def test_networks_decide_between_two_that_have_the_model(pair):
    for job, prompt in (("x", "<lora:x:1>"), ("y", "<lora:y:1>")):
        pair.worker.submit(of_model(job, "A", prompt, pictures=5))
    one, two = done(pair, "x"), done(pair, "y")
    assert one is not two
    for job, network, home in (("y2", "y", two), ("x2", "x", one), ("y3", "y", two)):
        pair.worker.submit(of_model(job, "A", f"cat <lora:{network}:1>"))
        assert done(pair, job) is home


def test_idle_workers_keep_the_models_of_people_who_take_turns(pair):
    pair.one.emit(events.WorkerState("", loaded="A"))
    pair.two.emit(events.WorkerState("", loaded="A"))
    homes = []
    for number, model in enumerate("BABACBCB"):
        pair.worker.submit(of_model(str(number), model))
        homes.append(done(pair, str(number)))
    b, a = homes[:2]
    assert a is not b and homes == [b, a, b, a, b, a, b, a]


def test_one_model_under_several_names_is_one(heard):
    pool = heard(lambda emit: WorkerPool([Still, Still], emit, identify=lambda name: name.partition(" ")[0])).worker
    for number, name in enumerate(("A", "B", "A [1234]", "B", "A")):
        pool.submit(of_model(str(number), name))
    assert [member.worker.given for member in pool.members] == [["0", "2", "4"], ["1", "3"]]


def test_the_memory_that_is_told_is_the_first_device_s(pair):
    pair.two.emit(events.WorkerMemory("", {"system": 2}))
    pair.one.emit(events.WorkerMemory("", {"system": 1}))
    assert [event.cuda for event in pair.events if isinstance(event, events.WorkerMemory)] == [{"system": 1}]


def test_interruptions_reach_the_one_that_has_the_job_and_a_stop_all(pair):
    pair.worker.submit(of_model("a", "A"))
    pair.worker.submit(of_model("b", "B"))
    pair.worker.interrupt("b")
    pair.worker.skip("a")
    pair.worker.interrupt("unknown")
    pair.worker.stop()
    assert pair.one.asked == [("skip", "a"), ("stop", "")] and pair.two.asked == [("interrupt", "b"), ("stop", "")]


def test_one_that_dies_does_not_touch_the_other_and_gets_no_jobs_meanwhile(pair):
    pair.one.emit(WorkerHealth("", READY))
    pair.worker.submit(of_model("a", "A"))
    pair.one.emit(WorkerHealth("", BROKEN, 6, 15.0, "SIGSEGV"))
    pair.one.emit(WorkerDied("", ("a",), ("a",)))
    pair.two.emit(WorkerHealth("", READY))
    assert pair.events[-1].phase == READY
    pair.worker.submit(of_model("a", "A"))
    assert pair.two.given == ["a"]
    pair.two.emit(WorkerHealth("", BROKEN, 6, 5.0, "SIGSEGV"))
    assert (pair.events[-1].phase, pair.events[-1].retry_in) == (BROKEN, 5.0)


def test_one_that_died_once_gets_its_jobs_back_and_after_the_second_time_the_other_has_them(pair):
    pair.worker.submit(of_model("a", "A"))
    pair.worker.submit(of_model("b", "B"))
    for deaths, home in ((1, pair.two), (2, pair.one)):
        pair.two.emit(WorkerHealth("", RESTARTING, deaths, 0.0, "SIGSEGV"))
        pair.two.emit(WorkerDied("", ("b",), ("b",)))
        pair.worker.submit(of_model("b", "B"))
        assert home.given[-1] == "b"


def test_two_processes_make_jobs_side_by_side(heard):
    shop = heard(lambda emit: WorkerPool([lambda e: ProcessWorker(launch(), e)] * 2, emit))
    for job, model in (("a", "A"), ("b", "B")):
        shop.worker.submit(replace(spec(job), settings={"sd_model_checkpoint": model}))
    shop.until(lambda: len(shop.of(Ended)) == 2)
    assert len({made.facts["pid"] for made in shop.of(Made)}) == 2


@pytest.mark.slow
def test_a_cancel_in_a_race_with_the_end_leaves_one_end_and_is_never_the_next_job_s(tmp_path):
    """The cancel comes before, at or after the job's end, and is asked for twice."""
    jobs, ends, draw = Jobs(JobStore(tmp_path / "easel.sqlite")), Counter(), random.Random(7)

    def hear(event):
        if isinstance(event, Ended):
            ends[event.job] += 1
        jobs.hear(event)

    worker = ProcessWorker(launch(), hear)
    jobs.attach(worker)
    try:
        for _ in range(100):
            asked, after = (
                jobs.submit(ResolvedRequest("txt2img", {"prompt": "", "pictures": 1}, Settings()), LOCAL_ACCOUNT) for _ in range(2)
            )
            for _ in range(draw.randrange(40)):      # as far into the job as the machine comes
                jobs.brief(asked)
            jobs.interrupt(asked)
            jobs.interrupt(asked)
            with jobs.unfinished.changed:
                assert jobs.unfinished.changed.wait_for(lambda: not jobs.unfinished.live, 120), worker.jobs
            before, state = jobs.wait(asked), jobs.wait(after).state
            jobs.interrupt(asked)
            assert before.state in ("done", "interrupted") and jobs.get(asked).state == before.state
            assert state == "done"
    finally:
        worker.stop()
    assert len(ends) == 200 and set(ends.values()) == {1}
