"""Each axis of A1111's X/Y/Z plot: a cell has the generation data of its request alone, under A1111's labels."""

from __future__ import annotations

from typing import Any

import pytest

from modules.worker.job_kinds import plan_job
from tests.golden_data import assemble_models, golden_library, inputs, spec
from tests.pipelines.test_golden_plots import plot_spec

pytestmark = pytest.mark.slow      # its models are assembled

BASE = {
    "prompt": "a big red circle on a blue background", "negative_prompt": "blurry", "steps": 6, "width": 64, "height": 64,
    "seed": 77, "cfg_scale": 7, "sampler_name": "Euler a",
}
FROM_PICTURE = {"init_images": ["@inputs/init_a.png"], "denoising_strength": 0.6}
HIRES = {"enable_hr": True, "hr_scale": 2, "hr_upscaler": "Latent", "denoising_strength": 0.7}


def with_settings(**settings: Any) -> dict[str, Any]:
    return {"override_settings": settings}


def field_values(name: str, *values: Any) -> list[dict[str, Any]]:
    return [{name: value} for value in values]


def setting_values(name: str, *values: Any) -> list[dict[str, Any]]:
    return [with_settings(**{name: value}) for value in values]


# Axis, its values, what all cells have, and what each alone is asked for.
AXES = [
    ("Var. seed", "5,9", {"subseed_strength": 0.5}, field_values("subseed", 5, 9)),
    ("Var. strength", "0,0.25", {"subseed": 4}, field_values("subseed_strength", 0.0, 0.25)),
    ("Steps", "1-3,8-2 (-3), ,5-9 [3]", {}, field_values("steps", 1, 2, 3, 8, 5, 5, 7, 9)),
    ("Hires steps", "3,4", HIRES, field_values("hr_second_pass_steps", 3, 4)),
    ("CFG Scale", "1-2 (+0.5), 4 - 6 [2]", {}, field_values("cfg_scale", 1.0, 1.5, 2.0, 4.0, 6.0)),
    ("Image CFG Scale", "1.5,2", FROM_PICTURE, field_values("image_cfg_scale", 1.5, 2.0)),
    ("Prompt order", "red,blue", {}, [{}, {"prompt": "a big blue circle on a red background"}]),
    ("Prompt S/R", 'red,"blue, green",""', {}, [
        {}, {"prompt": "a big blue, green circle on a blue background"}, {"prompt": "a big  circle on a blue background"},
    ]),
    ("Sampler", "euler, DPM++ 2M karras", {}, [{"sampler_name": "Euler"}, {"sampler_name": "DPM++ 2M", "scheduler": "Karras"}]),
    ("Hires sampler", "Euler,DDIM", HIRES, field_values("hr_sampler_name", "Euler", "DDIM")),
    ("Checkpoint name", "tiny-sd1, tiny-sd1-b", {}, [{}, *setting_values("sd_model_checkpoint", "tiny-sd1-b")]),
    ("Negative Guidance minimum sigma", "0,3", {}, field_values("s_min_uncond", 0.0, 3.0)),
    ("Beta schedule alpha", "0.6,0.9", {"scheduler": "Beta"}, setting_values("beta_dist_alpha", 0.6, 0.9)),
    ("Beta schedule beta", "0.6,0.9", {"scheduler": "Beta"}, setting_values("beta_dist_beta", 0.6, 0.9)),
    ("Eta", "0,0.5", {}, setting_values("eta_ancestral", 0.0, 0.5)),
    ("Eta", "0,0.5", {"sampler_name": "DDIM"}, setting_values("eta_ddim", 0.0, 0.5)),
    ("Clip skip", "1,2", {}, setting_values("CLIP_stop_at_last_layers", 1, 2)),
    ("Denoising", "0.3,0.9", FROM_PICTURE, field_values("denoising_strength", 0.3, 0.9)),
    ("Denoising", "0.3,0.9", HIRES, field_values("denoising_strength", 0.3, 0.9)),
    ("Initial noise multiplier", "0.8,1", FROM_PICTURE, field_values("initial_noise_multiplier", 0.8, 1.0)),
    ("Extra noise", "0,0.1", FROM_PICTURE, setting_values("img2img_extra_noise", 0.0, 0.1)),
    ("Hires upscaler", "Latent,Lanczos", HIRES, field_values("hr_upscaler", "Latent", "Lanczos")),
    ("Cond. Image Mask Weight", "0.5,1", FROM_PICTURE, [{}, {}]),
    ("VAE", "auto, NONE, tiny-alt.vae.safetensors", {}, [{}, *setting_values("sd_vae", "None", "tiny-alt.vae.safetensors")]),
    ("Face restore", "false,no", {}, [{}, {}]),
    ("Token merging ratio", "0,0.5", {}, setting_values("token_merging_ratio", 0.0, 0.5)),
    ("Token merging ratio high-res", "0,0.5", HIRES, setting_values("token_merging_ratio_hr", 0.0, 0.5)),
    ("Always discard next-to-last sigma", "False,True", {}, setting_values("always_discard_next_to_last_sigma", False, True)),
    ("SGM noise multiplier", "True,False", {}, setting_values("sgm_noise_multiplier", True, False)),
    ("RNG source", "GPU,CPU,NV", {}, setting_values("randn_source", "GPU", "CPU", "NV")),
    ("Size", "64x128, 96 x 64,bad", {}, [{"height": 128}, {"width": 96}, {}]),
]
UNLABELLED = ("Prompt order", "Prompt S/R", "Sampler", "Checkpoint name", "Face restore")      # only the value


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    return golden_library(assemble_models(tmp_path_factory.mktemp("models")))


def recorded_call(payload: dict[str, Any]) -> dict[str, Any]:
    tab = "img2img" if "init_images" in payload else "txt2img"
    return {"id": "a plot", "endpoint": f"/sdapi/v1/{tab}", "payload": {**BASE, **payload}}


@pytest.mark.parametrize(("axis", "values", "common", "alone"), AXES, ids=[f"{row[0]} {row[1]}" for row in AXES])
def test_a_cell_has_the_data_of_its_request_alone(models, axis, values, common, alone):
    arguments = [axis, values, [], "Nothing", "", [], "Nothing", "", [], *[False] * 7, 0, True]
    plot = {"script_name": "x/y/z plot", "script_args": arguments}
    plan = plan_job(plot_spec(recorded_call({**common, **plot})), models, inputs())
    singles = [plan_job(spec(recorded_call({**common, **own})), models, inputs()) for own in alone]
    assert [plan.infotext(number, {}) for number in plan.numbers] == [single.infotext(0, {}) for single in singles]


@pytest.mark.parametrize(("axis", "values", "common", "alone"), AXES, ids=[f"{row[0]} {row[1]}" for row in AXES])
def test_a_column_is_headed_by_axis_and_value_or_by_the_value_alone(models, axis, values, common, alone):
    arguments = [axis, values, [], "Nothing", "", [], "Nothing", "", [], True, *[False] * 6, 0, True]
    plot = {"script_name": "x/y/z plot", "script_args": arguments}
    plan = plan_job(plot_spec(recorded_call({**common, **plot})), models, inputs())
    headings = [text.text for heading in plan.grids.grids[-1].legend.columns for text in heading]
    assert len(headings) == len(alone)
    assert all(each.startswith(f"{axis}: ") for each in headings) == (axis not in UNLABELLED)
