"""The runner with the real model: pictures are kept, whatever happens to their siblings or the disk."""

from __future__ import annotations

import sqlite3
import threading
import traceback
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from diffusers import UNet2DConditionModel
from PIL import Image

from modules.base.accounts import LOCAL_OWNER
from modules.base.errors import DiskFull, Invalid, NotANumber
from modules.engine.messages import Ended, JobSpec, Made, Preview, Progress, Started, Warned, WorkerState
from modules.models.device import Placement
from modules.params import infotext
from modules.params.txt2img import Txt2Img
from modules.prompts.grammar import emphasised
from modules.prompts.tokenizer import load_tokenizer
from modules.sampling.questions import Decode, Predict
from modules.settings.options import Settings
from modules.worker.config import WorkerConfig
from modules.worker.thread import ThreadWorker
from tests.golden_data import GOLDEN, library

pytestmark = pytest.mark.slow      # nearly each draws with a model

MODULES = Path(__file__).parents[2] / "modules"


WITHOUT_GRIDS = Settings(return_grid=False, grid_save=False)


class Shop:
    """A worker and everything it told."""

    def __init__(self, folder, first=lambda: None):
        models = GOLDEN / "models/Stable-diffusion"
        self.outputs, self.cache = folder / "outputs", folder / "cache"
        self.events, self.changed = [], threading.Condition()
        config = WorkerConfig(
            self.outputs,
            self.cache,
            library(models),
            lambda: load_tokenizer(GOLDEN / "models/tiny-clip"),
            lambda: Placement.choose(cpu=True),
            first,
        )
        self.worker = ThreadWorker(config, self.hear)
        self.worker.start()

    def hear(self, event):
        with self.changed:
            self.events.append(event)
            self.changed.notify_all()

    def of(self, job, kind):
        return [event for event in list(self.events) if event.job == job and isinstance(event, kind)]

    def until(self, true, seconds=60):
        with self.changed:
            assert self.changed.wait_for(true, seconds), self.events

    def submit(self, job, settings=None, done=(), save=True, owner="me", **fields):
        params = Txt2Img(**{"prompt": "a red circle", "seed": 7, "steps": 4, "width": 64, "height": 64, **fields})
        self.worker.submit(
            JobSpec(job, owner, "txt2img", asdict(params), asdict(settings or WITHOUT_GRIDS), save, done=tuple(done))
        )

    def make(self, job, **how):
        self.submit(job, **how)
        self.until(lambda: self.of(job, Ended))
        return self.of(job, Ended)[0], sorted(self.of(job, Made), key=lambda made: made.index)


@pytest.fixture
def shop(tmp_path):
    found = Shop(tmp_path)
    yield found
    found.worker.stop()


def pixels(made):
    return np.asarray(Image.open(made.path).convert("RGB"), int)


def told_of_and_drawn_after(shop):
    """What the worker told of a model that it could not get ready, and how a job after that ended."""
    shop.until(lambda: [event for event in shop.of("", WorkerState) if event.error])
    return [event.error for event in shop.of("", WorkerState) if event.error], shop.make("after")[0].state


def test_a_first_model_that_cannot_be_chosen_is_told_and_the_worker_draws(tmp_path):
    def unreadable():
        raise OSError("the folder of models cannot be read")

    shop = Shop(tmp_path, unreadable)
    try:
        [told], state = told_of_and_drawn_after(shop)
        assert told and state == "done"
    finally:
        shop.worker.stop()


def test_a_model_that_is_not_here_is_told_and_the_worker_draws(shop):
    shop.make("before")
    shop.worker.keep_loaded("0" * 64)
    [told], state = told_of_and_drawn_after(shop)
    assert "000" in told and state == "done"


def test_memory_that_cannot_be_freed_is_told_and_the_worker_draws(shop, monkeypatch):
    def full():
        raise RuntimeError("the device does not answer")

    shop.make("before")
    monkeypatch.setattr(shop.worker.runner.result().device, "unload", full)
    shop.worker.keep_loaded("")
    [told], state = told_of_and_drawn_after(shop)
    assert told and state == "done"


def test_pictures_are_numbered_dated_and_tell_how_they_were_made(shop):
    ended, made = shop.make("a", n_iter=2)
    assert ended.state == "done" and len(shop.of("a", Started)) == 1
    assert [m.path.rsplit("/", 1)[1] for m in made] == ["00000-7.png", "00001-8.png"]
    assert made[0].path.startswith(str(shop.outputs / "me/txt2img-images"))
    text = Image.open(made[1].path).text["parameters"]
    assert text == made[1].infotext and infotext.parse_infotext(text, emphasised)["Seed"] == "8"
    assert shop.make("b")[1][0].path.endswith("/00002-7.png")


@pytest.mark.parametrize(
    ("owner", "wanted", "name"), [("me", True, "me"), ("me", False, None), (LOCAL_OWNER, True, None)]
)
def test_generation_data_name_who_logged_in_if_they_are_to(shop, owner, wanted, name):
    _, [made] = shop.make("a", settings=Settings(add_user_name_to_info=wanted), owner=owner, steps=1)
    assert infotext.parse_infotext(made.infotext, emphasised).get("User") == name


def test_a_batch_is_its_pictures_made_alone(shop):
    together = [pixels(made) for made in shop.make("batch", batch_size=3, sampler_name="Euler a")[1]]
    alone = [pixels(shop.make(f"alone-{i}", seed=7 + i, sampler_name="Euler a")[1][0]) for i in range(3)]
    assert max(np.abs(a - b).max() for a, b in zip(together, alone)) <= 1


def test_jobs_of_different_kinds_share_calls_and_end_as_alone(shop):
    kinds = [
        {"sampler_name": "Heun", "cfg_scale": 3},
        {"sampler_name": "DPM++ SDE", "steps": 6},
        {"sampler_name": "DDIM", "prompt": "a [cat:dog:2] AND b"},
    ]
    for i, kind in enumerate(kinds):
        shop.submit(f"t{i}", **kind)
    shop.until(lambda: all(shop.of(f"t{i}", Ended) for i in range(3)))
    for i, kind in enumerate(kinds):
        difference = np.abs(pixels(shop.of(f"t{i}", Made)[0]) - pixels(shop.make(f"a{i}", **kind)[1][0]))
        assert difference.max() <= 1


def test_progress_rises_to_the_end_and_previews_are_pictures(shop):
    shop.make("a", steps=30, n_iter=2)
    fractions = [event.fraction for event in shop.of("a", Progress)]
    assert fractions == sorted(fractions) and fractions[0] == 0 and 0.9 < fractions[-1] < 1
    assert shop.of("a", Preview)[0].jpeg.startswith(b"\xff\xd8")
    shop.make("b", settings=Settings(live_previews_enable=False), steps=30)
    assert not shop.of("b", Preview)


def test_interrupting_gives_the_half_made_picture_and_does_not_save_it(shop):
    shop.submit("a", steps=150, width=128, height=128)
    shop.until(lambda: len(shop.of("a", Progress)) > 3)
    shop.worker.interrupt("a")
    shop.until(lambda: shop.of("a", Ended))
    [made] = shop.of("a", Made)
    assert shop.of("a", Ended)[0].state == "interrupted"
    assert not made.saved and str(shop.cache) in made.path and not list(shop.outputs.rglob("*.png"))


def test_a_job_interrupted_before_it_began_ends(shop):
    shop.submit("busy", steps=150, width=128, height=128)
    shop.submit("a")
    shop.worker.interrupt("a")
    shop.until(lambda: shop.of("a", Ended))
    shop.worker.interrupt("busy")
    assert shop.of("a", Ended)[0].state in ("interrupted", "done")


def sampled_some(shop, job):
    shop.until(lambda: any(event.step for event in shop.of(job, Progress)))


def paused(shop, calls):
    """The device stops before this many calls of the UNet are answered, until the event is set;
    also when it has got there.
    """
    engine, there, going_on = shop.worker.runner.result(60).engine, threading.Event(), threading.Event()
    answer, asked = engine.answer, []

    def answered(questions):
        asked.extend([1] * isinstance(questions[0], Predict))
        if len(asked) == calls and not there.is_set():
            there.set()
            assert going_on.wait(60)
        return answer(questions)

    engine.answer = answered
    return there, going_on


@pytest.mark.parametrize(
    ("sizes", "dropped"), [({"n_iter": 4}, {0}), ({"n_iter": 2, "batch_size": 3}, {0, 1, 2}), ({"n_iter": 1}, {0})]
)
def test_skipping_drops_one_batch_and_goes_on_with_the_rest(shop, sizes, dropped):
    there, going_on = paused(shop, 3)
    shop.submit("a", steps=5, **sizes)
    assert there.wait(60)
    shop.worker.skip("a")
    going_on.set()
    shop.until(lambda: shop.of("a", Ended))
    pictures = range(sizes["n_iter"] * sizes.get("batch_size", 1))
    assert {made.index: made.saved for made in shop.of("a", Made)} == {
        index: index not in dropped for index in pictures
    }
    assert shop.of("a", Ended)[0].state == "done"


def test_of_one_job_few_pictures_are_in_the_making_and_the_first_is_finished_early(shop):
    shop.submit("a", steps=8, n_iter=6)
    shop.until(lambda: shop.of("a", Ended))
    order = [
        (event.index, isinstance(event, Made))
        for event in shop.events
        if isinstance(event, (Progress, Made)) and event.job == "a"
    ]
    before_first = order[: order.index((0, True))]
    # news of what is drawn may overtake that of what is kept
    assert {index for index, _ in before_first} <= {0, 1, 2, 3}
    assert not shop.worker.runner.result().engine.waiting


@pytest.mark.parametrize(("settings", "sizes", "together"), [
    (WITHOUT_GRIDS, {"n_iter": 6}, 2),
    (Settings(pictures_side_by_side=3), {"n_iter": 6}, 3),
    (WITHOUT_GRIDS, {"n_iter": 2, "batch_size": 4}, 4),
    (Settings(pictures_alone=True), {"n_iter": 3}, 1),
])
def test_as_many_are_made_side_by_side_as_the_settings_and_the_batch_size_say(shop, settings, sizes, together):
    engine = shop.worker.runner.result(60).engine
    answer, widest = engine.answer, []
    engine.answer = lambda questions: widest.append(len(engine.running)) or answer(questions)
    shop.make("a", settings=settings, steps=3, **sizes)
    assert max(widest) == together


def test_interrupting_keeps_what_is_finished(shop):
    shop.submit("a", steps=4, n_iter=500)
    shop.until(lambda: shop.of("a", Made))
    shop.worker.interrupt("a")
    shop.until(lambda: shop.of("a", Ended))
    assert shop.of("a", Ended)[0].state == "interrupted"
    assert any(made.saved for made in shop.of("a", Made)) and len(shop.of("a", Made)) < 500


def test_a_note_that_cannot_be_recorded_costs_no_picture_and_no_end(shop):
    """As where the disk is full, or another has locked the database."""
    shop.worker.runner.result(60)

    def refusing(event):
        if isinstance(event, Warned):
            raise sqlite3.OperationalError("database or disk is full")
        shop.hear(event)

    shop.worker.runner.result().emit = refusing
    ended, made = shop.make("a", prompt="a <lora:nowhere:1> red circle", n_iter=2)
    assert ended.state == "done" and [each.index for each in made] == [0, 1]


def test_of_very_many_notes_a_job_tells_the_first_and_that_there_are_more(shop, monkeypatch):
    monkeypatch.setattr("modules.worker.runner.MOST_NOTES", 3)
    shop.make("a", prompt="a red circle" + "".join(f"<lora:nowhere{number}:1>" for number in range(6)), steps=1)
    told = [warned.message for warned in shop.of("a", Warned)]
    assert ["nowhere0" in told[0], "nowhere1" in told[1], "more such notes" in told[2], len(told)] == [
        True,
        True,
        True,
        3,
    ]


def test_a_picture_that_cannot_be_recorded_fails_its_job_which_ends(shop):
    shop.worker.runner.result(60)

    def refusing(event):
        if isinstance(event, Made) and event.index == 0:
            raise DiskFull("No space left.", "Free some.")
        shop.hear(event)

    shop.worker.runner.result().emit = refusing
    ended, made = shop.make("a", n_iter=3)
    assert (ended.state, ended.error["error"]) == ("failed", "disk_full") and [each.index for each in made] == [1, 2]


def test_what_one_request_overrides_does_not_change_how_many_models_the_server_keeps(shop):
    shop.make("a", settings=Settings(sd_checkpoints_limit=10), steps=1)
    assert shop.worker.runner.result().device.kept == 1


def test_planning_somebodys_thousands_holds_up_nobody_else(shop, monkeypatch):
    """Another owner's job begins, ends, and is interrupted meanwhile."""
    planned = threading.Event()

    def endless(spec, library, inputs):
        assert planned.wait(60)
        raise Invalid("Never mind.")

    monkeypatch.setattr("modules.worker.job_kinds.plan_extras", endless)
    shop.worker.submit(JobSpec("long", "me", "extras", {}, {}))
    assert shop.make("a", owner="you")[0].state == "done"
    shop.submit("b", owner="you", steps=4, n_iter=500)
    sampled_some(shop, "b")
    shop.worker.interrupt("b")
    shop.until(lambda: shop.of("b", Ended))
    assert shop.of("b", Ended)[0].state == "interrupted" and not shop.of("long", Ended)
    planned.set()
    shop.until(lambda: shop.of("long", Ended))


def test_a_resumed_job_makes_only_what_is_left(shop):
    _, whole = shop.make("a", n_iter=3)
    _, rest = shop.make("b", n_iter=3, done=(0, 2))
    assert [made.index for made in rest] == [1]
    assert np.abs(pixels(rest[0]) - pixels(whole[1])).max() <= 1
    assert shop.make("c", n_iter=2, done=(0, 1))[0].state == "done"


def test_one_failing_picture_leaves_its_siblings(shop):
    answer = shop.worker.runner.result(60).engine.answer

    def spoiled(questions):
        if any(isinstance(q, Decode) for q in questions) and len(questions) == 1 and not failed:
            failed.append(True)
            raise NotANumber("no number")
        if isinstance(questions[0], Decode) and len(questions) > 1:
            raise NotANumber("one of them")
        return answer(questions)

    failed = []
    shop.worker.runner.result().engine.answer = spoiled
    ended, made = shop.make("a", n_iter=3)
    assert ended.state == "failed" and ended.error["error"] == "nan"
    assert [m.index for m in made] == [1, 2]


def test_a_model_that_gives_no_number_makes_no_picture(shop):
    engine = shop.worker.runner.result(60).engine
    answer = engine.answer
    engine.answer = lambda qs: (
        [tuple(e * float("nan") for e in a) for a in answer(qs)] if isinstance(qs[0], Predict) else answer(qs)
    )
    ended, made = shop.make("a")
    assert (ended.state, ended.error["error"], made) == ("failed", "nan", [])
    engine.answer = answer
    assert shop.make("b")[0].state == "done"


def test_a_disk_that_fails_costs_no_picture(shop):
    shop.outputs.parent.mkdir(exist_ok=True)
    shop.outputs.write_text("a file where the folder should be")
    ended, [made] = shop.make("a")
    assert ended.state == "failed"
    assert not made.saved and pixels(made).shape == (64, 64, 3)
    assert any("only in the cache" in warned.message for warned in shop.of("a", Warned))


def test_an_unknown_checkpoint_fails_the_job_by_name(shop):
    ended, made = shop.make("a", settings=Settings(sd_model_checkpoint="nowhere"))
    assert ended.error["error"] == "model_not_found" and "nowhere" in ended.error["message"] and not made


def test_unsaved_pictures_go_to_the_cache(shop):
    _, [made] = shop.make("task(../x)", save=False)
    assert not made.saved and str(shop.cache) in made.path and ".." not in made.path


def test_between_the_thread_and_the_unet_stand_five_frames(shop, monkeypatch):
    """Whoever reads a traceback, or steps into the call, meets: thread, engine, step, device, network."""
    forward, found = UNet2DConditionModel.forward, []

    def watched(unet, *given, **named):
        found.append(
            [frame.name for frame in traceback.extract_stack() if Path(frame.filename).is_relative_to(MODULES)]
        )
        return forward(unet, *given, **named)

    monkeypatch.setattr(UNet2DConditionModel, "forward", watched)
    shop.make("a")
    assert found[0] == ["_run", "run", "step", "answer", "predict_batch"]
