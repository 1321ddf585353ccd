"""Runs: what they learn, and that they go on to the bit."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from modules.base.errors import Invalid, OutOfMemory
from modules.models.learning import trainable
from modules.sampling.questions import Encode, Reading, SizeConditioning
from modules.training.hypernetwork import HypernetworkShape, HypernetworkStudent
from modules.training.inversion import WordStudent
from modules.training.lora import Lora, LoraShape
from modules.training.lora_blocks import LoraBlocks
from modules.training.noise import DrawPlace
from modules.training.questions import Learn
from modules.training.run import run_course
from modules.training.state import newest_state
from modules.training.whole_model import WholeModel
from tests.training.runs import SEED, Follower, carried_out, course_of, data_of, digest, lessons_of, lora, run_to

pytestmark = pytest.mark.slow


def inversion(model):
    return WordStudent(model, "zorb", 2, [320, 2368])


def hypernetwork(model):
    return HypernetworkStudent(model, HypernetworkShape(dropout=(0, 0.1, 0)), SEED)


def whole(model):
    return WholeModel(model, ("unet", "text_encoder"))


def lora_of_parts(model):
    """With all that is drawn at a step: ranks and layers left out, blocks of their own rates."""
    blocks = LoraBlocks(down="linear+0.1", up="0,0,0")
    return Lora(model, LoraShape(4, rank_dropout=0.2, module_dropout=0.2, blocks=blocks, up_rates={"unet": 4}), SEED)


STUDENTS = {"whole": (whole, 1e-3), "lora": (lora, 2e-3), "inversion": (inversion, 5e-3), "hypernetwork": (hypernetwork, 1e-3),
            "parts": (lora_of_parts, 2e-3)}


@pytest.mark.parametrize("name", STUDENTS)
def test_a_run_goes_on_to_the_bit(device, weights, zorbs, tmp_path, name):
    make, rate = STUDENTS[name]
    course, data = course_of(weights, make, 8, rate, averaging=0.9 if name == "parts" else 0.0), data_of(zorbs)
    whole = run_to(device, course, lessons_of(device, weights, data), 8)
    half = run_to(device, course, lessons_of(device, weights, data), 5)
    half.write(tmp_path)
    resumed = run_to(device, course, lessons_of(device, weights, data), 8, newest_state(tmp_path))
    assert digest(half.tensors) != digest(whole.tensors)
    assert digest(resumed.tensors) == digest(whole.tensors) and resumed.optimizer == whole.optimizer


def test_the_average_follows_what_is_learnt(device, weights, zorbs):
    """ema ← keeps · ema + (1 − keeps) · weights, where the first steps keep (1 + step)/(10 + step)."""
    states = [run_to(device, course_of(weights, lora, 3, averaging=0.15), lessons_of(device, weights, data_of(zorbs)), until)
              for until in (1, 2)]
    name = next(name for name in states[0].tensors if name.startswith("lora_unet") and name.endswith("lora_down.weight"))
    first, second = ((state.tensors[f"ema/{name}"], state.tensors[name]) for state in states)
    assert (second[0] - (0.15 * first[0] + 0.85 * second[1])).abs().max() < 1e-6


def test_a_lora_goes_on_from_a_file_of_its_rank(device, weights, zorbs, tmp_path):
    trained = run_to(device, course_of(weights, lora, 2), lessons_of(device, weights, data_of(zorbs)), 2)
    again = lora(trainable(device.loaded(weights).model))
    again.begin_with(trained.tensors)
    assert digest(again.tensors) == digest({name: trained.tensors[name] for name in again.tensors})
    with pytest.raises(Invalid, match="rank"):
        Lora(trainable(device.loaded(weights).model), LoraShape(3), SEED).begin_with(trained.tensors)


def test_latents_are_drawn_once_each_time_or_are_the_mean(device, weights, zorbs):
    def latents(sampling):
        lessons = lessons_of(device, weights, data_of(zorbs), sampling=sampling)
        picture = lessons.data.pictures[0]
        return [carried_out(device, lessons.example(picture, DrawPlace(SEED, step, 0), 1)).latent for step in (0, 1)]

    mean, once, each = (latents(sampling) for sampling in ("deterministic", "once", "random"))
    assert torch.equal(*mean) and torch.equal(*once) and not torch.equal(*each)
    assert 0 < (once[0] - mean[0]).abs().max() < 2


def test_a_lora_learns(device, weights, zorbs):
    follower = Follower(validates_every=24)
    course, data = course_of(weights, lora, 25, 1e-2), data_of(zorbs, 4, 0.0)
    carried_out(device, run_course(course, lessons_of(device, weights, data), follower))
    assert follower.losses[24] < 0.7 * follower.losses[0]


@pytest.mark.parametrize(("make", "rate", "share"), [(inversion, 2e-2, 0.97), (hypernetwork, 4e-3, 0.9), (whole, 1e-3, 0.7)])
def test_others_learn(device, weights, zorbs, make, rate, share):
    follower = Follower(validates_every=19)
    course, data = course_of(weights, make, 20, rate), data_of(zorbs, 4, 0.0)
    carried_out(device, run_course(course, lessons_of(device, weights, data), follower))
    assert follower.losses[19] < share * follower.losses[0]


def test_halves_of_a_batch_are_the_whole(device, weights, zorbs):
    """Where memory is short the same pictures and noises go through the network in two calls.

    With SGD, whose step is the gradient: Adam's has the size of the rate wherever the gradient is nothing but rounding.
    """
    data = data_of(zorbs, 4)
    whole, halves = (
        run_to(device, replace(course_of(weights, lora, 2, 1.0, micro_batch=each), optimizer="SGDNesterov"), lessons_of(device, weights, data), 2)
        for each in (0, 2)
    )
    moved = max(float(tensor.abs().max()) for name, tensor in whole.tensors.items() if "lora_up" in name)
    assert moved > 0
    for name, tensor in whole.tensors.items():
        assert (tensor - halves.tensors[name]).abs().max() < 1e-3 * moved, name


def test_memory_that_runs_out_halves_the_call(device, weights, zorbs):
    follower = Follower()
    task = run_course(course_of(weights, lora, 1), lessons_of(device, weights, data_of(zorbs, 4)), follower)
    sizes, answer = [], None
    with pytest.raises(StopIteration):
        while True:
            question = task.send(answer)
            if isinstance(question, Learn):
                sizes.append(len(question.examples))
                if sizes[-1] > 2:
                    question = task.throw(OutOfMemory("There is none.", ""))
                    sizes.append(len(question.examples))
            answer = device.answer([question])[0]
    assert sizes == [4, 2, 2] and "going on with 2" in follower.notes[0]


@pytest.mark.parametrize("make", [lora, whole])
def test_reading_and_drawing_are_the_same_to_the_bit_around_a_run(device, weights, zorbs, make):
    ask = Encode(weights, ("a zorb at noon",), Reading(), SizeConditioning(64, 64))

    def read() -> bytes:
        device.loaded(weights).text._known.clear()
        return device.answer([ask])[0].conds[0].text.numpy().tobytes()

    before = read()
    run_to(device, course_of(weights, make, 2), lessons_of(device, weights, data_of(zorbs)), 2)
    assert read() == before
