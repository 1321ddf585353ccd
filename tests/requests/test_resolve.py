"""A request leaves nothing to chance, and nothing unnamed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from modules.base.errors import Invalid, UnknownName
from modules.library.catalog import ModelFile
from modules.params.img2img import Img2Img
from modules.params.txt2img import Txt2Img
from modules.pipelines.plan import Files
from modules.requests.resolve import resolve_request
from modules.requests.sampler_names import sampler_and_schedule
from modules.sampling.samplers import SAMPLERS
from modules.sampling.schedules import SCHEDULES
from modules.settings.options import Settings, change_settings, for_request
from tests.planning import image_plan


@pytest.mark.parametrize("sampler", SAMPLERS.names)
@pytest.mark.parametrize("schedule", SCHEDULES.names)
def test_old_combined_names_are_taken_apart(sampler, schedule):
    assert sampler_and_schedule(f"{sampler} {schedule}", "Automatic") == (sampler, schedule)


@pytest.mark.parametrize("sampler", SAMPLERS.names)
def test_official_names_are_themselves(sampler):
    assert sampler_and_schedule(sampler, "Automatic") == (sampler, "Automatic")
    assert sampler_and_schedule(sampler, "") == (sampler, "Automatic")


@pytest.mark.parametrize(
    ("sampler", "scheduler", "official"),
    [
        ("k_euler_a", "karras", ("Euler a", "Karras")),
        ("ddim", "Automatic", ("DDIM", "Automatic")),
        ("dpm++ 2m karras", "Automatic", ("DPM++ 2M", "Karras")),
        ("k_dpmpp_2m sgm_uniform", "", ("DPM++ 2M", "SGM Uniform")),
        # a schedule of its own goes before an old name's
        ("DPM++ 2M Karras", "Exponential", ("DPM++ 2M", "Exponential")),
        ("DPM++ 2M SDE Heun Exponential", "Automatic", ("DPM++ 2M SDE Heun", "Exponential")),
    ],
)
def test_aliases_and_old_names_are_understood(sampler, scheduler, official):
    assert sampler_and_schedule(sampler, scheduler) == official


@pytest.mark.parametrize(
    ("sampler", "scheduler", "kind", "suggestion"),
    [
        ("Eulr", "Automatic", "sampler", "'Euler'"),
        ("Euler", "Karas", "schedule", "'Karras'"),
        ("Euler Karas", "Automatic", "sampler", "Euler"),
        ("", "Automatic", "sampler", "Euler"),
    ],
)
def test_an_unknown_name_is_refused_with_a_suggestion(sampler, scheduler, kind, suggestion):
    with pytest.raises(UnknownName, match=kind) as caught:
        sampler_and_schedule(sampler, scheduler)
    assert suggestion in caught.value.hint


def test_seeds_that_are_given_stay():
    request = resolve_request(Txt2Img(seed=0, subseed=2**64 - 1))
    assert (request.seed, request.subseed) == (0, 2**64 - 1)


def test_seeds_that_are_left_open_are_drawn_each_time():
    drawn = [resolve_request(Txt2Img()) for _ in range(20)]
    assert all(0 <= request.seed < 2**32 - 1 and 0 <= request.subseed < 2**32 - 1 for request in drawn)
    assert len({seed for request in drawn for seed in (request.seed, request.subseed)}) == 40


def test_everything_else_stays_and_preparing_twice_changes_nothing():
    request = Txt2Img(prompt="a cat", steps=7, sampler_name="k_heun", width=100, cfg_scale=1.5, n_iter=3)
    once = resolve_request(request)
    assert resolve_request(once) == once
    assert replace(once, seed=-1, subseed=-1) == replace(request, sampler_name="Heun")


def test_a_picture_smaller_than_a_latent_cell_is_refused():
    with pytest.raises(Invalid) as caught:
        resolve_request(Txt2Img(width=7))
    assert caught.value.field == "width"


def test_joined_prompts_are_bounded():
    """Each is a row of every UNet call."""
    assert resolve_request(Txt2Img(prompt=" AND ".join(["a"] * 32))).prompt.count("AND") == 31
    with pytest.raises(Invalid, match="AND") as caught:
        resolve_request(Txt2Img(prompt=" AND ".join(["a"] * 33)))
    assert caught.value.field == "prompt"


@pytest.mark.parametrize(
    ("standing", "request_", "txt2img", "second", "img2img"),
    [
        ({}, {}, 0, 0, 0),
        ({"token_merging_ratio": 0.2}, {}, 0.2, 0.2, 0.2),
        (
            {"token_merging_ratio": 0.2, "token_merging_ratio_hr": 0.3, "token_merging_ratio_img2img": 0.4},
            {},
            0.2,
            0.3,
            0.4,
        ),
        ({"token_merging_ratio_img2img": 0.4}, {"token_merging_ratio": 0.5}, 0.5, 0.5, 0.5),
        ({}, {"token_merging_ratio": 0.5, "token_merging_ratio_img2img": 0.6}, 0.5, 0.5, 0.6),
    ],
)
def test_the_nearest_token_merging_ratio_counts(standing, request_, txt2img, second, img2img):
    settings, files = for_request(change_settings(Settings(), standing), request_), Files(ModelFile(Path("a"), "a"))
    plan = image_plan(Txt2Img(enable_hr=True), settings, replace(files, hires=files))
    assert (plan.passes[0].weights.token_merging, plan.hires.weights.token_merging) == (txt2img, second)
    assert image_plan(Img2Img(), settings, files).passes[0].weights.token_merging == img2img
