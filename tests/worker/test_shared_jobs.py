"""One job made by several workers: each picture once, one grid, one end, whatever becomes of the workers."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modules.engine.messages import (
    READY,
    RESTARTING,
    Ended,
    JobSpec,
    Made,
    Progress,
    Started,
    Warned,
    WorkerDied,
    WorkerHealth,
    WorkerReady,
    WorkerState,
)
from modules.pipelines.scripts.table import IMAGE_SCRIPTS
from modules.worker.pool import WorkerPool
from modules.worker.pool_member import Home
from modules.worker.runner import JobProgress, JobRunner
from modules.worker.shared_jobs import NO_PICTURES, OF_PASSES, XYZ_PLOT, share_of

GRID_NUMBER = 100


class Drawer:
    """A worker whose pictures are numbers; it draws one when it is told to."""

    def __init__(self, emit, device="x"):
        self.emit, self.device, self.spec, self.left, self.stopped = emit, device, None, [], False
        self.given, self.skips = [], 0

    def start(self):
        self.emit(WorkerReady("", {"device": "x", "unet": self.device}, 4))
        self.emit(WorkerHealth("", READY))

    def submit(self, spec):
        assert self.spec is None, "it has the job already"
        self.given.append(spec.share)
        own = share_of(range(spec.pictures), spec.share)
        self.spec, self.left, self.stopped = spec, [index for index in own if index not in spec.done], False

    def interrupt(self, job):
        self.stopped = True

    def skip(self, job):
        self.skips += 1

    def try_again(self): ...
    def stop(self): ...

    def step(self):
        """Draw the next picture, or end."""
        spec = self.spec
        if self.left and not self.stopped:
            index = self.left.pop(0)
            self.emit(Started(spec.id, spec.pictures))
            self.emit(Warned(spec.id, "It will be red."))
            self.emit(Progress(spec.id, index, 1, 2, 0.0))
            if index not in spec.params.get("fails", ()):
                self.emit(Made(spec.id, index, f"/{index}"))
            elif spec.params["script_name"] != XYZ_PLOT or not set(share_of(range(spec.pictures), spec.share)) - set(spec.params["fails"]):
                self.end(Ended(spec.id, "failed", {"error": "x"}))
            return
        if spec.share in ((), NO_PICTURES) and spec.done:
            assert len(spec.paths) == len(spec.done)
            self.emit(Made(spec.id, GRID_NUMBER, "/grid", kind="grid"))
        self.end(Ended(spec.id, "interrupted" if self.stopped and self.left else "done"))

    def end(self, how):
        self.spec = None
        self.emit(how)

    def die(self, blamed=True):
        job, self.spec = self.spec.id, None
        self.emit(WorkerDied("", (job,), (job,) if blamed else (), False, "SIGSEGV"))


class Studio:
    """A pool of such workers, and everything it told."""

    def __init__(self, *devices):
        self.events = []
        self.pool = WorkerPool([], self.events.append)
        for device in devices:
            self.join(device)

    def join(self, device="x"):
        return self.pool.add(Home(str(len(self.pool.members))), lambda emit: Drawer(emit, device))

    @property
    def workers(self):
        return [member.worker for member in self.pool.members]

    @property
    def busy(self):
        return [worker for worker in self.workers if worker.spec]

    def draw(self):
        """Let all draw in turn until nobody has anything."""
        while self.busy:
            for worker in self.busy:
                worker.step()

    def of(self, kind):
        return [event for event in self.events if isinstance(event, kind)]

    def made(self):
        return Counter(event.index for event in self.of(Made))


def job(pictures=8, **more):
    spec = JobSpec("a", "me", "txt2img", {"prompt": "", "script_name": ""}, {"return_grid": True}, pictures=pictures)
    params = {**spec.params, **more.pop("params", {})}
    return replace(spec, params=params, **more)


@given(st.integers(0, 40), st.integers(1, 9))
def test_the_parts_of_a_job_are_all_of_it_once_and_of_one_size(pictures, parts):
    found = [share_of(range(pictures), (number, parts)) for number in range(parts)]
    assert [index for part in found for index in part] == list(range(pictures))
    assert max(map(len, found)) - min(map(len, found)) <= 1
    assert share_of("abc", ()) == "abc" and not share_of("abc", NO_PICTURES)


def test_jobs_of_scripts_that_draw_in_passes_are_not_shared():
    assert set(OF_PASSES) == set(IMAGE_SCRIPTS)


def whole(studio, pictures=8):
    return studio.made() == Counter([*range(pictures), GRID_NUMBER]) and studio.of(Ended) == [Ended("a", "done")]


def test_idle_workers_make_a_job_together_and_it_is_told_as_if_one_made_it():
    studio = Studio("x", "x", "x")
    studio.pool.submit(job(9, done=(4,), paths=("/4",)))
    assert [worker.given for worker in studio.workers] == [[(0, 3)], [(1, 3)], [(2, 3)]]
    assert [len(each.jobs) for each in studio.pool.members] == [1, 1, 1]
    assert [worker.spec.paths for worker in studio.workers] == [("/4",), (), ()]      # the first may have to make all
    studio.draw()
    assert studio.made() == Counter([0, 1, 2, 3, 5, 6, 7, 8, GRID_NUMBER]) and studio.of(Ended) == [Ended("a", "done")]
    assert studio.of(Started) == [Started("a", 9)] and studio.of(Warned) == [Warned("a", "It will be red.")]
    told = [event.fraction for event in studio.of(Progress)]
    assert told == sorted(told) and told[0] == pytest.approx(1.5 / 9) and told[-1] == pytest.approx(8.5 / 9)
    assert not studio.pool.shared and not any(member.jobs for member in studio.pool.members)


def test_without_grids_nobody_is_asked_for_them():
    studio = Studio("x", "x")
    studio.pool.submit(job(settings={}))
    studio.draw()
    assert NO_PICTURES not in [part for worker in studio.workers for part in worker.given] and studio.of(Ended)


def test_a_batch_of_files_is_made_by_several_and_has_no_grids():
    studio = Studio("x", "x")
    studio.pool.submit(job(params={"batch": {"entries": [{}] * 8}}))
    studio.draw()
    assert [worker.given for worker in studio.workers] == [[(0, 2)], [(1, 2)]] and studio.of(Ended)


@pytest.mark.parametrize(
    "spec",
    [
        job(1), job(kind="extras"), job(alone=True), job(params={"script_name": "Loopback"}),
        job(settings={"safety_checker_administrator": "Blur"}),
    ],
    ids=["one picture", "no drawing", "after a death", "in turn", "judged together"],
)
def test_what_belongs_together_is_made_by_one(spec):
    studio = Studio("x", "x")
    studio.pool.submit(spec)
    assert [worker.given for worker in studio.workers] == [[()], []]


def test_who_is_of_another_kind_or_busy_takes_no_part_nor_anybody_while_others_wait():
    studio = Studio("x", "y", "x", "x")
    studio.pool.submit(job(1, id="b", settings={"sd_model_checkpoint": "B"}))
    studio.pool.submit(job())
    assert [worker.given for worker in studio.workers] == [[()], [()], [], []]      # the second is the only one of its kind
    studio = Studio("x", "x")
    studio.pool.behind = lambda most: 1
    studio.pool.submit(job())
    assert [worker.given for worker in studio.workers] == [[()], []]


@pytest.mark.parametrize(("pictures", "sharers"), [(8, 1), (10, 2)])
def test_a_share_is_worth_the_model_that_it_is_loaded_for(pictures, sharers):
    studio = Studio("x", "x")
    studio.pool.submit(job(1, id="before", settings={"sd_model_checkpoint": "A"}))
    studio.draw()
    studio.pool.submit(job(pictures, settings={"sd_model_checkpoint": "A"}))
    assert len(studio.busy) == sharers


def test_the_part_of_a_machine_that_left_is_made_by_who_is_free_first():
    studio = Studio("x", "x")
    studio.pool.submit(job())
    for worker in studio.workers:
        worker.step()
    studio.pool.remove(studio.pool.members[1], "it has left")
    assert studio.of(WorkerDied)[0].lost == () and studio.busy == [studio.workers[0]]
    studio.draw()
    assert whole(studio)


def test_a_job_whose_workers_have_all_gone_waits_as_a_whole_with_what_is_made():
    studio = Studio("x", "x")
    studio.pool.submit(job())
    studio.workers[0].step()
    for member in list(studio.pool.members):
        studio.pool.remove(member, "it has left")
    assert not studio.of(Ended) and not studio.pool.shared
    studio.join()
    studio.draw()
    assert whole(studio)


def test_a_skip_leaves_out_one_picture_the_one_that_moved_last():
    studio = Studio("x", "x", "x")
    studio.pool.submit(job())
    studio.pool.skip("a")      # nobody has begun yet
    studio.workers[1].step()
    studio.pool.skip("a")
    assert [worker.skips for worker in studio.workers] == [1, 1, 0]


def test_workers_that_drain_finish_the_job_that_they_have_parts_of_with_its_grids():
    studio = Studio("x", "x")
    studio.pool.submit(job())
    for name in "01":
        studio.pool.drain(name, True)
    studio.draw()
    assert whole(studio) and not studio.pool.homeless


def test_a_part_whose_worker_has_gone_is_made_by_one_that_drains_if_nobody_else_is_there():
    studio = Studio("x", "x")
    studio.pool.submit(job())
    studio.pool.drain("0", True)
    studio.pool.remove(studio.pool.members[1], "it has left")
    studio.draw()
    assert whole(studio)


def test_that_one_has_died_is_told_to_all_only_while_no_other_draws():
    studio = Studio("x", "x")
    first, second = studio.workers

    def dies(worker):
        worker.emit(WorkerHealth("", RESTARTING, 1))
        worker.emit(WorkerState("", error="The worker died."))

    def told():
        return [event.error for event in studio.of(WorkerState)][-1:]

    dies(first)
    assert told() == [""]
    dies(second)
    assert told() == ["The worker died."]
    first.emit(WorkerState(""))
    first.emit(WorkerHealth("", READY))
    assert told() == [""]


def test_the_first_death_over_a_part_is_told_and_the_second_gives_the_job_up():
    studio = Studio("x", "x", "x")
    studio.pool.submit(job(9))
    studio.workers[0].die()
    assert studio.of(WorkerDied) == [WorkerDied("", (), ("a",), False, "SIGSEGV")] and "begun again" in studio.of(Warned)[0].message
    studio.workers[1].die()
    assert studio.of(WorkerDied)[-1].lost == ("a",) and studio.of(WorkerDied)[-1].blamed == ("a",)
    studio.draw()
    assert not studio.of(Ended) and not studio.pool.shared      # the queue ends it


def test_an_interrupted_job_ends_once_with_a_grid_of_what_there_is():
    studio = Studio("x", "x")
    studio.pool.submit(job())
    studio.workers[1].step()
    studio.pool.interrupt("a")
    studio.workers[1].die(blamed=False)
    studio.draw()
    assert studio.made() == Counter([4, GRID_NUMBER]) and studio.of(Ended) == [Ended("a", "interrupted")]


def test_an_interrupted_job_whose_workers_have_all_gone_ends_and_does_not_wait():
    studio = Studio("x", "x")
    studio.pool.submit(job())
    studio.workers[0].step()
    studio.pool.interrupt("a")
    for member in list(studio.pool.members):
        studio.pool.remove(member, "it has left")
    assert studio.of(Ended) == [Ended("a", "interrupted")] and not studio.pool.homeless and not studio.pool.shared


def ends_when_interrupted(worker):
    """Let a worker end its part at once, as one does whose process is not there."""
    worker.interrupt = lambda name: worker.end(Ended(name, "interrupted"))


def test_the_death_that_gives_a_job_up_is_told_though_another_part_ends_within_the_call():
    studio = Studio("x", "x")
    studio.pool.submit(job())
    studio.workers[0].die()
    assert studio.workers[0].given == [(0, 2), (0, 2)]
    ends_when_interrupted(studio.workers[0])
    studio.workers[1].die()
    assert studio.of(WorkerDied)[-1].lost == ("a",) and not studio.of(Ended) and not studio.pool.shared


def test_a_failure_is_told_once_though_another_part_ends_within_the_call():
    studio = Studio("x", "x")
    studio.pool.submit(job(params={"fails": (4,)}))
    ends_when_interrupted(studio.workers[0])
    studio.workers[1].step()
    assert studio.of(Ended) == [Ended("a", "failed", {"error": "x"})] and not studio.pool.shared


def test_a_part_that_fails_ends_the_job_with_its_error():
    studio = Studio("x", "x")
    studio.pool.submit(job(params={"fails": (5,)}))
    studio.draw()
    assert studio.of(Ended) == [Ended("a", "failed", {"error": "x"})] and max(studio.made().values()) == 1
    assert studio.made()[7] == 0


@pytest.mark.parametrize(("fails", "state"), [((4, 5, 6, 7), "done"), (tuple(range(8)), "failed")])
def test_cells_of_a_plot_fail_alone_even_if_they_are_all_of_a_part(fails, state):
    studio = Studio("x", "x")
    studio.pool.submit(job(params={"fails": fails, "script_name": XYZ_PLOT}))
    studio.draw()
    assert [end.state for end in studio.of(Ended)] == [state]
    assert studio.made() == Counter([*range(4), GRID_NUMBER] if state == "done" else [])


@pytest.mark.parametrize(("share", "notes"), [((), 0), ((1, 2), 1)])
def test_a_part_of_which_no_cell_can_be_made_fails_and_tells_of_each(share, notes):
    """So that the plot fails if no part has a cell, and each missing one is told of if another part has some."""
    runner, events = JobRunner.__new__(JobRunner), []
    runner.emit = events.append
    plan = SimpleNamespace(grids=SimpleNamespace(forgiving=True))
    progress = JobProgress(job(share=share), plan, left=set())
    runner._failed(progress, 7, ValueError("x"))
    assert progress.outcome.state == "failed" and len(events) == notes


@pytest.mark.parametrize(("share", "given"), [((), True), ((0, 3), True), ((1, 3), False), ((2, 3), False), (NO_PICTURES, False)])
def test_a_job_in_which_extensions_take_part_is_made_by_the_first_alone(share, given):
    runner, events, whole = JobRunner.__new__(JobRunner), [], []
    runner.conductor = SimpleNamespace(takes=lambda spec: True, submit=whole.append)
    runner._emit = events.append
    runner.submit(job(share=share))
    assert whole == ([job()] if given else []) and events == ([] if given else [Ended("a", "done")])


@pytest.mark.parametrize("seed", range(100))
def test_each_picture_is_told_once_and_the_job_ends_once_whoever_comes_and_goes(seed):
    draw, studio, taken_back = random.Random(seed), Studio("x", "x", "x"), 0
    studio.pool.submit(job(20))
    for _ in range(400):
        what = draw.random()
        if what < 0.05 and len(studio.workers) < 6:
            studio.join()
        elif what < 0.1 and studio.pool.members:
            studio.pool.remove(draw.choice(studio.pool.members), "it has left")
        elif what < 0.13 and studio.busy:
            draw.choice(studio.busy).die(blamed=False)
        elif studio.busy:
            draw.choice(studio.busy).step()
        lost = len([event for event in studio.of(WorkerDied) if event.lost])
        if lost > taken_back:      # the queue asks for it again
            taken_back = lost
            made = {event.index: event.path for event in studio.of(Made)}
            studio.pool.submit(job(20, done=tuple(made), paths=tuple(made.values())))
    studio.join()
    studio.draw()
    assert whole(studio, 20) and not studio.pool.shared and not studio.pool.homeless
