"""`webui.py generate`: every field of a request is a flag."""

from __future__ import annotations

import pytest

from modules.base.errors import Invalid
from modules.base.fields import declared_params, form_defaults
from modules.commands.generate import flag_of, pairs_of, parse_submission
from modules.params.txt2img import Txt2Img

FORM = form_defaults(Txt2Img)
CHANGED = {
    "negative_prompt": "blurry",
    "steps": 7,
    "sampler_name": "Heun",
    "scheduler": "Karras",
    "cfg_scale": 2.5,
    "seed": 5,
    "width": 64,
    "height": 128,
    "subseed": 6,
    "subseed_strength": 0.25,
    "seed_resize_from_w": 256,
    "seed_resize_from_h": 512,
    "n_iter": 2,
    "batch_size": 3,
    "tiling": True,
    "refiner_checkpoint": "finer",
    "refiner_switch_at": 0.5,
    "region_mode": "Latent",
    "region_base": 0.4,
    "enable_hr": True,
    "denoising_strength": 0.4,
    "hr_scale": 1.5,
    "hr_upscaler": "Lanczos",
    "hr_second_pass_steps": 5,
    "hr_resize_x": 256,
    "hr_resize_y": 512,
    "hr_checkpoint_name": "finer",
    "hr_sampler_name": "Heun",
    "hr_scheduler": "Karras",
    "hr_cfg": 3.0,
    "hr_prompt": "a fox, sharp",
    "hr_negative_prompt": "soft",
}


def test_with_a_prompt_alone_the_forms_defaults_hold():
    assert parse_submission(["a red fox"], FORM).request == Txt2Img(**{**FORM, "prompt": "a red fox"})


@pytest.mark.parametrize(("name", "value"), CHANGED.items(), ids=str)
def test_every_field_is_a_flag(name, value):
    given = [flag_of(name)] if value is True else [flag_of(name), str(value)]
    assert parse_submission(["a fox", *given], FORM).request == Txt2Img(**{**FORM, "prompt": "a fox", name: value})


def test_no_field_is_forgotten():
    assert set(CHANGED) == set(declared_params(Txt2Img)) - {"prompt", "styles"}


def test_styles_a_script_and_settings_are_flags_too():
    script = [
        "--script",
        "prompts from file or textbox",
        "--script-argument",
        "text=one\ntwo",
        "--script-argument",
        "iterate=true",
    ]
    read_ = parse_submission(["a fox", "--styles", "Warm", "--styles", "Soft", *script], FORM)
    assert (read_.request.styles, read_.request.script_name) == (("Warm", "Soft"), "Prompts from file or textbox")
    assert read_.request.script_args[:4] == (True, False, "start", "one\ntwo")


@pytest.mark.parametrize("given", [["--setting", "sd_vae"], ["--script-argument", "=3"]], ids=str)
def test_what_is_no_pair_is_refused_under_its_flag(given):
    with pytest.raises(Invalid, match=f"{given[0]} cannot be"):
        parse_submission(["a fox", *given], FORM)
        pairs_of(given[0], given[1:])


def test_a_pairs_value_is_json_or_text():
    given = ["CLIP_stop_at_last_layers=2", "sd_vae=None", "tiling=true", 'samples_format="png"', "pattern=a=b"]
    assert pairs_of("--setting", given) == {
        "CLIP_stop_at_last_layers": 2, "sd_vae": "None", "tiling": True, "samples_format": "png", "pattern": "a=b",
    }


def test_minus_one_is_a_seed_not_a_flag():
    assert parse_submission(["--seed", "-1", "a fox"], FORM | {"seed": 5}).request.seed == -1


def test_a_models_suggestions_are_the_defaults():
    request = parse_submission(
        ["a fox", "--steps", "3"], FORM | {"steps": 30, "cfg_scale": 3, "sampler_name": "LCM"}
    ).request
    assert (request.steps, request.cfg_scale, request.sampler_name) == (3, 3.0, "LCM")


@pytest.mark.parametrize(
    ("flag", "value"),
    [
        ("--steps", "0"),
        ("--width", "9999"),
        ("--cfg-scale", "nan"),
        ("--batch-size", "100"),
        ("--seed", "-9223372036854775809"),
    ],
)
def test_a_value_outside_its_limits_is_named_as_its_flag(flag, value):
    with pytest.raises(Invalid, match=f"{flag} cannot be"):
        parse_submission(["a fox", flag, value], FORM)


def test_a_models_nonsense_is_named_too():
    with pytest.raises(Invalid, match="--width"):
        parse_submission(["a fox"], FORM | {"width": ["wide"]})


@pytest.mark.parametrize(
    "arguments",
    [[], ["a fox", "another"], ["a fox", "--steps", "many"], ["a fox", "--step", "3"], ["a fox", "--colour", "red"]],
    ids=str,
)
def test_what_cannot_be_read_ends_with_2(arguments, capsys):
    with pytest.raises(SystemExit) as caught:
        parse_submission(arguments, FORM)
    assert caught.value.code == 2 and "webui.py generate" in capsys.readouterr().err


def test_help_tells_of_every_flag_and_its_default(capsys):
    with pytest.raises(SystemExit) as caught:
        parse_submission(["--help"], FORM | {"negative_prompt": "100% blurry"})
    told = capsys.readouterr().out
    assert caught.value.code == 0 and "100% blurry" in told
    assert all(flag_of(name) in told for name in CHANGED)
