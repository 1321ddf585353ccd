"""A ControlNet in training: it begins without effect, learns to follow maps, and goes on to the bit."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from PIL import Image

from modules.sampling.weights import NetworkUse
from modules.training.control_student import ControlStudent
from modules.training.noise import DrawPlace
from modules.training.picture_maps import PictureMaps
from modules.training.questions import Learn, LearningRules, Prepare
from modules.training.run import run_course
from modules.training.state import newest_state
from modules.training.whole_model import WholeModel
from tests.training.runs import SEED, Follower, carried_out, course_of, data_of, digest, lessons_of, lora, run_to


def controlnet(model):
    return ControlStudent(model, "", SEED)


def whole(model):
    return WholeModel(model, ("unet", "text_encoder"))


def lessons(device, weights, pictures):
    return lessons_of(device, weights, data_of(pictures, 4, 0.0), maps=PictureMaps(weights, ("canny",)))


def maps_of(weights, data, *names):
    """Each picture's map at the first step."""
    maps = PictureMaps(weights, names)
    found = []
    for slot, picture in enumerate(data.pictures):
        task = maps.of(picture, DrawPlace(SEED, 0, slot))
        with pytest.raises(StopIteration) as done:
            next(task)
        found.append(done.value.value)
    return found


@pytest.mark.slow
def test_a_controlnet_goes_on_to_the_bit(device, weights, zorbs, tmp_path):
    plan = course_of(weights, controlnet, 4)
    whole = run_to(device, plan, lessons(device, weights, zorbs), 4)
    half = run_to(device, plan, lessons(device, weights, zorbs), 3)
    half.write(tmp_path)
    resumed = run_to(device, plan, lessons(device, weights, zorbs), 4, newest_state(tmp_path))
    assert digest(half.tensors) != digest(whole.tensors)
    assert digest(resumed.tensors) == digest(whole.tensors)


@pytest.mark.slow
def test_a_controlnet_begins_without_effect_and_then_loses_less(device, weights, zorbs):
    source = lessons(device, weights, zorbs)
    examples = tuple(carried_out(device, source.held_out()))
    student, other = (device.answer([Prepare(weights, make)])[0] for make in (controlnet, lora))
    asks = [Learn(weights, each, examples, LearningRules(), measures=True, timestep=500) for each in (student, other)]
    assert device.answer([asks[0]])[0] == device.answer([asks[1]])[0]
    follower = Follower(validates_every=40)
    carried_out(device, run_course(course_of(weights, controlnet, 41, 2e-3), source, follower))
    assert follower.losses[40] < 0.9 * follower.losses[0]


@pytest.mark.slow
def test_what_a_step_is_told_follows_from_its_map(device, weights, zorbs):
    source = lessons(device, weights, zorbs)
    run = carried_out(device, run_course(course_of(weights, controlnet, 4, 1e-2), source, Follower()))
    examples = tuple(carried_out(device, source.held_out()))
    blank = tuple(replace(example, map=torch.zeros_like(example.map)) for example in examples)
    losses = [device.answer([Learn(weights, run.student, each, LearningRules(), measures=True, timestep=500)])[0]
              for each in (examples, blank)]
    assert all(shown != other for shown, other in zip(*losses, strict=True))


@pytest.mark.slow
def test_a_copy_of_a_model_is_without_what_was_drawn_with_last(device, weights):
    """A LoRA of somebody's last picture may still be in the weights."""
    loras = device.library.loras
    used = replace(weights, networks=(NetworkUse(loras.hashed(loras.find("lora_linear")).sha256, 1, 1),))
    clean = device.answer([Prepare(weights, whole)])[0]
    device.ready(used)
    copied = device.answer([Prepare(weights, whole)])[0]
    assert digest(clean.tensors) == digest(copied.tensors)


def test_a_map_that_is_a_file_goes_before_what_is_made_of_the_picture(weights, zorbs, tmp_path):
    Image.new("RGB", (32, 32), (255, 0, 51)).save(tmp_path / "0.png")
    data = data_of(zorbs, maps=tmp_path)
    first, second, *_ = maps_of(weights, data, "invert")
    assert first[:, 5, 5].tolist() == pytest.approx([1, 0, 0.2])
    assert second[:, 0, 0].tolist() == pytest.approx([0, 90 / 255, 1])      # of orange
    assert [problem.code for problem in data.problems] == ["unmapped"] * (len(data.pictures) - 1)


def test_a_map_is_mirrored_with_its_picture(weights, zorbs, tmp_path):
    for path in zorbs.glob("*.png"):
        Image.open(path).save(tmp_path / path.name)
    told = [maps_of(weights, data_of(zorbs, maps=maps, flip=True), "none") for maps in (None, tmp_path)]
    assert all(torch.equal(made, file) for made, file in zip(*told, strict=True))


def test_of_several_preprocessors_one_is_drawn_for_each_picture(weights, zorbs):
    data = data_of(zorbs)
    both, inverted, plain = (maps_of(weights, data, *names) for names in (("invert", "none"), ("invert",), ("none",)))
    sides = [torch.equal(found, one) for found, one in zip(both, inverted, strict=True)]
    assert {True, False} == {*sides}
    assert all(torch.equal(found, other) for found, other, is_one in zip(both, plain, sides, strict=True) if not is_one)
