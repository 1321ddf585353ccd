"""A job whose pictures have prompts of their own."""

from __future__ import annotations

from modules.engine.messages import JobSpec
from modules.worker.picture_specs import picture_specs, template_pairs

PARAMS = {
    "prompt": "a", "negative_prompt": "", "seed": 5, "subseed": 9, "subseed_strength": 0.0, "n_iter": 2, "batch_size": 2,
    "init_images": ["one", "two"], "templates": {"prompt": "{a|b}"},
    "picture_prompts": [{"prompt": text} for text in "abba"],
}


def spec(**changes):
    return JobSpec("1", "local", "img2img", PARAMS | changes, {})


def test_each_picture_is_a_request_with_its_prompt_seeds_and_start():
    made = [each.params for each in picture_specs(spec())]
    assert [(each["prompt"], each["seed"], each["subseed"], each["init_images"]) for each in made] == [
        ("a", 5, 9, ["one"]), ("b", 6, 10, ["two"]), ("b", 7, 11, ["one"]), ("a", 8, 12, ["two"]),
    ]
    assert {(each["n_iter"], each["batch_size"]) for each in made} == {(1, 1)}


def test_variations_keep_the_seed():
    assert {each.params["seed"] for each in picture_specs(spec(subseed_strength=0.5))} == {5}


def test_a_job_with_one_prompt_is_left_whole():
    assert picture_specs(spec(picture_prompts=None)) == []


def test_the_template_is_told_under_the_extensions_keys():
    assert template_pairs({"templates": {"prompt": "{a}", "negative_prompt": "{b}", "hr_prompt": "{c}"}}) == {
        "Template": "{a}", "Negative Template": "{b}",
    }
    assert template_pairs({}) == {}
