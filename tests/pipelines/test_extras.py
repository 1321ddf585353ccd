"""Extras: sizes, blending, generation data, and what ends a job."""

from __future__ import annotations

import io
import threading
from dataclasses import asdict, replace

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from modules.base.accounts import LOCAL_OWNER
from modules.base.errors import Invalid, InvalidImage, OutOfMemory, UnknownName
from modules.base.fields import defaults, form_defaults
from modules.engine.messages import Ended, JobSpec, Made
from modules.imaging.inputs import save_input
from modules.library.model_kinds import UPSCALER
from modules.models.device import Device, Placement
from modules.models.upscaling.upscaler import Upscalers
from modules.params import infotext
from modules.params.extras import MOST_OUTPUT_PIXELS, Extras, check_sent, check_sizes, extended
from modules.settings.options import Settings
from modules.worker.config import WorkerConfig
from modules.worker.job_kinds import plan_job
from modules.worker.thread import ThreadWorker
from tests.golden_data import inputs, library, with_folders
from tests.models.upscaling.asking import upscale
from tests.models.upscaling.networks import CPU, srvgg_state

DRAWN = "a cat\nNegative prompt: a dog\nSteps: 20, Sampler: Euler, Seed: 7, Size: 64x64"


@pytest.fixture(scope="module")
def shelf(tmp_path_factory):
    """A library of two upscalers with random weights, ×2 and ×1."""
    folder = tmp_path_factory.mktemp("upscalers")
    save_file(srvgg_state(scale=2), folder / "double.safetensors")
    save_file(srvgg_state(scale=1), folder / "clean.safetensors")
    return with_folders(library(tmp_path_factory.mktemp("no-checkpoints")), UPSCALER, folder)


@pytest.fixture(scope="module")
def upscaling(shelf):
    return Device(shelf, lambda text: [], Placement.choose(cpu=True), lambda *_: None)


def noise(width=64, height=48, mode="RGB"):
    bands = len(Image.new(mode, (1, 1)).getbands())
    return Image.fromarray(np.random.default_rng(3).integers(0, 256, (height, width, bands), np.uint8).squeeze(), mode)


def job(*images, infotexts=None, **fields):
    return JobSpec("it", LOCAL_OWNER, "extras", recorded(inputs(), images, infotexts, **fields), asdict(Settings()))


def recorded(folder, images, infotexts=None, **fields):
    names = []
    for image in images:
        out = io.BytesIO()
        image.save(out, "png")
        names.append(save_input(folder, out.getvalue()))
    return asdict(Extras(**fields)) | {"images": names, "infotexts": infotexts or [""] * len(names)}


def made(device, job):
    """All pictures of a job, and its recipe. Raises what went wrong with any of them."""
    recipe = plan_job(job, device.library, inputs())
    return [played(device, plan.task()) for plan in recipe.plans], recipe


def played(device, task):
    answer = None
    while True:
        try:
            answer = device.answer([task.send(answer)])[0]
        except StopIteration as done:
            return done.value


def result(device, image, **fields):
    [drawn], _ = made(device, job(image, **fields))
    return drawn.pixels


def text(device, before, **fields):
    [drawn], recipe = made(device, job(noise(), infotexts=[before], **fields))
    return recipe.infotext(0, drawn.extra_params)


# Pictures -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
def test_without_an_upscaler_a_picture_stays_as_it_is(upscaling, mode):
    image = noise(mode=mode)
    assert np.array_equal(
        result(upscaling, image, upscaling_resize=4, upscaler_2="Lanczos", extras_upscaler_2_visibility=1), image
    )


@pytest.mark.parametrize("name", ["Lanczos", "Nearest", "double"])
@pytest.mark.parametrize("factor", [0.5, 1.7, 2, 3])
def test_by_a_factor_it_is_the_upscalers_picture(upscaling, shelf, name, factor):
    expected = upscale(Upscalers(shelf.of("upscaler"), CPU, torch.float32), name, noise(), factor)
    found = result(upscaling, noise(), upscaler_1=name, upscaling_resize=factor)
    assert found.shape[:2] == tuple(side * factor // 8 * 8 for side in (48, 64))
    assert np.array_equal(found, expected)


def test_a_model_that_only_cleans_up_does_so_at_a_factor_of_one(upscaling):
    found = result(upscaling, noise(), upscaler_1="clean", upscaling_resize=1)
    assert found.shape == (48, 64, 3) and not np.array_equal(found, noise())


@pytest.mark.parametrize("size", [(128, 128), (100, 30), (33, 200), (500, 500), (72, 48), (48, 40)])
def test_to_a_size_cropped_it_has_that_size_and_no_border(upscaling, size):
    white = Image.new("RGB", (64, 48), "white")
    found = result(
        upscaling, white, upscaler_1="Lanczos", resize_mode=1, upscaling_resize_w=size[0], upscaling_resize_h=size[1]
    )
    assert found.shape == (*size[::-1], 3) and found.min() == 255


def test_to_a_size_uncropped_it_keeps_its_shape_and_is_no_smaller(upscaling):
    found = result(
        upscaling,
        noise(),
        upscaler_1="Lanczos",
        resize_mode=1,
        upscaling_resize_w=100,
        upscaling_resize_h=100,
        upscaling_crop=False,
    )
    assert found.shape == (100, 133, 3)


def test_cropping_takes_the_middle(upscaling):
    size = {"upscaler_1": "Lanczos", "resize_mode": 1, "upscaling_resize_w": 96, "upscaling_resize_h": 96}
    whole, cropped = (result(upscaling, noise(), **size, upscaling_crop=crop) for crop in (False, True))
    assert whole.shape == (96, 128, 3) and np.array_equal(cropped, whole[:, 16:112])


def test_two_upscalers_are_blended_by_visibility(upscaling):
    one, two = (result(upscaling, noise(), upscaler_1=name).astype(float) for name in ("Lanczos", "double"))
    found = {
        share: result(upscaling, noise(), upscaler_1="Lanczos", upscaler_2="double", extras_upscaler_2_visibility=share)
        for share in (0, 0.25, 1)
    }
    assert np.array_equal(found[0], one) and np.array_equal(found[1], two)
    assert np.abs(found[0.25] - (one * 0.75 + two * 0.25)).max() <= 1


@pytest.mark.parametrize("fields", [{}, {"resize_mode": 1, "upscaling_resize_w": 90, "upscaling_resize_h": 90}])
def test_transparency_is_kept(upscaling, fields):
    image = noise()
    image.putalpha(Image.new("L", image.size, 77))
    found = result(
        upscaling, image, upscaler_1="double", upscaler_2="Nearest", extras_upscaler_2_visibility=0.5, **fields
    )
    assert found.shape[2] == 4 and (found[..., 3] == 77).all()


def test_each_picture_of_a_request_is_enlarged_and_named_by_its_seed(upscaling):
    drawn, recipe = made(upscaling, job(noise(), noise(32, 40), infotexts=[DRAWN, ""], upscaler_1="Nearest"))
    assert [each.pixels.shape for each in drawn] == [(96, 128, 3), (80, 64, 3)]
    assert [recipe.facts(index)["seed"] for index in range(2)] == ["7", ""]


# Generation data ------------------------------------------------------------------------------------


def test_generation_data_is_kept_and_tells_what_was_done(upscaling):
    both = {"upscaler_1": "Lanczos", "upscaler_2": "double", "extras_upscaler_2_visibility": 0.5}
    assert text(upscaling, DRAWN, upscaling_resize=4.0, **both) == (
        f"{DRAWN}, Postprocess upscale by: 4, Postprocess upscaler: Lanczos, Postprocess upscaler 2: double"
    )
    assert text(upscaling, DRAWN, resize_mode=1, **both) == (
        f"{DRAWN}, Postprocess upscale to: 512x512, Postprocess crop to: 512x512, Postprocess upscaler: Lanczos, "
        "Postprocess upscaler 2: double"
    )
    assert "Postprocess crop to" not in text(upscaling, DRAWN, resize_mode=1, upscaling_crop=False, **both)


@pytest.mark.parametrize("before", ["", "only a prompt", DRAWN, DRAWN + "\n"])
def test_nothing_done_is_nothing_told(before):
    assert extended(before, Extras()) == before.rstrip()


def test_what_was_done_is_read_back_and_the_rest_is_as_before():
    done = Extras(upscaler_1="odd, name: 4x", upscaling_resize=2.5)
    before, after = (infotext.split_infotext(each) for each in (DRAWN, extended(DRAWN, done)))
    assert (after.prompt, after.negative_prompt) == (before.prompt, before.negative_prompt)
    assert after.pairs == before.pairs | {"Postprocess upscale by": "2.5", "Postprocess upscaler": "odd, name: 4x"}
    assert extended("only a prompt", done).startswith("only a prompt\nPostprocess")
    assert extended("", done).startswith("Postprocess")


# Limits ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("fields", "size", "name"), [
    ({"upscaling_resize": 16}, (2048, 1025), "upscaling_resize"),
    ({"upscaling_resize": 16}, (2049, 8), "upscaling_resize"),
    ({"resize_mode": 1, "upscaling_resize_w": 20000, "upscaling_resize_h": 10}, (64, 64), "upscaling_resize_w"),
    ({"resize_mode": 1, "upscaling_resize_w": 64, "upscaling_resize_h": 64}, (1, 4000), "upscaling_resize_h"),
])
def test_a_result_that_is_too_large_is_refused_by_field(fields, size, name):
    with pytest.raises(Invalid) as refused:
        check_sizes(Extras(upscaler_1="Lanczos", **fields), [size])
    assert refused.value.field == name
    check_sizes(Extras(**fields), [size])      # nothing is enlarged


def test_the_largest_picture_there_may_be_is_taken_and_not_many_of_them():
    largest = Extras(upscaler_1="Lanczos", upscaling_resize=16)
    assert MOST_OUTPUT_PIXELS == 1024**2 * 16**2
    check_sizes(largest, [(1024, 1024)] * 4)
    with pytest.raises(Invalid, match="5 pictures"):
        check_sizes(largest, [(1024, 1024)] * 5)
    with pytest.raises(Invalid, match="together"):
        check_sent([(8000, 8000)] * 3)


def test_what_cannot_be_done_is_told(upscaling, monkeypatch):
    with pytest.raises(UnknownName, match="doubel"):
        made(upscaling, job(noise(), upscaler_1="doubel"))
    gone = job(noise(), upscaler_1="Lanczos")
    with pytest.raises(InvalidImage, match="gone"):
        made(upscaling, replace(gone, params=gone.params | {"images": ["0" * 64 + ".png"]}))
    monkeypatch.setattr(upscaling, "upscalers", Upscalers(upscaling.library.of("upscaler"), CPU, torch.float32))
    monkeypatch.setattr(upscaling.upscalers, "enlarge", exhausted)
    with pytest.raises(OutOfMemory, match="ran out of memory"):
        made(upscaling, job(noise(), upscaler_1="double"))


def exhausted(*_):
    raise torch.OutOfMemoryError("CUDA out of memory")


def test_defaults_are_a1111s():
    api, form = defaults(Extras), form_defaults(Extras)
    assert (api["upscaling_resize"], api["upscaling_resize_w"], api["upscaling_crop"], api["upscaler_1"]) == (
        2,
        512,
        True,
        "None",
    )
    assert form["upscaling_resize"] == 4 and form["codeformer_weight"] == 0


# In the runner ------------------------------------------------------------------------------------


class Shop:
    """A worker and everything it told."""

    def __init__(self, folder, shelf):
        self.events, self.changed = [], threading.Condition()
        self.config = WorkerConfig(
            folder / "outputs", folder / "cache", shelf, lambda: None, lambda: Placement.choose(cpu=True), lambda: None
        )
        self.worker = ThreadWorker(self.config, self.hear)
        self.worker.start()

    def hear(self, event):
        with self.changed:
            self.events.append(event)
            self.changed.notify_all()

    def of(self, kind):
        return [event for event in list(self.events) if isinstance(event, kind)]

    def submit(self, *images, done=(), save=True, settings=None, **fields):
        params = recorded(self.config.inputs, images, **fields)
        self.worker.submit(JobSpec("it", LOCAL_OWNER, "extras", params, asdict(settings or Settings()), save, done=done))

    def ended(self):
        with self.changed:
            assert self.changed.wait_for(lambda: self.of(Ended), 60), self.events
        return self.of(Ended)[0]


@pytest.fixture
def shop(tmp_path, shelf):
    found = Shop(tmp_path, shelf)
    yield found
    found.worker.stop()


def test_pictures_are_saved_among_the_extras_without_a_manifest(shop):
    shop.submit(noise(), infotexts=[DRAWN], upscaler_1="Nearest", settings=Settings(save_manifest=True))
    assert shop.ended().state == "done"
    [kept] = shop.of(Made)
    assert kept.path.startswith(str(shop.config.outputs / "extras-images")) and kept.path.endswith("00000-7.png")
    with Image.open(kept.path) as image:
        assert image.size == (128, 96) and image.text == {"parameters": extended(DRAWN, Extras(upscaler_1="Nearest"))}


def test_a_resumed_job_makes_only_what_is_left(shop):
    shop.submit(noise(), noise(), noise(), upscaler_1="double", done=(0, 2), save=False)
    assert shop.ended().state == "done"
    [kept] = shop.of(Made)
    assert kept.index == 1 and not kept.saved and kept.path.startswith(str(shop.config.cache))


def test_a_job_can_be_stopped_between_the_tiles_of_a_picture(shop):
    device = shop.worker.runner.result(60).device
    begun, go_on, tiles = threading.Event(), threading.Event(), []
    enlarge = device.upscalers.enlarge

    def waiting(name, tile):
        tiles.append(tile)
        begun.set()
        assert go_on.wait(20)
        return enlarge(name, tile)

    device.upscalers.enlarge = waiting
    shop.submit(noise(), noise(), upscaler_1="double", settings=Settings(ESRGAN_tile=16, ESRGAN_tile_overlap=0))
    assert begun.wait(20)
    shop.worker.interrupt("it")
    while not shop.worker.runner.result().engine.inbox.qsize():
        pass
    go_on.set()
    assert shop.ended().state == "interrupted" and not shop.of(Made) and len(tiles) <= 2      # one of either picture


def test_a_recorded_job_has_all_it_needs(shelf):
    recipe = plan_job(job(noise(), noise(), upscaler_1="DOUBLE"), shelf, inputs())
    assert len(recipe.plans) == 2 and recipe.plans[0].params.upscaler_1 == "double" and recipe.warnings() == []
