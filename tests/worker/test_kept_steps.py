"""A picture goes on where its last worker died, and is the same to the bit."""

from __future__ import annotations

import threading
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from modules.engine.messages import Ended, JobSpec, Made
from modules.models.device import Placement
from modules.params.txt2img import Txt2Img
from modules.prompts.tokenizer import load_tokenizer
from modules.sampling.questions import Cond, Decode, Interrupted, Predict
from modules.sampling.weights import Weights
from modules.settings.options import Settings
from modules.store.step_files import KeptAnswer, StepFiles, records_in
from modules.worker import kept_steps
from modules.worker.config import WorkerConfig
from modules.worker.kept_steps import KeptSteps
from modules.worker.thread import ThreadWorker
from tests.golden_data import GOLDEN, library
from tests.worker.test_runner import pixels

STEPS = 6
SPEC = JobSpec("a", "me", "txt2img", {"prompt": "x"}, {})


# Files -----------------------------------------------------------------------------------------------


@given(st.lists(st.tuples(st.text(), st.binary())), st.integers(0, 400))
def test_of_a_file_that_ends_anywhere_the_whole_records_are_read(records, end):
    records = [KeptAnswer(*each) for each in records]
    packed = [each.packed() for each in records]
    read = [*records_in(b"".join(packed)[:end])]
    assert read == records[: len(read)] and len(b"".join(packed[: len(read) + 1])) > min(end, len(b"".join(packed))) or read == records


def test_a_damaged_record_ends_what_is_read():
    packed = bytearray(b"".join(KeptAnswer(str(n), b"content").packed() for n in range(3)))
    packed[len(packed) // 2] ^= 1
    assert [each.mark for each in records_in(bytes(packed))] == ["0"]


# Tasks -----------------------------------------------------------------------------------------------


def picture(seed=0):
    """A task whose every question depends on all answers so far; its result, too."""
    noise = torch.Generator().manual_seed(seed)
    x = torch.randn(1, 2, 2, generator=noise)
    text = Cond(torch.zeros(1, 1))
    for step in range(STEPS):
        one, two = yield Predict(Weights("w"), x, float(STEPS - step), 0.0, (text, text), step)
        x = one - 0.3 * two + 0.1 * torch.randn(1, 2, 2, generator=noise)
    return (yield Decode(Weights("w"), x))


class Device:
    """Answers questions; ends like a killed process after so many steps."""

    def __init__(self):
        self.asked = []

    def run(self, task, steps=STEPS):
        answer = None
        try:
            while len(self.asked) <= steps:
                question = task.send(answer)
                if isinstance(question, Predict):
                    self.asked.append(question.step)
                    answer = (question.x * 0.5, question.x + question.sigma)
                else:
                    answer = question.latent * 2
        except StopIteration as done:
            return done.value
        return None


@pytest.fixture
def kept(tmp_path):
    """What is kept at once: each look at the clock is as long after the last as two writes are apart."""
    times = iter(range(10**6))
    return KeptSteps(StepFiles(tmp_path), lambda do, *how: do(*how), lambda: next(times) * kept_steps.EVERY_SECONDS)


def task_of(kept, spec=SPEC, facts=None, seed=0):
    return kept.of(spec, 0, lambda index: facts or {"seed": 0}, picture(seed))


@pytest.mark.parametrize("killed", range(1, STEPS + 1))
def test_it_goes_on_after_the_last_step_and_comes_to_the_same_end(kept, killed):
    whole = Device().run(picture())
    Device().run(task_of(kept), killed)
    done = {each.mark for each in kept.files.read("a", 0, kept_key(kept))}
    again, rest = Device(), None
    rest = again.run(task_of(kept))
    assert torch.equal(rest, whole)
    assert again.asked == list(range(len(done), STEPS)) and len(done) >= killed - 1


def kept_key(kept):
    [path] = kept.files.folder.iterdir()
    return next(records_in(path.read_bytes())).mark


def test_two_deaths_over_one_picture_lose_nothing_of_the_first_run(kept):
    whole = Device().run(picture())
    asked = []
    for killed in (2, 2):
        device = Device()
        device.run(task_of(kept), killed)
        asked.append(device.asked)
    last = Device()
    assert torch.equal(last.run(task_of(kept)), whole)
    assert asked[1][0] > 0 and last.asked[0] > asked[1][0]


@pytest.mark.parametrize(
    "other", [{"spec": replace(SPEC, params={"prompt": "y"})}, {"spec": replace(SPEC, settings={"eta": 1})}, {"facts": {"seed": 1}}]
)
def test_another_picture_under_the_same_number_begins_at_its_start(kept, other):
    Device().run(task_of(kept), 3)
    device = Device()
    device.run(task_of(kept, **other))
    assert device.asked == list(range(STEPS))


def test_a_file_cut_off_anywhere_leads_to_the_same_picture(kept):
    whole = Device().run(picture())
    Device().run(task_of(kept), STEPS)
    [path] = kept.files.folder.iterdir()
    content = path.read_bytes()
    for end in range(0, len(content), 97):
        path.write_bytes(content[:end])
        assert torch.equal(Device().run(task_of(kept)), whole)


def test_a_step_that_is_another_than_before_is_asked_and_so_are_all_that_follow(kept):
    def other():
        x = torch.zeros(1, 2, 2)
        for step in (0, 7, 2):
            one, _ = yield Predict(Weights("w"), x, float(STEPS - step), 0.0, (Cond(x), Cond(x)), step)
        return one

    Device().run(task_of(kept), 5)
    device = Device()
    device.run(kept.of(SPEC, 0, lambda index: {"seed": 0}, other()))
    assert device.asked == [7, 2]


def test_an_interruption_reaches_the_task_and_its_result_comes_back(kept):
    def half():
        try:
            yield from picture()
        except Interrupted:
            return "half made"

    task = kept.of(SPEC, 0, lambda index: {}, half())
    next(task)
    with pytest.raises(StopIteration) as done:
        task.throw(Interrupted())
    assert done.value.value == "half made"


def test_a_picture_that_is_made_quickly_writes_nothing(tmp_path):
    kept = KeptSteps(StepFiles(tmp_path), lambda do, *how: do(*how), lambda: 0.0)
    Device().run(task_of(kept))
    assert not list(tmp_path.rglob("*.steps"))


def test_a_disk_that_cannot_be_written_costs_no_picture(kept, tmp_path):
    (tmp_path / "steps").write_text("no folder")
    assert torch.equal(Device().run(task_of(kept)), Device().run(picture()))


# Workers ---------------------------------------------------------------------------------------------


class Worker:
    """A worker of its own on a cache, as another process is. calls: of the UNet that it answers before it dies"""

    def __init__(self, folder, calls=10**6):
        self.ended, self.made, self.asked = threading.Event(), [], 0
        config = WorkerConfig(
            folder / "outputs", folder / "cache", library(GOLDEN / "models/Stable-diffusion"),
            lambda: load_tokenizer(GOLDEN / "models/tiny-clip"), lambda: Placement.choose(cpu=True), lambda: None,
        )
        self.worker = ThreadWorker(config, self.hear)
        self.worker.start()
        self.runner = self.worker.runner.result(120)
        self.answer, self.runner.engine.answer = self.runner.engine.answer, self.answered
        self.calls = calls

    def answered(self, questions):
        if isinstance(questions[0], Predict):
            self.asked += 1
            if self.asked > self.calls:
                self.runner.io.submit(self.ended.set)
                self.runner.engine.stop()
        return self.answer(questions)

    def hear(self, event):
        if isinstance(event, Made):
            self.made.append(event)
        if isinstance(event, Ended):
            self.ended.set()

    def draw(self, done=(), **fields):
        fields = {"prompt": "a red circle", "seed": 7, "steps": 8, "width": 64, "height": 64, **fields}
        settings = Settings(return_grid=False, grid_save=False)
        self.worker.submit(JobSpec("job", "me", "txt2img", asdict(Txt2Img(**fields)), asdict(settings), done=done, alone=True))
        assert self.ended.wait(120)
        self.worker.stop()
        return [pixels(made) for made in self.made]


HIRES = {"enable_hr": True, "hr_scale": 1.5, "hr_upscaler": "Latent", "denoising_strength": 0.6}


@pytest.mark.slow
@pytest.mark.parametrize(
    "fields", [{"sampler_name": "DPM++ 2M SDE"}, {"sampler_name": "UniPC", "n_iter": 2}, {"sampler_name": "Euler a", **HIRES}]
)
def test_another_worker_goes_on_with_a_picture_to_the_bit(tmp_path, monkeypatch, fields):
    whole = Worker(tmp_path / "whole")
    expected = whole.draw(**fields)
    monkeypatch.setattr(kept_steps, "EVERY_SECONDS", 0.0)
    before = Worker(tmp_path, calls=whole.asked - 3).draw(**fields)
    second = Worker(tmp_path)
    rest = second.draw(done=tuple(range(len(before))), **fields)
    assert len(before) == len(expected) - 1 and (rest[0] == expected[-1]).all()
    assert 0 < second.asked <= 4
    assert not [*Path(tmp_path / "cache").rglob("*.steps")]
