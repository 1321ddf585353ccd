"""Networks that count for some steps only: `[<lora:name:1>::0.5]`, `<lora:name:1:stop=5>`, and beside a refiner."""

from __future__ import annotations

from itertools import groupby

import numpy as np
import pytest

from modules.engine.messages import JobSpec
from modules.sampling.questions import Encode, Predict
from modules.worker.job_kinds import plan_job
from tests.golden_data import CHECKPOINT, inputs
from tests.playing import made

pytestmark = pytest.mark.slow      # nearly each draws with a model

STEPS = 6
PLAIN = {"steps": STEPS, "width": 64, "height": 64, "seed": 7, "cfg_scale": 7.0, "sampler_name": "Euler"}


def job(prompt, settings=None, scheduled=True, **params):
    settings = {"sd_model_checkpoint": CHECKPOINT, "scheduled_networks": scheduled} | (settings or {})
    return JobSpec("scheduled", "me", "txt2img", PLAIN | {"prompt": prompt} | params, settings)


def picture(device, prompt, scheduled=True, **params):
    [drawn], _ = made(device, job(prompt, scheduled=scheduled, **params))
    return drawn.pixels


def asked(device, prompt, settings=None, **params):
    """Every question of the making of a picture."""
    recipe = plan_job(job(prompt, settings, **params), device.library, inputs())
    task, questions = recipe.task(0), []
    try:
        question = next(task)
        while True:
            questions.append(question)
            [answer] = device.answer([question])
            question = task.send(answer)
    except StopIteration:
        return questions


def strengths(questions, kind):
    return [tuple(use.unet for use in each.weights.networks) for each in questions if isinstance(each, kind)]


@pytest.mark.parametrize(("scheduled", "always"), [
    ("a circle [<lora:lora_linear:1>::1.0]", "a circle <lora:lora_linear:1>"),
    ("a circle [<lora:lora_linear:1>:0]", "a circle <lora:lora_linear:1>"),
    ("a circle [<lora:lora_linear:1>::0]", "a circle "),
    ("a circle [<lora:lora_linear:1>:1.0]", "a circle "),
    ("a circle [<hypernet:hn_121_relu:1>::0]", "a circle "),
    ("a [<lora:locon:1>red:<lora:lora_linear:1>green:0] circle", "a [red:green:0] circle<lora:lora_linear:1>"),
])
def test_a_network_for_all_steps_or_none(device, scheduled, always):
    assert np.array_equal(picture(device, scheduled), picture(device, always))


def test_a_tag_counts_for_its_steps_alone(device):
    """As edited text does: evaluations count from 0, and the last of a schedule is part of it."""
    questions = asked(device, "a circle <lora:locon:0.5> [<lora:lora_linear:1>::2] [<hypernet:hn_121_relu:0.7>:4]")
    assert strengths(questions, Predict) == [(0.5, 1)] * 3 + [(0.5,)] * 3
    assert [len(each.weights.hypernetworks) for each in questions if isinstance(each, Predict)] == [0] * 5 + [1]


@pytest.mark.parametrize(
    ("said", "worn"),
    [
        ("start=3", "  xxxx"),
        ("stop=2", "xx    "),
        ("step=2-4", " xxx  "),
        ("stop=60", "xxxxxx"),
        ("start=60", "      "),
    ],
)
def test_a_tag_may_name_its_steps(device, said, worn):
    """Whatever the setting says."""
    questions = asked(device, f"a circle <lora:locon:1:lbw=ALL:{said}>", scheduled=False)
    assert ["x" if each else " " for each in strengths(questions, Predict)] == list(worn)


def test_steps_are_the_samplers_own(device):
    """Heun asks twice a step, but for the last."""
    questions = asked(device, "a circle <lora:locon:1:stop=2>", sampler_name="Heun")
    assert [len(each) for each in strengths(questions, Predict)] == [1] * 4 + [0] * 7


def test_both_prompts_are_read_with_the_networks_of_each_time(device):
    questions = asked(device, "a [red:green:3] circle [<lora:lora_linear:1>::2]", negative_prompt="blurred")
    read = [(each.texts, bool(each.weights.networks)) for each in questions if isinstance(each, Encode)]
    assert read == [
        (("a red circle ",), True),
        (("a red circle ", "a green circle "), False),
        (("blurred",), True),
        (("blurred",), False),
    ]


def test_left_off_a_tag_counts_throughout_as_in_a1111(device):
    edited, plain = (
        picture(device, prompt, scheduled=False)
        for prompt in ("a [<lora:locon:1>red:green:0.5]", "a [red:green:0.5]<lora:locon:1>")
    )
    assert np.array_equal(edited, plain)
    assert not np.array_equal(plain, picture(device, "a [<lora:locon:1>red:green:0.5]"))


def test_hires_fix_counts_on(device):
    hires = {"enable_hr": True, "hr_scale": 1.0, "denoising_strength": 0.99, "hr_upscaler": "Latent"}
    questions = asked(device, f"a circle [<lora:lora_linear:1>::{STEPS + 2}]", **hires)
    worn = [len(each) for each in strengths(questions, Predict)]
    assert worn == [1] * (STEPS + 3) + [0] * (len(worn) - STEPS - 3) and not worn[-1]


def test_the_data_say_so_where_it_matters(device):
    for prompt, said in (("a [<lora:locon:1>::3]", True), ("a [red:green:3] <lora:locon:1>", False)):
        [drawn], recipe = made(device, job(prompt))
        assert ("Scheduled networks: True" in recipe.infotext(0, drawn.extra_params)) is said


REFINED = {"refiner_checkpoint": "tiny-sd1-b", "refiner_switch_at": 0.5}
NETWORKS = "<lora:locon:1><lora:lora_te_only:1><hypernet:hn_121_relu:1>"


def test_a_refiner_works_without_networks_as_in_a1111(device):
    questions = asked(device, f"a circle {NETWORKS}", **REFINED)
    for kind in (Predict, Encode):
        worn = [
            (each.weights.checkpoint, each.weights.networks + each.weights.hypernetworks)
            for each in questions
            if isinstance(each, kind)
        ]
        first, refiner = dict.fromkeys(checkpoint for checkpoint, _ in worn)
        assert all(bool(networks) is (checkpoint == first) for checkpoint, networks in worn)
        assert worn[-1] == (refiner, ())


def test_whoever_named_networks_is_told_that_the_refiner_works_without(device):
    for prompt, expected in ((f"a circle {NETWORKS}", True), ("a circle", False)):
        [drawn], recipe = made(device, job(prompt, **REFINED))
        assert any("without the prompt's networks" in note for note in drawn.extra_params.notes) is expected
        assert "Refiner networks" not in recipe.infotext(0, drawn.extra_params)


def test_a_setting_lets_them_work_on_the_refiner_and_generation_data_say_so(device):
    [drawn], recipe = made(device, job(f"a circle {NETWORKS}", {"refiner_networks": True}, **REFINED))
    assert not drawn.extra_params.notes and "Refiner networks: True" in recipe.infotext(0, drawn.extra_params)
    [bare], _ = made(device, job(f"a circle {NETWORKS}", **REFINED))
    assert not np.array_equal(drawn.pixels, bare.pixels)


def test_a_refiner_of_another_family_works_without_networks_whatever_the_settings_say(device):
    """As SDXL's, whose attention has other widths than the checkpoint that a LoRA was trained for."""
    refined = {"refiner_checkpoint": "tiny-xl", "refiner_switch_at": 0.0}
    [drawn], recipe = made(device, job("a circle <lora:locon:1>", {"refiner_networks": True}, **refined))
    assert np.array_equal(drawn.pixels, picture(device, "a circle ", **refined))
    assert any("without the prompt's networks" in note and "locon" in note for note in drawn.extra_params.notes)
    assert "Refiner networks" not in recipe.infotext(0, drawn.extra_params)


def test_a_refiner_that_is_the_checkpoint_itself_is_none(device):
    [drawn], recipe = made(device, job(f"a circle {NETWORKS}", **REFINED | {"refiner_checkpoint": "tiny-sd1"}))
    assert "Refiner" not in recipe.infotext(0, drawn.extra_params) and not drawn.extra_params.notes


def test_hires_fix_has_its_networks_again_after_a_refiner(device):
    hires = {"enable_hr": True, "hr_scale": 1.0, "denoising_strength": 0.5, "hr_upscaler": "Latent"}
    questions = asked(device, f"a circle {NETWORKS}", {"hires_fix_refiner_pass": "first pass"}, **REFINED, **hires)
    worn = [bool(each.weights.networks) for each in questions if isinstance(each, Predict)]
    assert [there for there, _ in groupby(worn)] == [True, False, True]
