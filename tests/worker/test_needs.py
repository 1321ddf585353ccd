"""What a job needs of a worker, and what becomes of one that no worker can do: it is told, and waits for nobody."""

from __future__ import annotations

from functools import partial

import pytest

from modules.base.memory import system_memory
from modules.engine.messages import READY, Ended, JobSpec, Warned, WorkerHealth, WorkerReady
from modules.library.catalog import ModelFile
from modules.store.jobs import FAILED
from modules.worker.needs import JobNeeds, job_needs
from modules.worker.pace import FEWEST_TIMED, Pace
from modules.worker.pool import DRAINED, OUT_OF_SIGHT, STILL_STARTING, WAITING_NOTES, WorkerPool
from modules.worker.pool_member import Home
from tests.library.headers import safetensors

GB = 10**9
MODEL = {"model.diffusion_model.a": (1000, 1000), "model_ema.a": (1000, 1000), "b": (10,)}


def job(name="a", kind="txt2img", settings=None, **params):
    return JobSpec(name, "local", kind, {"prompt": "", **params}, settings or {})


def ready(memory=0, kind="gpu", unet="float16", vae="float32"):
    return WorkerReady("", {"device": "x", "unet": unet, "vae": vae}, 4, kind=kind, memory=memory)


# What a job needs ------------------------------------------------------------------------------------


@pytest.fixture
def model(tmp_path):
    return ModelFile(safetensors(tmp_path / "art.safetensors", {}, MODEL), "art.safetensors")


@pytest.mark.parametrize(
    ("spec", "needs"),
    [
        (job(width=512, height=256), JobNeeds(1_000_010, False, 512 * 256)),
        (job(width=512, height=256, enable_hr=True, hr_scale=2.0), JobNeeds(1_000_010, False, 4 * 512 * 256)),
        (job(width=512, height=256, enable_hr=True, hr_scale=2.0, hr_resize_y=512), JobNeeds(1_000_010, False, 1024 * 512)),
        (job(width=512, height=256, settings={"sd_vae_tiles": True}), JobNeeds(1_000_010)),
        (job(width=512, height=256, settings={"sd_vae_decode_method": "TAESD"}), JobNeeds(1_000_010)),
        (job(settings={"fp8_storage": "Enable"}), JobNeeds(1_000_010, True)),
        (job(settings={"needed_device": "GPU", "needed_precision": "float32"}), JobNeeds(1_000_010, kind="gpu", precision="float32")),
        (job(settings={"needed_device": "any", "needed_precision": "any"}), JobNeeds(1_000_010)),
        (job(control=[{"enabled": True, "model": "canny"}, {"enabled": True, "model": "None"}]), JobNeeds(1_000_010, beside=7)),
        (job(control=[{"enabled": False, "model": "canny"}]), JobNeeds(1_000_010)),
        (job(kind="train", pretrained_model_name_or_path="art"), JobNeeds(1_000_010)),
        (job(kind="new_network"), JobNeeds()),
        (job(kind="extras"), JobNeeds()),
        (job(kind="merge"), JobNeeds()),
        (job(kind="unknown"), JobNeeds()),
    ],
)
def test_a_job_needs_its_models_its_largest_picture_and_what_its_settings_wish(tmp_path, model, spec, needs):
    edges = ModelFile(safetensors(tmp_path / "canny.safetensors", {}, {"c": (7,)}), "canny.safetensors")
    assert job_needs(lambda name: model, lambda name: edges, spec) == needs


def test_of_a_model_that_is_not_here_or_cannot_be_read_nothing_is_known(tmp_path):
    assert job_needs(lambda name: None, lambda name: None, job(control=[{"enabled": True, "model": "x"}])) == JobNeeds()
    assert ModelFile(tmp_path / "gone.safetensors", "gone.safetensors").weights == 0
    assert ModelFile(tmp_path / "old.ckpt", "old.ckpt").weights == 0


def test_memory_goes_by_the_precision_of_who_draws():
    needs = JobNeeds(GB, False, 10**6)
    assert [needs.memory(ready(unet=unet, vae=vae)) for unet, vae in (("float16", "float32"), ("float32", "float16"))] == [
        2 * GB + 1024 * 10**6, 4 * GB + 512 * 10**6
    ]
    assert JobNeeds(GB, True).memory(ready(unet="float32")) == GB
    assert JobNeeds(GB, True, beside=GB).memory(ready()) == 3 * GB


def test_a_container_s_limits_are_its_memory(tmp_path):
    (tmp_path / "memory.max").write_text("1000\n")
    (tmp_path / "memory.swap.max").write_text("0\n")
    assert system_memory(tmp_path) == 1000
    (tmp_path / "memory.max").write_text("max\n")
    assert 1000 < system_memory(tmp_path) <= system_memory(tmp_path / "nowhere")


# Who is given it -------------------------------------------------------------------------------------


class Still:
    """A worker that notes what it is given, and tells what it has when it is asked to."""

    def __init__(self, emit, has):
        self.emit, self.has, self.given, self.interrupted = emit, has, [], []

    def start(self):
        if self.has:
            self.tell(self.has)

    def tell(self, has):
        self.emit(WorkerHealth("", READY))
        self.emit(has)

    def submit(self, spec):
        self.given.append(spec.id)

    def interrupt(self, job):
        self.interrupted.append(job)

    def skip(self, job): ...
    def try_again(self): ...
    def stop(self): ...


class Studio:
    """A pool of such workers, which read a job's needs from its parameters."""

    def __init__(self, *have):
        self.events = []
        self.pool = WorkerPool([], self.events.append, needs=lambda spec: spec.params.get("needs", JobNeeds()))
        self.members = [self.join(has) for has in have]

    def join(self, has=None, **home):
        return self.pool.add(Home(str(len(self.pool.members)), **home), partial(Still, has=has))

    def ask(self, name="a", of="txt2img", **needs):
        self.pool.submit(JobSpec(name, "local", of, {"prompt": "", "needs": JobNeeds(**needs)}, {}))

    def given(self):
        return [member.worker.given for member in self.pool.members]

    def of(self, kind):
        return [event for event in self.events if isinstance(event, kind)]


@pytest.mark.parametrize(
    ("needs", "given"),
    [
        ({"weights": 3 * GB}, [[], ["a"], []]),
        ({"precision": "float32"}, [[], [], ["a"]]),
        ({"kind": "cpu"}, [[], [], ["a"]]),
        ({"kind": "gpu", "precision": "float16"}, [["a"], [], []]),
    ],
)
def test_a_job_goes_to_a_worker_that_has_what_it_needs(needs, given):
    studio = Studio(ready(4 * GB), ready(8 * GB), ready(10 * GB, "cpu", "float32"))
    studio.ask(**needs)
    assert studio.given() == given and not studio.of(Ended)


@pytest.mark.parametrize(
    ("needs", "words"),
    [
        ({"weights": 10 * GB}, "This job needs 20.0 GB of memory at least, and no worker has more than 8.0 GB for it."),
        ({"kind": "cpu"}, "This job asks for a CPU, and no worker has one."),
        ({"precision": "float32"}, "This job asks for float32, and no worker draws in it."),
    ],
)
def test_a_job_that_no_worker_can_do_ends_at_once_and_says_why(needs, words):
    studio = Studio(ready(4 * GB), ready(8 * GB))
    studio.ask(**needs)
    [end] = studio.of(Ended)
    assert (end.state, end.error["error"]) == (FAILED, "no_worker") and end.error["message"].startswith(words)
    assert studio.given() == [[], []] and not studio.pool.homeless


def test_a_job_waits_for_a_worker_that_has_not_told_yet_and_is_given_or_ended_when_it_has():
    studio = Studio(ready(4 * GB), None)
    for name, weights in (("large", 3 * GB), ("huge", 30 * GB)):
        studio.ask(name, weights=weights)
    assert studio.of(Warned) == [Warned(name, WAITING_NOTES[STILL_STARTING]) for name in ("large", "huge")]
    assert not studio.of(Ended)
    studio.members[1].worker.tell(ready(8 * GB))
    assert studio.given() == [[], ["large"]] and [end.job for end in studio.of(Ended)] == ["huge"]


def test_a_job_is_ended_when_the_worker_that_it_waited_for_has_gone():
    studio = Studio(ready(4 * GB), None)
    studio.ask(weights=3 * GB)
    studio.pool.remove(studio.members[1], "it has left")
    assert [(end.job, end.state) for end in studio.of(Ended)] == [("a", FAILED)]


def test_who_waits_because_all_are_drained_or_see_no_files_is_told_once_and_can_be_cancelled():
    studio = Studio(ready(4 * GB))
    studio.pool.drain("0", True)
    studio.join(ready(4 * GB, "cpu"), shared=False)
    studio.ask("merge", "merge")
    studio.ask("drawing", kind="gpu")
    studio.pool.drain("1", True)
    assert studio.of(Warned) == [Warned(name, WAITING_NOTES[DRAINED]) for name in ("merge", "drawing")]
    studio.pool.interrupt("merge")
    assert studio.of(Ended) == [Ended("merge", "interrupted")]
    studio.pool.drain("0", False)
    assert studio.given() == [["drawing"], []]


def test_a_job_on_the_server_s_files_says_that_no_worker_sees_them():
    studio = Studio()
    studio.join(ready(4 * GB), shared=False)
    studio.ask("merge", "merge")
    assert studio.of(Warned) == [Warned("merge", WAITING_NOTES[OUT_OF_SIGHT])]
    studio.join(ready(4 * GB))
    assert studio.given() == [[], ["merge"]]


def test_a_job_that_waited_before_any_worker_was_there_is_told_why_it_still_waits():
    studio = Studio()
    studio.ask("merge", "merge")
    assert not studio.of(Warned)      # that nobody is there is told to all
    studio.join(ready(4 * GB), shared=False)
    assert studio.of(Warned) == [Warned("merge", WAITING_NOTES[OUT_OF_SIGHT])]


def test_the_list_of_workers_tells_what_each_has():
    studio = Studio(ready(8 * GB), None)
    assert [(each.precision, each.memory) for each in studio.pool.listed()] == [("float16", 8 * GB), ("", 0)]


# Who is faster ---------------------------------------------------------------------------------------


def test_a_worker_that_is_slower_is_given_a_job_only_when_the_faster_one_has_more_to_do_than_it_takes():
    studio, now = Studio(ready(), ready(kind="cpu", unet="float32")), [0.0]
    for number, seconds in ((0, 1.0), (1, 5.0)):
        member = studio.pool.members[number]
        member.pace = Pace(lambda: now[0])
        for _ in range(FEWEST_TIMED):
            now[0] += seconds
            member.pace.made(1.0)
    for number in range(25):
        studio.ask(str(number))
    # loading its model, 4 pictures' time, and the job itself take the slower one 25 times a picture of the faster
    assert [len(each) for each in studio.given()] == [24, 1]


def test_pace_leaves_out_loading_and_idling_and_small_differences():
    now = [0.0]
    one, other = Pace(lambda: now[0]), Pace(lambda: now[0])
    for pace, seconds in ((one, 2.0), (other, 2.8)):
        for _ in range(FEWEST_TIMED):
            now[0] += 100
            pace.begin()
            now[0] += seconds
            assert pace.seconds == 0.0
            pace.made(2.0)
    assert (one.seconds, other.seconds) == (pytest.approx(1.0), pytest.approx(1.4))
    assert other.slowness([one, other]) == 1.0 == one.slowness([]) and Pace(lambda: 0.0).slowness([one]) == 1.0
