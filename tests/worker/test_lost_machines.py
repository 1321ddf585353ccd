"""Machines that do not come up, fall silent or go: their jobs are told to be lost, and no thread ends unseen."""

from __future__ import annotations

import sys
import threading
from queue import SimpleQueue
from types import SimpleNamespace

import pytest

from modules.engine.messages import (
    READY,
    RESTARTING,
    Ended,
    JobSpec,
    Made,
    WorkerDied,
    WorkerHealth,
    WorkerReady,
    WorkerState,
)
from modules.engine.wire import InHand, to_line
from modules.worker.cluster import ray_cluster, ray_link
from modules.worker.cluster.file_lists import NeededFile
from modules.worker.cluster.frames import Frame, packed_frame
from modules.worker.cluster.machines import CLUSTER_NOTES, NO_MACHINE, SILENT_SECONDS, ClusterWorkers
from modules.worker.cluster.ray_cluster import ClusterMachine, RayCluster
from modules.worker.cluster.ray_link import Exchange, HostLost, RayLink
from modules.worker.link import Launch
from modules.worker.pool import WorkerPool
from modules.worker.pool_member import Home
from modules.worker.process import ProcessWorker
from tests.worker.heard import Heard

ONE = ClusterMachine("1", "one", 1, 0, True)


class SilentHost:
    """A host that says what it is given to say and then nothing more, not even that it has ended."""

    def __init__(self, *messages):
        self.saying, self.lost = SimpleQueue(), False
        self.told, self.asked, self.killed = (threading.Event() for _ in range(3))
        for message in (WorkerReady("", {"device": "x"}, 4), *messages):
            self.say(message)

    def say(self, message, files=()):
        self.saying.put(packed_frame(Frame(to_line(message), dict(files))))

    def said(self):
        return iter(self.saying.get, None)

    def check(self):
        if self.lost:
            raise HostLost("no answer")

    def ping(self):
        self.check()

    def tell(self, line):
        self.check()
        self.told.set()

    def prepare(self, listed):
        self.asked.set()
        self.killed.wait(60)      # it looks for the files until its machine has gone
        raise HostLost("no answer")

    def send(self, digest, parts): ...

    def kill(self):
        self.killed.set()
        raise RuntimeError("there is no cluster any more")


class OneFile:
    def of(self, spec):
        return [NeededFile("models/Lora/a.safetensors", 7, "0" * 64)]


class Written:
    """Notes the pictures that are written."""

    def __init__(self):
        self.pictures = []

    def write(self, spec, made, files):
        self.pictures.append(made.index)
        return made


def job(name="a"):
    return JobSpec(name, "local", "txt2img", {"prompt": ""}, {})


class Trial(Heard):
    """A worker that is connected to these hosts in turn, or to none: an error in their place is raised."""

    def __init__(self, *hosts, exchange=None, hang_seconds=600.0):
        self.left, self.links = list(hosts), []

        def connect(launch, told, clock):
            host = self.left.pop(0) if self.left else SilentHost()
            if isinstance(host, Exception):
                raise host
            self.links.append(RayLink(host, launch, clock(), exchange))
            return self.links[-1]

        launch = Launch((), lambda told: b"", hang_seconds)
        super().__init__(lambda emit: ProcessWorker(launch, emit, connect=connect))
        self.worker.submit(job())
        self.worker.start()

    def died(self):
        """The first death, and which jobs of it were lost and blamed."""
        self.until(lambda: self.of(WorkerDied))
        [died, *_] = self.of(WorkerDied)
        return died.lost, died.blamed


@pytest.fixture
def trial():
    begun = []

    def begin(*hosts, **how):
        begun.append(Trial(*hosts, **how))
        return begun[-1]

    yield begin
    for each in begun:
        each.worker.abandon()


@pytest.mark.parametrize("error", [OSError("one: no answer"), HostLost("no answer"), RuntimeError(), KeyError("x")], ids=repr)
def test_a_worker_that_cannot_be_started_is_started_again_whatever_the_error(trial, error):
    shop = trial(error)
    assert shop.died() == (("a",), ())
    shop.until(lambda: shop.of(WorkerReady))
    assert "cannot be started" in next(state.error for state in shop.of(WorkerState) if state.error)
    assert [health.deaths for health in shop.of(WorkerHealth)] == [1, 1]


def test_a_process_that_cannot_be_told_its_jobs_is_ended_and_another_one_started(trial, monkeypatch):
    give, told = ProcessWorker._give, []

    def failing(worker, child, spec):
        told.append(spec.id)
        if len(told) == 1:
            raise ValueError("a list that cannot be read")
        give(worker, child, spec)

    monkeypatch.setattr(ProcessWorker, "_give", failing)
    host = SilentHost()
    shop = trial(host)
    assert shop.died() == (("a",), ()) and host.killed.is_set()
    shop.links[0].outbox.thread.join(60)
    assert not shop.links[0].outbox.thread.is_alive()
    shop.until(lambda: shop.of(WorkerReady))


def test_a_machine_that_takes_a_command_no_more_is_lost_though_its_messages_only_stand_still(trial):
    host = SilentHost()
    shop = trial(host)
    assert host.told.wait(60)
    host.lost = True
    shop.worker.interrupt("a")
    assert shop.died() == (("a",), ()) and host.killed.is_set()


def test_a_machine_that_is_asked_whether_it_is_there_and_does_not_answer_is_lost(trial, monkeypatch):
    monkeypatch.setattr(ray_link, "PULSE_SECONDS", 0.01)
    host = SilentHost()
    shop = trial(host)
    shop.until(lambda: shop.of(WorkerReady))
    host.lost = True
    assert shop.died() == (("a",), ())
    shop.until(lambda: len(shop.of(WorkerReady)) == 2)


def test_a_job_is_not_stuck_with_a_machine_that_dies_while_it_looks_for_the_job_s_files(trial):
    host = SilentHost()
    shop = trial(host, exchange=Exchange(OneFile(), Written()))
    assert host.asked.wait(60)
    host.killed.set()
    assert shop.died() == (("a",), ())


def test_a_worker_that_hangs_far_away_is_replaced_even_if_nothing_kills_it_and_its_job_is_blamed(trial):
    host = SilentHost(InHand("device", ("a",)))
    shop = trial(host, hang_seconds=0.05)
    assert shop.died() == (("a",), ("a",)) and shop.of(WorkerDied)[0].hung and host.killed.is_set()


@pytest.mark.parametrize("line", [b"\xff no frame", b'{"is": "Ended"}\n[]\n'])
def test_what_nobody_can_read_ends_nothing_else(trial, line):
    host = SilentHost()
    host.saying.put(line)
    host.say(Ended("a", "done"))
    shop = trial(host)
    shop.until(lambda: shop.of(WorkerDied) or shop.of(Ended))
    assert (shop.of(Ended) == [Ended("a", "done")]) == line.startswith(b"{")


def test_what_a_machine_sends_after_it_was_given_up_is_neither_told_nor_written(trial):
    host, written = SilentHost(), Written()
    shop = trial(host, exchange=Exchange(OneFile(), written))
    assert host.asked.wait(60)
    shop.links[0].lose(HostLost("cut off"))
    assert shop.died() == (("a",), ())
    host.say(Made("a", 0, "outputs/x.png"), {"outputs/x.png": b"picture"})
    host.saying.put(None)
    assert not shop.of(Made) and written.pictures == []


# Ray's own part, without Ray ---------------------------------------------------------------------------


@pytest.fixture
def slow_ray(monkeypatch):
    """A Ray whose actors do not come up; `waited` are the seconds that somebody waited for one."""
    waited = []

    def get(reference, timeout=None):
        waited.append(timeout)
        raise TimeoutError

    def kill(actor):
        raise RuntimeError("there is no cluster any more")

    actor = SimpleNamespace(begun=SimpleNamespace(remote=lambda: "reference"))
    remote = SimpleNamespace(options=lambda **how: SimpleNamespace(remote=lambda *values: actor))
    errors = SimpleNamespace(RayError=ArithmeticError)
    monkeypatch.setitem(sys.modules, "ray", SimpleNamespace(get=get, kill=kill, remote=lambda actor: remote, exceptions=errors))
    strategies = SimpleNamespace(NodeAffinitySchedulingStrategy=lambda *where, **how: None)
    monkeypatch.setitem(sys.modules, "ray.util.scheduling_strategies", strategies)
    return waited


def test_the_servers_own_machine_is_known_again_in_a_cluster_that_was_begun_anew(monkeypatch):
    here = SimpleNamespace(get_node_id=lambda: "first")
    monkeypatch.setitem(sys.modules, "ray", SimpleNamespace(get_runtime_context=lambda: here))
    cluster = RayCluster("", 1, SilentHost)
    assert cluster.own_id == "first"
    here.get_node_id = lambda: "second"
    assert cluster.own_id == "second"


def test_a_machine_that_is_slow_to_start_is_waited_for_longer_each_time_and_says_so(slow_ray):
    cluster = RayCluster("", 1, SilentHost)
    for _ in range(5):
        with pytest.raises(OSError, match=r"one does not come up: no answer within \d+ seconds"):
            cluster.host(ONE, b"")
    assert slow_ray == [ray_cluster.START_SECONDS * times for times in (1, 2, 4, 8, 8)]


# Who joins and leaves ----------------------------------------------------------------------------------


class Given:
    """A worker that notes what it is given, on a machine that may go; it cannot be ended in peace."""

    def __init__(self, emit):
        self.emit, self.given = emit, []

    def start(self): ...
    def interrupt(self, job): ...
    def skip(self, job): ...
    def try_again(self): ...
    def stop(self): ...

    def submit(self, spec):
        self.given.append(spec.id)

    def abandon(self):
        raise RuntimeError("there is no cluster any more")


class Machines:
    def __init__(self):
        self.here = []

    def connect(self): ...
    def close(self): ...
    def machines(self):
        return list(self.here)


def test_a_machine_whose_arrival_goes_wrong_joins_at_the_next_look(monkeypatch):
    monkeypatch.setattr("modules.worker.cluster.machines.MACHINES_SECONDS", 0.01)
    errors, there = [OSError("full disk"), KeyError("x")], Machines()

    def exchange():
        if errors:
            raise errors.pop()

    there.here = [ClusterMachine("1", "one", 1, 0, False)]
    heard = Heard(lambda emit: ClusterWorkers(there, WorkerPool([], emit), exchange, lambda machine, found, tell: Given(tell)))
    heard.worker.submit(job())
    heard.worker.start()
    heard.worker.submit(job("b"))
    for _ in range(6000):
        if heard.worker.members and heard.worker.members[0].worker.given:
            break
        threading.Event().wait(0.01)
    assert heard.worker.members[0].worker.given == ["a", "b"] and not errors
    heard.worker.stop()


def clustered(there, make=lambda machine, found, tell: Given(tell)):
    events = []
    found = ClusterWorkers(there, WorkerPool([], events.append), lambda: None, make)
    found.events = events
    return found


def test_a_cluster_that_does_not_answer_is_left_and_joined_again_with_its_jobs(monkeypatch):
    there = Machines()
    workers = clustered(there)
    there.here = [ONE]
    workers.look()
    workers.submit(job())
    monkeypatch.setattr(there, "machines", lambda: 1 / 0)
    workers.look()
    assert len(workers.members) == 1      # it may be busy
    workers._silent_since -= SILENT_SECONDS + 1
    workers.look()
    assert workers.members == [] and [event.lost for event in workers.events if isinstance(event, WorkerDied)] == [("a",)]
    assert "does not answer" in [event.error for event in workers.events if isinstance(event, WorkerState)][-1]
    monkeypatch.undo()
    assert workers._connect()
    workers.look()
    assert len(workers.members) == 1 and [event.error for event in workers.events if isinstance(event, WorkerState)][-1] == ""


def test_a_cluster_that_says_nothing_is_told_of_and_waited_for(monkeypatch):
    there = Machines()
    workers = clustered(there)
    there.here = [ONE]
    workers.look()
    answer, asked = threading.Event(), []
    monkeypatch.setattr(there, "machines", lambda: asked.append(1) or answer.wait(60) and [ONE])
    monkeypatch.setattr("modules.worker.cluster.machines.SILENT_SECONDS", 0.01)
    for _ in range(3):
        workers.look()
    assert "does not answer" in workers.events[-1].error and len(workers.members) == 1
    assert len(asked) == 1      # no thread for each look
    monkeypatch.undo()
    answer.set()
    workers.look()
    assert workers.events[-1].error == "" and len(workers.members) == 1


def test_what_goes_wrong_at_every_look_is_logged_once(caplog, monkeypatch):
    workers = clustered(Machines())
    for problem in ("full disk", "full disk", "no rights", "no rights"):
        workers._log_rarely(problem, OSError(problem))
    assert [record.message for record in caplog.records] == ["full disk", "no rights"]
    monkeypatch.setattr("modules.worker.cluster.machines.REMINDER_SECONDS", -1.0)
    workers._log_rarely("no rights", OSError())
    assert len(caplog.records) == 3


def test_that_no_machine_is_there_is_told_to_all_until_one_is():
    there = Machines()
    workers = clustered(there)
    workers.look()
    workers.look()
    there.here = [ONE]
    workers.look()
    assert [event.error for event in workers.events if isinstance(event, WorkerState)] == [CLUSTER_NOTES[NO_MACHINE], ""]


def test_the_jobs_of_a_machine_that_left_are_told_to_be_lost_even_if_telling_and_ending_go_wrong():
    told = []

    def emit(event):
        told.append(event)
        if not isinstance(event, WorkerDied):
            raise RuntimeError("a listener's fault")

    pool = WorkerPool([], emit)
    member = pool.add(Home("one"), Given)
    pool.submit(job())
    pool.remove(member, "one has left")
    assert told[-1] == WorkerDied("", ("a",), (), False, "one has left") and pool.members == []


def test_the_administrator_is_told_why_a_worker_is_not_there_until_it_is():
    pool = WorkerPool([], lambda event: None)
    member = pool.add(Home("one"), Given)
    reasons = []
    for health in (WorkerHealth("", RESTARTING, 1, 0.0, "no answer"), WorkerHealth("", READY, 1)):
        member.worker.emit(health)
        reasons.append(pool.listed()[0].reason)
    assert reasons == ["no answer", ""]


def test_a_job_goes_to_a_worker_that_is_there_rather_than_to_one_that_may_never_come_up():
    pool = WorkerPool([], lambda event: None)
    slow, ready = (pool.add(Home(name), Given) for name in ("slow", "ready"))
    ready.worker.emit(WorkerHealth("", READY))
    for name in "abc":
        pool.submit(JobSpec(name, "local", "txt2img", {"prompt": "", "n_iter": 9}, {"sd_model_checkpoint": name}))
    assert (slow.worker.given, ready.worker.given) == ([], ["a", "b", "c"])
