"""A unit with several pictures: the job's pictures take them in turn."""

from __future__ import annotations

import re
from dataclasses import asdict, replace

import numpy as np
import pytest
import torch

from modules.engine.engine import Engine, ImageTask
from modules.engine.messages import JobSpec
from modules.models.device import Device, Placement
from modules.params.control import ControlUnit
from modules.params.img2img import Img2Img
from modules.params.known_names import KnownNames
from modules.params.scripts import resolve_script
from modules.params.txt2img import Txt2Img
from modules.prompts.tokenizer import load_tokenizer
from modules.requests.resolve import resolve_request
from modules.settings.options import Settings
from modules.worker.job_kinds import plan_job
from tests.golden_data import GOLDEN, assemble_models, golden_library, inputs, kept
from tests.playing import made, results

pytestmark = pytest.mark.slow
SIZE = {"width": 64, "height": 64, "steps": 2, "seed": 5}
FIRST, SECOND, THIRD = (kept(f"@inputs/{name}.png") for name in ("cn_shapes", "init_a", "init_big"))


@pytest.fixture(scope="module")
def machine(tmp_path_factory):
    torch.set_num_threads(1)
    found = golden_library(assemble_models(tmp_path_factory.mktemp("models")))
    return Device(found, load_tokenizer(GOLDEN / "models/tiny-clip"), Placement.choose(cpu=True), lambda *_: None)


def unit(**fields):
    return ControlUnit(**{
        "module": "canny", "model": "tiny_control_canny", "image": FIRST, "more_images": (SECOND,),
        "processor_res": 64, **fields,
    })


def job_of(request, own=(), **more):
    """own: settings"""
    settings = asdict(replace(Settings(), sd_model_checkpoint="tiny-sd1", **dict(own)))
    kind = "img2img" if isinstance(request, Img2Img) else "txt2img"
    resolved = resolve_script(resolve_request(request), kind, KnownNames())
    return JobSpec("j", "test", kind, asdict(resolved) | more, settings)


def drawn(machine, request, **more):
    return made(machine, job_of(request, **more))


def alone(machine, image):
    [found], _ = drawn(machine, Txt2Img(**SIZE, control=(unit(image=image, more_images=()),)))
    return found


def test_each_picture_takes_the_next_one_and_begins_again_after_the_last(machine):
    found, plan = drawn(machine, Txt2Img(**SIZE, control=(unit(),), n_iter=3))
    for number, image in enumerate((FIRST, SECOND, FIRST)):
        own = alone(machine, image)
        assert np.abs(found[number].pixels.astype(int) - own.pixels).max() <= 1
        assert np.array_equal(np.asarray(found[number].maps[0]), np.asarray(own.maps[0]))      # each has its own map
        told = plan.infotext(number, {})
        assert f"Image: {image[:12]}" in told and "More Images" not in told


def test_pictures_of_one_batch_take_them_as_well_and_both_passes_of_hires_fix(machine):
    request = Txt2Img(**SIZE, control=(unit(),), batch_size=2, enable_hr=True, hr_scale=1.5, hr_upscaler="Latent")
    found, _ = drawn(machine, request)
    sizes = [[each.size for each in picture.maps] for picture in found]
    assert sizes == [[(96, 96), (64, 64)]] * 2
    assert not np.array_equal(np.asarray(found[0].maps[0]), np.asarray(found[1].maps[0]))


def test_a_unit_of_one_picture_returns_its_map_with_the_last_picture(machine):
    found, _ = drawn(machine, Txt2Img(**SIZE, control=(unit(more_images=()),), n_iter=2))
    assert [len(each.maps) for each in found] == [0, 1]


def test_pictures_with_prompts_of_their_own_take_them_in_turn(machine):
    prompts = [{"prompt": "a"}, {"prompt": "b"}]
    _, plan = drawn(machine, Txt2Img(**SIZE, control=(unit(),), n_iter=2), picture_prompts=prompts)
    assert [f"Image: {image[:12]}" in plan.infotext(number, {}) for number, image in enumerate((FIRST, SECOND))] == [True] * 2


def test_the_files_of_img2imgs_batch_take_them_in_turn(machine):
    entries = [{"image": THIRD, "file": f"{name}.png"} for name in "ab"]
    request = Img2Img(**SIZE, init_images=(THIRD,), control=(unit(),))
    _, plan = drawn(machine, request, batch={"entries": entries, "folder": "", "notes": []})
    assert [f"Image: {image[:12]}" in plan.infotext(number, {}) for number, image in enumerate((FIRST, SECOND))] == [True] * 2


UPSCALED = {"script_name": "SD upscale", "script_args": (None, 16, "None", 1.0)}


def images_told(plan, count):
    """The beginnings of the names of the units' pictures in the data of each image."""
    return [re.search(r"Image: ([0-9a-f]{12})", plan.infotext(number, {}))[1] for number in range(count)]


def test_the_pictures_of_a_script_take_them_in_turn(machine):
    request = Img2Img(**SIZE, init_images=(THIRD,), control=(unit(),), n_iter=2, **UPSCALED)
    found, plan = drawn(machine, request)
    assert images_told(plan, 2) == [FIRST[:12], SECOND[:12]]
    one = replace(request, control=(unit(image=SECOND, more_images=()),), n_iter=1)
    [own], _ = drawn(machine, one)
    assert np.abs(found[1].pixels.astype(int) - own.pixels).max() <= 1


def test_each_loop_of_loopback_takes_the_next_one_also_where_loops_are_made_again(machine):
    request = Img2Img(**SIZE, init_images=(THIRD,), control=(unit(),), script_name="Loopback", script_args=(2, 0.75, "Linear"))
    found, plan = drawn(machine, request)
    assert images_told(plan, 2) == [FIRST[:12], SECOND[:12]]
    resumed = plan_job(job_of(request), machine.library, inputs())      # the first loop's result is not there
    [again] = results(Engine(machine.answer, lambda _: None), [ImageTask(resumed.task(1), "j", 1, "me", 0)])
    assert np.abs(found[1].pixels.astype(int) - again.pixels).max() <= 1


def test_pictures_of_a_batch_have_one_seed_unless_the_settings_say_otherwise(machine):
    counting = {"controlnet_increment_seed_during_batch": True}
    for several, own, seeds in (((SECOND,), {}, [5, 5, 5]), ((), {}, [5, 6, 7]), ((SECOND,), counting, [5, 6, 7])):
        asked = Txt2Img(**SIZE, control=(unit(more_images=several),), n_iter=3)
        plan = plan_job(job_of(asked, own), machine.library, inputs())
        assert [plan.plan(number).params.seed for number in range(3)] == seeds
        assert [plan.plan(number).passes[0].params.seed for number in range(3)] == seeds


def test_an_empty_name_is_no_picture():
    assert unit(image="", more_images=("",)).for_picture(1).image == ""
