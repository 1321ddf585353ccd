"""Hires fix: sizes, both passes as one task, and what is told of them."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from modules.api.generate import txt2img_request
from modules.api.requests import Txt2ImgRequest
from modules.base.errors import Invalid, UnknownName
from modules.engine.messages import JobSpec
from modules.library.catalog import ModelFile
from modules.params import infotext
from modules.params.hires import LATENT_MODES, Target, check_hires, hires_target, second_pass, sized_by_result
from modules.params.txt2img import Txt2Img
from modules.pipelines.hires import array_to_tensor, crop_latent, stretched
from modules.pipelines.plan import Files
from modules.prompts import grammar
from modules.prompts.grammar import emphasised
from modules.prompts.styles import Style
from modules.requests.paste import fields_from_pairs
from modules.requests.resolve import resolve_request
from modules.requests.styles import with_styles
from modules.sampling.questions import Decode, Encode, Interrupted, Predict, Upscale
from modules.settings.options import Settings
from modules.worker.infotext import image_infotext
from modules.worker.job_kinds import plan_job
from modules.worker.manifest import manifest_models
from tests.golden_data import inputs
from tests.planning import image_plan
from tests.playing import made

pytestmark = pytest.mark.slow      # nearly each draws with a model

SHIPPED_MODEL = "R-ESRGAN AnimeVideo"


def request(**fields):
    usual = {
        "prompt": "a red circle", "steps": 3, "width": 32, "height": 32, "seed": 5, "sampler_name": "Euler a",
        "enable_hr": True, "denoising_strength": 0.6,
    }
    return Txt2Img(**usual | fields)


def job(params, **settings):
    snapshot = Settings(**{"sd_model_checkpoint": "tiny-sd1"} | settings)
    return JobSpec("it", "me", "txt2img", asdict(resolve_request(params)), asdict(snapshot))


def recipe(device, params, **settings):
    return plan_job(job(params, **settings), device.library, inputs())


def drawn(device, params, **settings):
    [found], _ = made(device, job(params, **settings))
    return found


def conversation(device, found, stop=lambda ask: False):
    """Every question of its first picture, and the picture; interrupted at the first question that is to `stop` it."""
    task, asked = found.plans[0].task(), []
    ask = next(task)
    while True:
        asked.append(ask)
        try:
            if stop(ask):
                stop = lambda ask: False      # once
                ask = task.throw(Interrupted())
            else:
                ask = task.send(device.answer([ask])[0])
        except StopIteration as done:
            return asked, done.value


# Sizes -----------------------------------------------------------------------------------------------

sides = st.integers(8, 256).map(lambda cells: cells * 8)


@pytest.mark.parametrize(("fields", "found"), [
    ({"hr_scale": 1.5}, Target(768, 1152)),
    ({"hr_resize_x": 1024}, Target(1024, 1536)),
    ({"hr_resize_y": 1024}, Target(682, 1024)),
    ({"hr_resize_x": 1024, "hr_resize_y": 1024}, Target(1024, 1536, 0, 64)),
    ({"hr_resize_x": 640, "hr_resize_y": 1536}, Target(1024, 1536, 48, 0)),
])
def test_the_size_is_by_scale_or_by_sides(fields, found):
    assert hires_target(request(width=512, height=768, **fields)) == found


@given(sides, sides, sides, sides)
def test_of_two_sides_both_are_kept_and_only_one_is_cut(width, height, x, y):
    found = hires_target(request(width=width, height=height, hr_resize_x=x, hr_resize_y=y))
    assert found.kept == (x, y)
    assert min(found.cut_x, found.cut_y) == 0 <= max(found.cut_x, found.cut_y)
    assert abs(found.width * height - found.height * width) < max(width, height)      # its shape, but for a pixel


@given(sides, sides, st.integers(0, 9), st.integers(0, 9))
def test_what_is_cut_leaves_the_middle(width, height, cut_x, cut_y):
    size = Target(width, height, min(cut_x, width // 8 - 1), min(cut_y, height // 8 - 1))
    rows, columns = torch.meshgrid(torch.arange(height // 8), torch.arange(width // 8), indexing="ij")
    left = crop_latent(torch.stack([rows, columns]), size)
    assert (left.shape[2] * 8, left.shape[1] * 8) == size.kept
    for axis, cells in ((0, height // 8), (1, width // 8)):
        before, after = int(left[axis].min()), cells - 1 - int(left[axis].max())
        assert after - before in (0, 1)


@pytest.mark.parametrize("name", LATENT_MODES)
def test_an_even_latent_stays_even(name):
    assert torch.allclose(stretched(torch.full((4, 8, 8), 0.7), name, Target(128, 96)), torch.full((4, 12, 16), 0.7))


def test_a_size_that_cannot_be_drawn_is_refused_by_its_field():
    with pytest.raises(Invalid, match="2048×65536") as caught:
        check_hires(request(width=64, height=2048, hr_resize_x=2048))
    assert caught.value.field == "hr_resize_x"


def test_the_results_size_may_be_given_instead_of_the_first_passs(device):
    found = recipe(device, request(width=1024, height=768), use_old_hires_fix_width_height=True).plans[0]
    assert (found.params.width, found.params.height) == (640, 448)
    assert (found.hires.params.width, found.hires.params.height) == (1024, 768)
    assert sized_by_result(request(width=512, height=512)).width == 512


def test_the_first_passs_size_by_its_old_names():
    body = Txt2ImgRequest(width=1024, height=1024, firstphase_width=512, firstphase_height=384)
    assert (txt2img_request(body).width, txt2img_request(body).height) == (512, 384)
    assert txt2img_request(replace(body, firstphase_width=0, firstphase_height=0)).width == 1024


# Names and words -------------------------------------------------------------------------------------


def test_what_is_the_same_is_empty():
    same = {
        "hr_sampler_name": "Use same sampler",
        "hr_scheduler": "Use same scheduler",
        "hr_checkpoint_name": "Use same checkpoint",
    }
    found = resolve_request(request(**same))
    assert (found.hr_sampler_name, found.hr_scheduler, found.hr_checkpoint_name) == ("", "", "")
    assert second_pass(found).sampler_name == "Euler a"


def test_old_names_of_samplers_are_taken_apart():
    found = resolve_request(request(hr_sampler_name="k_dpmpp_2m karras"))
    assert (found.hr_sampler_name, found.hr_scheduler) == ("DPM++ 2M", "Karras")
    assert resolve_request(request(hr_sampler_name="k_heun")).hr_scheduler == ""


@pytest.mark.parametrize("field", ["hr_sampler_name", "hr_scheduler"])
def test_an_unknown_name_matters_only_with_hires_fix(field):
    with pytest.raises(UnknownName):
        resolve_request(request(**{field: "string"}))
    resolve_request(request(enable_hr=False, **{field: "string"}))


def test_an_upscaler_that_is_not_there_is_refused_before_anything_is_drawn(device):
    with pytest.raises(UnknownName, match="upscaler"):
        recipe(device, request(hr_upscaler="Lanzcos"))


def test_styles_are_added_to_a_hires_prompt_if_there_is_one():
    styles = {"ink": Style("ink", "{prompt}, ink", "photo")}
    found = with_styles(request(styles=("ink",), hr_prompt="a cat"), styles)
    assert (found.prompt, found.hr_prompt, found.hr_negative_prompt) == ("a red circle, ink", "a cat, ink", "")


@given(
    st.sampled_from(["[a:b:0.5]", "[a:b:1.5]", "[a:b:7]", "[a|b]", "[a:b:1.0] [c::9]"]),
    st.integers(1, 9),
    st.integers(0, 9),
)
def test_prompts_count_on_from_the_first_pass(prompt, steps, hires_steps):
    found = plan_of(request(prompt=prompt, steps=steps, hr_second_pass_steps=hires_steps, hr_sampler_name="Heun"))
    assert grammar.texts_over_time(prompt, found.hires.clock) == grammar.schedule(
        prompt, steps, 2 * (hires_steps or steps)
    )
    assert grammar.texts_over_time(prompt, found.passes[0].clock) == grammar.schedule(prompt, steps)


def plan_of(params):
    model = Files(ModelFile(Path("model.safetensors"), "model.safetensors", "0123456789abcdef" * 4))
    return image_plan(resolve_request(params), Settings(), replace(model, hires=model))


# Pictures --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", LATENT_MODES)
def test_without_size_or_strength_it_is_the_first_passs_picture(device, name):
    first = drawn(device, request(enable_hr=False)).pixels
    assert np.array_equal(drawn(device, request(hr_upscaler=name, hr_scale=1, denoising_strength=0)).pixels, first)


def test_with_next_to_no_strength_next_to_nothing_changes(device):
    first = drawn(device, request(enable_hr=False)).pixels.astype(int)
    again = drawn(device, request(hr_scale=1, denoising_strength=0.001)).pixels.astype(int)
    assert 0 < np.abs(again - first).mean() < 4


def test_a_prompt_that_changes_with_the_passes_is_two_prompts(device):
    changing = drawn(device, request(prompt="[a red circle:a green square:1.0]"))
    two = drawn(device, request(prompt="a red circle", hr_prompt="a green square"))
    assert np.array_equal(changing.pixels, two.pixels)


def test_every_choice_of_the_second_pass_counts(device):
    usual = drawn(device, request()).pixels
    for choice in (
        {"hr_cfg": 2},
        {"hr_second_pass_steps": 4},
        {"hr_sampler_name": "Heun"},
        {"hr_scheduler": "Karras"},
        {"hr_prompt": "a dog"},
        {"hr_negative_prompt": "a dog"},
        {"hr_checkpoint_name": "tiny-sd1-b"},
        {"denoising_strength": 0.5},
        {"hr_upscaler": "Nearest"},
    ):
        assert not np.array_equal(drawn(device, request(**choice)).pixels, usual), choice


def test_one_step_is_enough_for_any_kind_of_sampler(device):
    for sampler in ("Euler", "DPM++ 2M SDE", "DDIM"):
        assert drawn(device, request(sampler_name=sampler, hr_second_pass_steps=1)).pixels.shape == (64, 64, 3)


def test_a_schedule_may_have_fewer_levels_than_steps_were_asked_for(device):
    """DDIM's has no more than the model was trained on, and so little strength asks for thousands."""
    assert drawn(device, request(hr_scale=1, denoising_strength=0.002, hr_scheduler="DDIM")).complete


def test_a_model_enlarges_the_picture_there_was(device):
    asked, picture = conversation(
        device, recipe(device, request(hr_upscaler=SHIPPED_MODEL.lower(), hr_resize_x=48, hr_resize_y=64))
    )
    [ask] = [ask for ask in asked if isinstance(ask, Upscale)]
    assert (ask.name, ask.pixels.shape) == (SHIPPED_MODEL, (3, 32, 32))
    assert picture.pixels.shape == (64, 48, 3)
    enlarged = device.answer([ask])[0]
    assert enlarged.shape == (3, 128, 128) and not torch.equal(
        enlarged, ask.pixels.repeat_interleave(4, 1).repeat_interleave(4, 2)
    )


def test_pixels_become_numbers_around_nothing():
    assert torch.equal(
        array_to_tensor(np.array([[[0, 255, 255]]], np.uint8)), torch.tensor([-1.0, 1.0, 1.0])[:, None, None]
    )


# The course of it ------------------------------------------------------------------------------------


def test_progress_counts_the_steps_of_both_passes(device):
    found = recipe(device, request(steps=3, hr_second_pass_steps=4))
    asked, _ = conversation(device, found)
    assert [ask.step for ask in asked if isinstance(ask, Predict)] == list(range(7))
    assert found.plans[0].steps == 7


def test_in_the_second_pass_there_is_always_something_to_show(device):
    asked, _ = conversation(device, recipe(device, request()))
    assert [ask.preview.shape[1] for ask in asked if isinstance(ask, Predict) and ask.preview is not None] == [
        4,
        4,
        8,
        8,
        8,
    ]


@pytest.mark.parametrize(("name", "stop", "side"), [
    ("Latent", lambda ask: isinstance(ask, Predict) and ask.step == 1, 32),
    # the enlarged picture, not drawn on yet
    ("Latent", lambda ask: isinstance(ask, Predict) and ask.step == 3, 64),
    ("Latent", lambda ask: isinstance(ask, Predict) and ask.step == 4, 64),
    ("Lanczos", lambda ask: isinstance(ask, Decode), 32),
    (SHIPPED_MODEL, lambda ask: isinstance(ask, Upscale), 32),
])
def test_interrupted_it_shows_what_there_is(device, name, stop, side):
    _, picture = conversation(device, recipe(device, request(hr_upscaler=name)), stop)
    assert not picture.complete and picture.pixels.shape == (side, side, 3)


@pytest.mark.parametrize(("which", "passes"), [("first pass", {0}), ("second pass", {1}), ("both passes", {0, 1})])
def test_the_refiner_finishes_the_passes_it_is_wanted_in(device, which, passes):
    found = recipe(
        device, request(refiner_checkpoint="tiny-sd1-b", refiner_switch_at=0.5), hires_fix_refiner_pass=which
    )
    asked, picture = conversation(device, found)
    refined = {
        ask.step // 3
        for ask in asked
        if isinstance(ask, Predict) and ask.weights.checkpoint != found.plans[0].passes[0].weights.checkpoint
    }
    assert refined == passes
    told = infotext.split_infotext(found.infotext(0, picture.extra_params)).pairs
    assert told["Refiner"].startswith("tiny-sd1-b") and told.get("Hires refiner", "second pass") == which


def test_each_pass_has_its_own_networks(device):
    params = request(prompt="a cat <lora:lora_linear:0.8>", hr_prompt="a cat <lora:locon:0.5>")
    found = recipe(device, params)
    asked, picture = conversation(device, found)
    strengths = [ask.weights.networks[0].unet for ask in asked if isinstance(ask, Predict)]
    assert strengths == [0.8] * 3 + [0.5] * 3
    told = infotext.split_infotext(found.infotext(0, picture.extra_params)).pairs
    assert [pair.split(":")[0] for pair in told["Lora hashes"].split(", ")] == ["lora_linear", "locon"]
    assert [model["name"] for model in manifest_models(found.plans[0]) if model["kind"] == "LoRA"] == [
        "lora_linear",
        "locon",
    ]


@pytest.mark.parametrize(("wanted", "strength"), [(False, 0.5), (True, 0.8)])
def test_the_second_prompt_may_be_read_with_the_first_passs_networks(device, wanted, strength):
    params = request(prompt="a cat <lora:lora_linear:0.8>", hr_prompt="a dog <lora:lora_linear:0.5>")
    asked, _ = conversation(device, recipe(device, params, hires_fix_use_firstpass_conds=wanted))
    assert {ask.weights.networks[0].text for ask in asked if isinstance(ask, Encode) and "a dog" in ask.texts[0]} == {
        strength
    }


def test_a_missing_network_is_told_once(device):
    assert len(recipe(device, request(prompt="a cat <lora:nothing:1>")).warnings()) == 1


# Generation data -------------------------------------------------------------------------------------

words = st.sampled_from(["", "a cat", "a cat, in [ink:oil:1.5]"])
wishes = st.builds(
    request,
    sampler_name=st.sampled_from(["Euler a", "DPM++ 2M"]),
    scheduler=st.sampled_from(["Karras", "Exponential"]),
    denoising_strength=st.integers(0, 100).map(lambda percent: percent / 100),
    hr_scale=st.integers(20, 80).map(lambda part: part / 20),
    hr_resize_x=st.sampled_from([0, 128]),
    hr_resize_y=st.sampled_from([0, 192]),
    hr_upscaler=st.sampled_from(["", "Latent (bicubic)", "Lanczos"]),
    hr_second_pass_steps=st.integers(0, 150),
    hr_sampler_name=st.sampled_from(["", "Heun", "DPM++ 2M"]),
    hr_scheduler=st.sampled_from(["", "Exponential", "Simple"]),
    hr_cfg=st.sampled_from([0.0, 5.5]),
    hr_prompt=words,
    hr_negative_prompt=words,
)


@settings(max_examples=20, deadline=None)
@given(wishes)
def test_what_the_second_pass_was_asked_is_read_back(params):
    assume(params.hr_sampler_name != "DPM++ 2M" or params.hr_scheduler)
    plan = plan_of(params)
    told = fields_from_pairs(infotext.parse_infotext(image_infotext(plan, {}), emphasised))
    again = Txt2Img(**told["fields"])
    assert asked_of(second_pass(again)) == asked_of(second_pass(plan.params)) and hires_target(again) == hires_target(
        params
    )
    assert (again.enable_hr, again.denoising_strength, again.hr_upscaler) == (
        True,
        params.denoising_strength,
        params.hr_upscaler,
    )


def asked_of(params):
    names = ("prompt", "negative_prompt", "steps", "sampler_name", "scheduler", "cfg_scale", "width", "height")
    return {name: getattr(params, name) for name in names}


def test_without_a_second_pass_none_is_told(device):
    found = recipe(device, request(enable_hr=False))
    text = found.infotext(0, {})
    assert "Hires" not in text and "Denoising" not in text
    assert fields_from_pairs(infotext.parse_infotext(text, emphasised))["fields"]["enable_hr"] is False


@pytest.mark.parametrize("upscaler", ["Latent", "Lanczos"])
def test_the_first_pass_is_there_to_be_saved_if_it_is_wanted_and_changes_nothing(device, upscaler):
    plain = drawn(device, request(hr_upscaler=upscaler))
    saved = drawn(device, request(hr_upscaler=upscaler), save_images_before_highres_fix=True)
    [before] = saved.extra_params.side_images
    alone = drawn(device, request(enable_hr=False))
    assert (
        before.suffix == "-before-highres-fix"
        and np.abs(np.asarray(before.image).astype(int) - alone.pixels).max() <= 1
    )
    assert not plain.extra_params.side_images and np.array_equal(plain.pixels, saved.pixels)
