"""Jobs, with a worker that only writes down what it is told."""

from __future__ import annotations

import threading
from dataclasses import asdict, replace

import pytest

from modules.app.fair_queue import DEVICE, FILES
from modules.app.jobs import JobProcess, Jobs, ResolvedRequest
from modules.base.accounts import Account, Role
from modules.base.errors import DiskFull, Invalid, UnknownName
from modules.engine.messages import (
    Ended,
    Made,
    Preview,
    Progress,
    Started,
    Warned,
    WorkerDied,
    WorkerReady,
    WorkerState,
)
from modules.params.txt2img import Txt2Img
from modules.settings.options import Settings
from modules.store.jobs import JobStore, OutputRecord
from modules.store.saving_notes import SavingNotes


class Scribe:
    def __init__(self):
        self.specs, self.told = [], []

    def start(self):
        self.told.append("start")

    def submit(self, spec):
        self.specs.append(spec)

    def interrupt(self, job):
        self.told.append(("interrupt", job))

    def skip(self, job):
        self.told.append(("skip", job))

    def stop(self):
        self.told.append("stop")


@pytest.fixture
def jobs(tmp_path):
    found = Jobs(JobStore(tmp_path / "easel.sqlite"))
    found.attach(Scribe())
    found.hear(WorkerReady("", {}))
    return found


def ask(jobs, owner="me", pictures=1, **how):
    account = Account(owner, Role.MEMBER)
    return jobs.submit(ResolvedRequest("txt2img", asdict(Txt2Img(n_iter=pictures, seed=1, steps=20)), Settings(), **how), account)


def made(job, index):
    return Made(job, index, f"/outputs/{index}.png", f"text {index}", {"seed": index})


LISTS = ("styles", "script_args", "control", "detailer", "regions")      # JSON has no tuples


def test_a_job_is_recorded_before_anyone_knows_its_id(jobs):
    job = ask(jobs)
    record = jobs.get(job)
    assert (record.state, record.owner) == ("queued", "me")
    assert record.params == {**asdict(Txt2Img(seed=1, steps=20)), **dict.fromkeys(LISTS, [])}
    assert [spec.id for spec in jobs.worker.specs] == [job]


def test_a_jobs_life(jobs):
    job = ask(jobs, pictures=2)
    jobs.hear(Started(job))
    assert jobs.get(job).state == "running"
    jobs.hear(Progress(job, 0, 5, 20, 0.25))
    jobs.hear(Preview(job, 0, b"jpeg"))
    live = jobs.unfinished.live[job]
    assert (live.step, live.steps, live.fraction, live.preview, live.previews) == (5, 20, 0.25, b"jpeg", 1)
    assert live.eta >= 0
    jobs.hear(Warned(job, "mind the gap"))
    jobs.hear(made(job, 0))
    jobs.hear(made(job, 1))
    jobs.hear(Ended(job, "done"))
    record = jobs.get(job)
    assert record.state == "done" and job not in jobs.unfinished.live
    assert [picture.path for picture in record.pictures] == ["/outputs/0.png", "/outputs/1.png"]
    assert record.warnings == ("mind the gap",)


def test_a_script_makes_as_many_pictures_as_the_worker_says(jobs):
    job = ask(jobs, pictures=2)
    jobs.hear(Started(job, 6))
    assert jobs.unfinished.live[job].pictures == 6


def test_the_last_word_is_the_last(jobs):
    job = ask(jobs)
    jobs.hear(Ended(job, "failed", {"error": "oom", "message": "no", "hint": ""}))
    jobs.hear(Ended(job, "done"))
    jobs.hear(Started(job))
    assert (jobs.get(job).state, jobs.get(job).error["error"]) == ("failed", "oom")


def test_somebody_elses_job_does_not_exist(jobs):
    job = ask(jobs, owner="alice")
    assert jobs.get(job, "alice").id == job
    with pytest.raises(UnknownName):
        jobs.get(job, "bob")
    assert jobs.unfinished.running("bob") == [] and jobs.unfinished.running("alice") == jobs.unfinished.running() == [job]


def test_an_id_is_taken_once(jobs):
    ask(jobs, task_id="mine")
    with pytest.raises(Invalid, match="mine"):
        ask(jobs, task_id="mine")
    assert len(jobs.worker.specs) == 1


def test_turns_are_an_owners_work_so_far_and_few_pictures_go_before_many(jobs):
    for owner, pictures in (("alice", 5), ("alice", 2), ("bob", 1)):
        ask(jobs, owner, pictures)
    assert [(spec.turn, spec.pace) for spec in jobs.worker.specs] == [(0, 1), (5, 1), (-1, 1)]


def test_places_in_the_queue_follow_age(jobs):
    first, second = ask(jobs, "alice"), ask(jobs, "bob")
    assert (jobs.unfinished.ahead_of(first), jobs.unfinished.ahead_of(second)) == (0, 1)
    jobs.hear(Ended(first, "done"))
    assert jobs.unfinished.ahead_of(second) == 0


def test_waiting_ends_with_the_job_whatever_thread_ends_it(jobs):
    job = ask(jobs)
    told = threading.Event()
    jobs.unfinished.when_ended(job, told.set)
    threading.Timer(0.05, jobs.hear, [Ended(job, "interrupted")]).start()
    assert jobs.wait(job).state == "interrupted"
    assert told.wait(5)
    late = threading.Event()
    jobs.unfinished.when_ended(job, late.set)
    assert late.is_set()


def test_after_a_crash_the_queue_goes_on_with_what_is_missing(jobs, tmp_path):
    begun, waiting, over = ask(jobs, pictures=3), ask(jobs), ask(jobs)
    jobs.hear(Started(begun))
    jobs.hear(made(begun, 1))
    jobs.hear(Ended(over, "done"))
    again = Jobs(JobStore(tmp_path / "easel.sqlite"))
    again.attach(Scribe())
    again.hear(WorkerReady("", {}))
    assert [(spec.id, spec.done) for spec in again.worker.specs] == [(begun, (1,)), (waiting, ())]
    assert dict(again.worker.specs[0].params) == {**asdict(Txt2Img(n_iter=3, seed=1, steps=20)), **dict.fromkeys(LISTS, [])}
    assert Settings(**again.worker.specs[0].settings) == Settings()


def test_the_workers_state_is_told(jobs):
    jobs.hear(WorkerState("", loading="a model"))
    assert jobs.status.state.loading == "a model"


def test_stopping_goes_to_the_worker(jobs):
    job = ask(jobs)
    jobs.interrupt(job)
    jobs.skip(job)
    assert jobs.worker.told == ["start", ("interrupt", job), ("skip", job)]


def again(tmp_path, **how):
    """The jobs as the next start finds them."""
    found = Jobs(JobStore(tmp_path / "easel.sqlite"), **how)
    found.attach(Scribe())
    found.hear(WorkerReady("", {}))
    return found


def test_a_job_over_which_the_program_died_twice_is_set_aside_and_others_go_on(jobs, tmp_path):
    poison, once, waiting = ask(jobs, pictures=3), ask(jobs), ask(jobs)
    jobs.hear(Started(poison))
    jobs.hear(made(poison, 0))
    jobs.store.count_deaths([poison, once])
    assert [(spec.id, spec.alone) for spec in again(tmp_path).worker.specs] == [
        (poison, True),
        (once, True),
        (waiting, False),
    ]
    jobs.store.count_deaths([poison])
    after = again(tmp_path)
    assert [spec.id for spec in after.worker.specs] == [once, waiting]
    record = after.get(poison)
    assert (record.state, record.error["error"], record.made) == ("failed", "worker_crashed", 1)
    assert [spec.id for spec in again(tmp_path).worker.specs] == [once, waiting]


def test_a_death_after_its_end_is_not_the_jobs(jobs, tmp_path):
    job = ask(jobs)
    jobs.hear(Ended(job, "done"))
    jobs.store.count_deaths([job, job, "nobody's"])
    assert (jobs.get(job).state, jobs.get(job).deaths) == ("done", 0)


def test_what_a_living_terminal_makes_is_not_made_again_by_the_server(jobs, tmp_path):
    terminal = Jobs(JobStore(tmp_path / "easel.sqlite"), JobProcess("terminal-7"))
    terminal.attach(Scribe(), resume=False)
    theirs = ask(terminal)
    assert [spec.id for spec in again(tmp_path, process=JobProcess(is_alive={"terminal-7"}.__contains__)).worker.specs] == []
    assert [spec.id for spec in again(tmp_path).worker.specs] == [theirs]


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("params", "{"),
        ("settings", "[1, 2"),
        ("long_params", '{"batch": {"folder": ""}}'),
        ("params", '{"n_iter": "x"}'),
    ],
)
def test_a_record_that_cannot_be_read_keeps_no_other_from_being_resumed(jobs, tmp_path, column, value):
    broken, waiting = ask(jobs, owner="alice"), ask(jobs, owner="alice")
    with jobs.store.database.open() as db:
        db.execute(f"UPDATE jobs SET {column} = ? WHERE id = ?", (value, broken))
    after = again(tmp_path)
    assert waiting in [spec.id for spec in after.worker.specs]
    assert after.brief(waiting).state == "queued" and [job.id for job in after.store.recent("alice")] == [
        waiting,
        broken,
    ]
    if broken not in [spec.id for spec in after.worker.specs]:
        assert after.get(broken).state == "failed"


def test_a_worker_that_refuses_one_job_gets_the_others(jobs, tmp_path):
    class Picky(Scribe):
        def submit(self, spec):
            if not self.specs and not self.told[1:]:
                self.told.append("refused")
                raise RuntimeError("not this one")
            super().submit(spec)

    first, second = ask(jobs), ask(jobs)
    after = Jobs(JobStore(tmp_path / "easel.sqlite"))
    after.attach(Picky())
    after.hear(WorkerReady("", {}))
    assert [spec.id for spec in after.worker.specs] == [second]
    assert after.get(first).state == "failed"


def test_a_watcher_is_told_the_newest_pictures_and_how_many_there_are(jobs):
    job = ask(jobs, pictures=5)
    for index in range(5):
        jobs.hear(made(job, index))
    brief = jobs.brief(job, newest=2)
    assert ([picture.index for picture in brief.pictures], brief.made, brief.asked) == ([3, 4], 5, 5)
    assert jobs.brief(job).pictures == () and len(jobs.brief(job, newest=None).pictures) == 5
    with pytest.raises(UnknownName):
        jobs.brief(job, "somebody else")


def test_whoever_watches_a_waiting_job_is_told_that_its_turn_is_nearer(jobs):
    first, second = ask(jobs), ask(jobs)
    seen = []
    stop = jobs.unfinished.watch(second, lambda: seen.append(jobs.unfinished.ahead_of(second)))
    jobs.hear(Progress(first, 0, 1, 2, 0.5))
    jobs.hear(Ended(first, "done"))
    stop()
    jobs.hear(Ended(second, "done"))
    assert seen == [0]


def test_whoever_watches_is_told_that_the_program_stops(jobs):
    seen = []
    jobs.unfinished.watch(ask(jobs), lambda: seen.append(jobs.unfinished.stopping))
    jobs.unfinished.stop_watching()
    assert seen == [True]


@pytest.fixture
def beside(tmp_path):
    """Jobs of which merges need no device, and what is told of their outputs."""
    outputs = []
    found = Jobs(
        JobStore(tmp_path / "easel.sqlite"), lane_of=lambda kind: FILES if kind == "merge" else DEVICE,
        on_output=lambda job, output: outputs.append(output),
    )
    found.outputs = outputs
    found.attach(Scribe())
    found.hear(WorkerReady("", {}))
    return found


def merge(jobs, owner="me"):
    return jobs.submit(ResolvedRequest("merge", {"models": ["a", "b"]}, Settings()), Account(owner, Role.MEMBER))


def test_what_needs_no_device_is_in_no_pictures_way(beside):
    first, picture, second = merge(beside), ask(beside, pictures=2), merge(beside)
    assert [spec.id for spec in beside.worker.specs] == [first, picture]
    assert [beside.unfinished.ahead_of(job) for job in (first, picture, second)] == [0, 0, 1]
    assert beside.unfinished.running("me") == [picture]


def test_of_a_model_file_the_lists_hear_before_the_jobs_end_is_told(beside):
    job, heard = merge(beside), []
    beside.unfinished.when_ended(job, lambda: heard.extend(output.path for output in beside.outputs))
    beside.hear(Made(job, 0, "/models/x.safetensors", facts={"model_kind": "lora"}, kind="model"))
    beside.hear(Ended(job, "done"))
    assert heard == ["/models/x.safetensors"] and [output.kind for output in beside.get(job).outputs] == ["model"]


def test_listeners_hear_of_saved_pictures_and_of_each_model_once(jobs):
    seen = []
    jobs.hooks.image_saved.add(lambda path, text: seen.append((path, text)))
    jobs.hooks.model_loaded.add(seen.append)
    job = ask(jobs, pictures=2)
    jobs.hear(made(job, 0))
    jobs.hear(Made(job, 1, "/cache/1.png", "text 1", saved=False))
    for state in (("tiny", ""), ("", "tiny"), ("", "tiny"), ("large", ""), ("", "large")):
        jobs.hear(WorkerState("", *state))
    assert seen == [("/outputs/0.png", "text 0"), "tiny", "large"]


def test_the_note_on_a_picture_goes_once_it_is_recorded_and_not_before(jobs, tmp_path, monkeypatch):
    jobs.notes = SavingNotes(tmp_path)
    job, path = ask(jobs, pictures=2), tmp_path / "0.png"
    path.write_bytes(b"png")
    for index in range(2):
        jobs.notes.writer(job, OutputRecord(index, "", f"text {index}", {}, True))(path, path)
    jobs.hear(made(job, 0))
    assert [jobs.notes.earlier(job, index) for index in range(2)] == [None, path]

    def full(*_):
        raise DiskFull("No space left to write easel.sqlite.")

    monkeypatch.setattr(jobs.store, "add_output", full)
    with pytest.raises(DiskFull):
        jobs.hear(made(job, 1))
    assert jobs.notes.earlier(job, 1) == path


@pytest.fixture
def named(jobs, tmp_path):
    """A job of two pictures; a worker has named the file of the first, and died before it told of it."""
    jobs.notes = SavingNotes(tmp_path)
    job, path = ask(jobs, pictures=2), tmp_path / "0.png"
    jobs.hear(Started(job))
    path.write_bytes(b"png")
    output = OutputRecord(0, str(path), "text 0", {"seed": 1}, True)
    jobs.notes.writer(job, replace(output, path=""))(path, path)
    return job, output


def test_a_named_file_of_a_job_that_is_set_aside_is_recorded(jobs, named):
    job, output = named
    jobs.hear(WorkerDied("", (job,), (job,)))
    assert jobs.get(job).outputs == ()      # it is drawn again, and takes the file over
    jobs.hear(WorkerDied("", (job,), (job,)))
    assert (jobs.get(job).state, jobs.get(job).outputs, jobs.get(job).made) == ("failed", (output,), 1)
    assert jobs.notes.unrecorded(job) == []


def test_a_named_file_of_a_job_that_is_cancelled_before_it_is_begun_again_is_recorded(jobs, named):
    job, output = named
    jobs.interrupt(job)
    jobs.hear(WorkerDied("", (job,), (job,)))
    assert (jobs.get(job).state, jobs.get(job).outputs) == ("interrupted", (output,))


def test_a_named_file_of_a_job_that_the_next_start_sets_aside_is_recorded(jobs, named, tmp_path):
    job, output = named
    jobs.store.count_deaths([job])
    jobs.store.count_deaths([job])
    later = Jobs(jobs.store)
    later.notes = SavingNotes(tmp_path)
    later.attach(Scribe())
    assert (later.get(job).state, later.get(job).outputs) == ("failed", (output,))


def test_a_picture_that_no_record_could_hold_is_not_recorded_twice(jobs, named, monkeypatch):
    job, output = named
    heard = []
    jobs.on_output = lambda job, output: heard.append(output.path)

    def full(*_):
        raise DiskFull("No space left to write easel.sqlite.")

    monkeypatch.setattr(jobs.store, "add_output", full)
    with pytest.raises(DiskFull):
        jobs.hear(Made(job, 0, output.path, "text 0", {"seed": 1}))
    jobs.hear(Ended(job, "done"))
    assert heard == [output.path] and jobs.get(job).outputs == (output,)
