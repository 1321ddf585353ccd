"""The contract of a `Worker` (engine/messages.py): thread, process and Ray tell the same and make the same pictures."""

from __future__ import annotations

import threading
from dataclasses import asdict

import numpy as np
import pytest
from PIL import Image

from modules.commands.assemble import assemble
from modules.commands.workers import worker_of
from modules.engine.messages import Ended, JobSpec, Made, Preview, Progress, Started, Warned, WorkerState
from modules.imaging.blur import blurred_picture
from modules.params.txt2img import Txt2Img
from modules.settings.flags import parse_flags
from modules.settings.options import Settings
from tests.models.safety.checkers import ALWAYS, small_checker, write_checker
from tests.servers import with_tiny_model

pytestmark = pytest.mark.slow      # each kind of worker loads torch and a model
KINDS = ("thread", "process", "ray")


class ContractShop:
    """A worker as the server starts it, and everything it told."""

    def __init__(self, data, kind):
        self.events, self.changed = [], threading.Condition()
        flags = ["--data-dir", str(data), "--ckpt", str(data / "models/Stable-diffusion/tiny-sd1.safetensors")]
        self.app = app = assemble(parse_flags([*flags, "--worker", kind], {}))
        self.worker = worker_of(app, self.hear)
        self.worker.start()

    def hear(self, event):
        with self.changed:
            self.events.append(event)
            self.changed.notify_all()

    def until(self, true):
        with self.changed:
            assert self.changed.wait_for(true, 300), self.events[-5:]

    def submit(self, job, done=(), settings=None, paths=(), **fields):
        params = Txt2Img(**{"prompt": "a red circle", "seed": 7, "steps": 4, "width": 64, "height": 64, **fields})
        settings = asdict(settings or Settings(return_grid=False, grid_save=False))
        self.worker.submit(JobSpec(job, "local", "txt2img", asdict(params), settings, done=done, paths=paths, alone=True))

    def keep_loaded(self, checkpoint):
        """The worker's next state in which nothing is being loaded."""
        seen = len(self.of("", WorkerState))
        self.worker.keep_loaded(checkpoint)
        ready = lambda: [each for each in self.of("", WorkerState)[seen:] if not each.loading]
        self.until(ready)
        return ready()[0]

    def of(self, job, *kinds):
        return [event for event in list(self.events) if event.job == job and isinstance(event, kinds)]

    def ended(self, job):
        self.until(lambda: self.of(job, Ended))
        return self.of(job, Ended)


@pytest.fixture(scope="module")
def shops(tmp_path_factory):
    homes = {kind: with_tiny_model(tmp_path_factory.mktemp(kind)) for kind in KINDS}
    for home in homes.values():
        write_checker(home / "models/safety_checker/model.safetensors", small_checker(ALWAYS))
    found = {kind: ContractShop(home, kind) for kind, home in homes.items()}
    yield found
    for shop in found.values():
        shop.worker.stop()


def told(shop, job):
    """Of a job what is told in the same order by any worker; of progress only the newest need arrive."""
    return [type(event).__name__ for event in shop.of(job, Started, Made, Ended)]


def test_every_kind_makes_the_same_pictures_to_the_bit_and_tells_the_same_in_the_same_order(shops):
    pixels, orders, texts = [], [], []
    for shop in shops.values():
        shop.submit("a", n_iter=2, sampler_name="Euler a")
        assert [end.state for end in shop.ended("a")] == ["done"]
        made = shop.of("a", Made)
        pixels.append([np.asarray(Image.open(each.path)) for each in made])
        texts.append([(each.index, each.infotext, each.facts) for each in made])
        orders.append(told(shop, "a"))
    assert all(np.array_equal(each, pixels[0]) for each in pixels)
    assert all(order == orders[0] for order in orders) and all(text == texts[0] for text in texts)


@pytest.mark.parametrize("kind", KINDS)
def test_a_resumed_job_makes_only_what_is_left(shops, kind):
    shops[kind].submit("resumed", done=(0,), n_iter=2)
    assert [end.state for end in shops[kind].ended("resumed")] == ["done"]
    assert [made.index for made in shops[kind].of("resumed", Made)] == [1]


@pytest.mark.parametrize("kind", KINDS)
def test_an_interrupted_job_ends_as_that_and_the_next_is_made(shops, kind):
    shop = shops[kind]
    shop.submit("long", steps=150, n_iter=20)
    shop.until(lambda: shop.of("long", Progress))
    shop.worker.interrupt("long")
    shop.worker.interrupt("long")
    assert [end.state for end in shop.ended("long")] == ["interrupted"]
    shop.submit("next")
    assert [end.state for end in shop.ended("next")] == ["done"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_skipped_picture_leaves_the_others_of_its_job(shops, kind):
    shop = shops[kind]
    shop.submit("skipped", steps=100, n_iter=2)
    shop.until(lambda: shop.of("skipped", Progress))
    shop.worker.skip("skipped")
    assert [end.state for end in shop.ended("skipped")] == ["done"]
    assert 1 in [made.index for made in shop.of("skipped", Made)]


@pytest.mark.parametrize("kind", KINDS)
def test_models_leave_the_memory_and_come_back_before_or_with_a_job(shops, kind):
    shop, states = shops[kind], []
    shop.submit("before")
    [made] = shop.of("before", Made) if shop.ended("before") else ()
    checkpoints = shop.app.models.checkpoints
    for wanted in ("", checkpoints.hashed(checkpoints.default()).sha256, ""):
        states.append(shop.keep_loaded(wanted).loaded)
    assert [bool(each) for each in states] == [False, True, False]
    shop.submit("after")
    assert [end.state for end in shop.ended("after")] == ["done"]
    [again] = shop.of("after", Made)
    assert np.array_equal(np.asarray(Image.open(made.path)), np.asarray(Image.open(again.path)))


@pytest.mark.parametrize("kind", KINDS)
def test_a_job_that_cannot_be_planned_fails_with_the_reason(shops, kind):
    shops[kind].submit("wrong", prompt="x", sampler_name="No such sampler")
    [end] = shops[kind].ended("wrong")
    assert end.state == "failed" and end.error["status"] == 404


@pytest.mark.parametrize("kind", KINDS)
def test_flagged_pictures_leave_the_worker_as_the_administrator_wants_them(shops, kind):
    shop, plain = shops[kind], []
    for action, state in (("Off", "done"), ("Mark", "done"), ("Blur", "done"), ("Refuse", "failed")):
        shop.submit(action, settings=Settings(safety_checker_administrator=action, return_grid=False, grid_save=False), n_iter=2, steps=20)
        [end], made = shop.ended(action), shop.of(action, Made)
        assert (end.state, (end.error or {}).get("error")) == (state, "refused" if action == "Refuse" else None)
        assert [each.facts.get("nsfw_content_detected") for each in made] == [None if action == "Off" else True] * 2
        assert [each.saved for each in made] == [action != "Refuse"] * 2
        images = [Image.open(each.path).convert("RGB") for each in made]
        plain = plain or images
        black = [Image.new("RGB", (64, 64))] * 2
        expected = {"Blur": [blurred_picture(each) for each in plain], "Refuse": black}.get(action, plain)
        assert [each.tobytes() for each in images] == [each.tobytes() for each in expected]
        assert bool(shop.of(action, Preview)) == (action in ("Off", "Mark"))
        assert bool(shop.of(action, Warned)) == (action in ("Blur", "Refuse"))


def test_a_plot_goes_on_after_a_crash_cell_by_cell_and_its_grid_is_the_same(shops):
    shop = shops["process"]
    plot = {"script_name": "X/Y/Z plot", "script_args": (4, "2,3", [], 1, "5,6", [])}
    shop.submit("whole", **plot)
    assert [end.state for end in shop.ended("whole")] == ["done"]
    *cells, grid = shop.of("whole", Made)
    assert [each.index for each in cells] == [0, 1, 2, 3] and (grid.index, grid.kind) == (4, "grid")
    done = {each.index: each.path for each in cells if each.index != 2}
    shop.submit("again", tuple(done), paths=tuple(done.values()), **plot)
    assert [end.state for end in shop.ended("again")] == ["done"]
    assert [each.index for each in shop.of("again", Made)] == [2, 4]
    again = shop.of("again", Made)[-1]
    assert np.array_equal(*(np.asarray(Image.open(each.path)) for each in (grid, again)))
    assert again.infotext == grid.infotext and "X Type: Steps" in grid.infotext


def test_an_interrupted_plot_shows_what_there_is(shops):
    shop = shops["thread"]
    shop.submit("stopped", script_name="X/Y/Z plot", script_args=(4, "2,140,150", []))
    shop.until(lambda: shop.of("stopped", Made))
    shop.worker.interrupt("stopped")
    assert [end.state for end in shop.ended("stopped")] == ["interrupted"]
    grid = shop.of("stopped", Made)[-1]
    with Image.open(grid.path) as drawn:
        assert grid.kind == "grid" and drawn.width == 3 * 64
