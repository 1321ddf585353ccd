"""Generation data tells all that made a picture: read back, it plans the same picture."""

from __future__ import annotations

from dataclasses import asdict, fields, replace
from pathlib import Path
from types import SimpleNamespace
from typing import get_type_hints

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from modules.base.fields import Choice, at_default, declared_params
from modules.library.catalog import ModelFile
from modules.params import infotext
from modules.params.infotext import ordered
from modules.params.txt2img import Txt2Img
from modules.pipelines.plan import Files, each_image, resolved_schedule
from modules.pipelines.result import ExtraParams
from modules.pipelines.sampling import add_noise, negative_left_out, noise_levels, tuning
from modules.prompts.grammar import emphasised
from modules.requests.paste import fields_from_pairs
from modules.sampling.questions import Meaning
from modules.sampling.samplers import SAMPLERS
from modules.sampling.schedules import SCHEDULES, ModelSigmas
from modules.settings.options import Settings
from modules.worker.infotext import image_infotext
from tests.planning import image_plan

LEVELS = ModelSigmas.of(np.linspace(0.9991, 0.0047, 1000))
def file(name):
    return ModelFile(Path(name), name, "0123456789abcdef" * 4)


FILES = Files(file("model.safetensors"), file("fine.vae.pt"), file("finer.safetensors"))
BOTH = replace(FILES, hires=FILES)
OWN = Files(file("model.safetensors"))
TOLD_BY_IMG2IMG = ("upscaler_for_img2img", "inpainting_mask_weight", "initial_noise_multiplier", "img2img_extra_noise")
WRITTEN = {name: param for name, param in declared_params(Settings).items() if param.infotext}


def between(name, cls=Settings):
    """Values that fit a field, a few places after the point as a person would choose them."""
    widget, kind = declared_params(cls)[name].widget, get_type_hints(cls)[name]
    if kind is bool:
        return st.booleans()
    if isinstance(widget, Choice):
        return st.sampled_from(widget.of)
    if kind is int:
        return st.integers(int(widget.low), int(widget.high))
    return st.integers(0, 1000).map(lambda part: round(widget.low + (widget.high - widget.low) * part / 1000, 4))


lines = st.text(
    st.characters(min_codepoint=32, exclude_categories=["Cs", "Cc", "Zl", "Zp"], exclude_characters="#"), max_size=30
).map(str.strip)
prompts = st.lists(lines.filter(lambda line: line and not line.startswith("Negative prompt:")), max_size=3).map(
    "\n".join
)
seeds = st.integers(-(2**63), 2**64 - 1).filter(lambda seed: seed != -1)
requests = st.builds(
    Txt2Img,
    prompt=prompts,
    negative_prompt=prompts,
    sampler_name=st.sampled_from(SAMPLERS.names),
    scheduler=st.sampled_from(SCHEDULES.names),
    seed=seeds,
    subseed=seeds,
    steps=st.integers(4, 150),
    refiner_checkpoint=st.just("finer [0123456789]"),
    tiling=st.booleans(),
    **{
        name: between(name, Txt2Img)
        for name in (
            "refiner_switch_at",
            "cfg_scale",
            "width",
            "height",
            "subseed_strength",
            "seed_resize_from_w",
            "seed_resize_from_h",
        )
    },
)
snapshots = st.builds(
    Settings, sd_vae=st.just("fine.vae.pt"), **{name: between(name) for name in WRITTEN.keys() - {"sd_vae"}}
)


def text_of(plan):
    """The generation data of a picture whose making came to everything it could."""
    s, told = (
        plan.settings,
        {"Refiner": plan.files.refiner.short_title, "Refiner switch at": plan.params.refiner_switch_at},
    )
    told |= {"Pad conds v0": True} if s.pad_cond_uncond_v0 else {}
    told |= {"Pad conds": True} if s.pad_cond_uncond else {}
    told |= {"Refiner networks": True} if s.refiner_networks else {}
    told |= (
        {"FP8 weight": s.fp8_storage, "Cache FP16 weight for LoRA": s.cache_fp16_weight}
        if s.fp8_storage != "Disable"
        else {}
    )
    told |= (
        {"NGMS": s.s_min_uncond} | ({"NGMS all steps": True} if s.s_min_uncond_all else {}) if s.s_min_uncond else {}
    )
    told |= {WRITTEN[name].infotext: getattr(s, name) for name in TOLD_BY_IMG2IMG if not at_default(s, name)}
    return image_infotext(plan, told)


def read(text):
    """The plan that generation data comes to, with what was read of the settings."""
    told = fields_from_pairs(infotext.parse_infotext(text, emphasised))
    return image_plan(Txt2Img(**told["fields"]), Settings(**told["settings"]), FILES), told


def essence(params, schedule):
    """A request without what has no effect."""
    resized = params.seed_resize_from_w > 0 and params.seed_resize_from_h > 0
    return replace(
        params,
        scheduler=schedule,
        subseed=params.subseed if params.subseed_strength else 0,
        seed_resize_from_w=params.seed_resize_from_w if resized else 0,
        seed_resize_from_h=params.seed_resize_from_h if resized else 0,
    )


@pytest.mark.slow
@settings(max_examples=50, deadline=None)
@given(requests, snapshots)
def test_every_field_is_read_back(params, snapshot):
    plan = image_plan(params, snapshot, FILES)
    again, told = read(text_of(plan))
    assert essence(again.params, resolved_schedule(again.params)) == essence(params, resolved_schedule(params))
    assert not told["unknown"].keys() & infotext.split_infotext(text_of(plan)).pairs.keys()


@pytest.mark.slow
@settings(max_examples=50, deadline=None)
@given(requests, snapshots)
def test_every_setting_that_shaped_the_picture_is_read_back(params, snapshot):
    plan = image_plan(params, snapshot, FILES)
    again, told = read(text_of(plan))
    assert told["settings"].items() <= asdict(snapshot).items()
    assert noise_levels(again.passes[0], LEVELS) == noise_levels(plan.passes[0], LEVELS)
    assert heard(again) == heard(plan)
    for name in (
        "CLIP_stop_at_last_layers",
        "randn_source",
        "skip_early_cond",
        "s_min_uncond",
        "comma_padding_backtrack",
        "use_old_scheduling",
        "sd_vae",
        "pad_cond_uncond",
        "sd_noise_schedule",
    ):
        assert getattr(again.settings, name) == getattr(snapshot, name)


def heard(plan):
    """The parameters that its sampler listens to."""
    found = asdict(tuning(plan.passes[0]))
    return {name: found[name] for name in plan.passes[0].sampler.options}


@pytest.mark.parametrize("name", WRITTEN)
def test_every_setting_with_a_key_is_written_where_it_matters(name):
    """With some sampler and schedule; with all others at their defaults but those it depends on."""
    param, kind = WRITTEN[name], get_type_hints(Settings)[name]
    other = (
        {bool: not getattr(Settings(), name), int: 2, float: 0.25}.get(kind)
        if kind is not str
        else "fine.vae.pt"
        if name == "sd_vae"
        else param.widget.of[-1]
    )
    needed = {"s_min_uncond": 0.5, "sd_vae": "fine.vae.pt", "face_restoration": True, "fp8_storage": "Enable"}
    needed |= {"hypertile_enable_unet_secondpass": "unet" in name, "hypertile_enable_vae": True}
    snapshot = replace(Settings(**needed), **{name: other})
    hires = {"enable_hr": True, "hr_upscaler": "4x-UltraSharp"}
    texts = [
        text_of(
            image_plan(
                Txt2Img(
                    prompt="(a:1.2) [b<lora:c:1>:2]",
                    seed=1,
                    subseed=1,
                    sampler_name=sampler,
                    scheduler=schedule,
                    **hires,
                ),
                snapshot,
                BOTH,
            )
        )
        for sampler in SAMPLERS.names
        for schedule in ("Automatic", "Karras", "Beta")
    ]
    assert any(merged_alike(read(text)[0].settings) == merged_alike(snapshot) for text in texts)


def merged_alike(settings):
    """With the second pass's token merging said, which is the first's where it is 0, and its tiles,
    which it has where the first has.
    """
    tiled = settings.hypertile_enable_unet_secondpass or settings.hypertile_enable_unet
    merged = settings.token_merging_ratio_hr or settings.token_merging_ratio
    return replace(settings, token_merging_ratio_hr=merged, hypertile_enable_unet_secondpass=tiled)


def test_at_their_defaults_settings_are_not_written():
    text = image_infotext(image_plan(Txt2Img(prompt="a cat", seed=5, subseed=6), Settings(), OWN), {})
    assert text.splitlines() == [
        "a cat",
        "Steps: 50, Sampler: Euler, Schedule type: Automatic, CFG scale: 7.0, Seed: 5, Size: 512x512, "
        "Model hash: 0123456789, Model: model, Version: v1.10.1+easel.0.1",
    ]


@pytest.mark.slow
@settings(max_examples=50, deadline=None)
@given(requests, snapshots)
def test_keys_stand_in_a1111s_order(params, snapshot):
    keys = list(infotext.split_infotext(image_infotext(image_plan(params, snapshot, FILES), {})).pairs)
    known = [key for key in keys if key in infotext.ORDER]
    assert known == list(ordered(dict.fromkeys(known))) and keys[-1] == "Version"


SHAPING = [(cls, name) for cls in (Settings, Txt2Img) for name, param in declared_params(cls).items() if param.shapes]


@pytest.mark.parametrize(("cls", "name"), SHAPING, ids=[name for _, name in SHAPING])
@settings(max_examples=10, deadline=None)
@given(data=st.data())
def test_what_shapes_every_picture_is_written_unless_it_is_at_its_default(cls, name, data):
    value = data.draw(between(name, cls))
    values = {Settings: Settings(), Txt2Img: Txt2Img(seed=1, subseed=1)}
    values[cls] = replace(values[cls], **{name: value})
    pairs = infotext.split_infotext(image_infotext(image_plan(values[Txt2Img], values[Settings], FILES), {})).pairs
    assert (declared_params(cls)[name].infotext in pairs) == (value != getattr(cls(), name))


@pytest.mark.parametrize("name", ["add_model_name_to_info", "add_model_hash_to_info", "add_version_to_infotext"])
def test_what_is_not_wanted_is_left_out(name):
    key = {
        "add_model_name_to_info": "Model",
        "add_model_hash_to_info": "Model hash",
        "add_version_to_infotext": "Version",
    }[name]
    params = Txt2Img(prompt="a", seed=1, subseed=1)
    assert key in infotext.split_infotext(image_infotext(image_plan(params, Settings(), FILES), {})).pairs
    assert (
        key
        not in infotext.split_infotext(image_infotext(image_plan(params, Settings(**{name: False}), FILES), {})).pairs
    )


def test_comments_are_not_part_of_the_prompt():
    again, _ = read(image_infotext(image_plan(Txt2Img(prompt="a cat # or a dog", seed=1), Settings(), FILES), {}))
    assert again.params.prompt.strip() == "a cat"


def test_each_picture_of_a_batch_has_its_own_seed():
    made = each_image(image_plan(Txt2Img(seed=7, subseed=3, n_iter=2, batch_size=2), Settings(), FILES))
    assert [plan.params.seed for plan in made] == [7, 8, 9, 10]
    varied = each_image(image_plan(Txt2Img(seed=7, subseed=3, subseed_strength=0.5, n_iter=3), Settings(), FILES))
    assert [(plan.params.seed, plan.params.subseed) for plan in varied] == [(7, 3), (7, 4), (7, 5)]


@pytest.mark.parametrize(
    ("seed", "expected"),
    [
        (2**64 - 2, [2**64 - 2, 2**64 - 1, 0, 1]),
        (2**63 - 1, [2**63 - 1, 2**63, 2**63 + 1, 2**63 + 2]),
        (-3, [-3, -2, 2**64 - 1, 0]),
    ],
)
def test_seeds_count_on_over_the_end_and_never_to_one_that_is_drawn(seed, expected):
    """Each is one of the generator's 2⁶⁴, so that every picture can be asked for by the seed it tells."""
    made = each_image(image_plan(Txt2Img(seed=seed, subseed=seed, n_iter=4), Settings(), FILES))
    assert [plan.params.seed for plan in made] == [plan.params.subseed for plan in made] == expected
    assert [each % 2**64 for each in expected] == [(seed + index) % 2**64 for index in range(4)]
    for plan in made:
        assert read(text_of(plan))[0].params.seed == plan.params.seed


def test_no_field_is_forgotten():
    """Those that are not in the text say how many pictures there are, have gone into the prompts, or are of regions."""
    params = Txt2Img(
        prompt="a",
        negative_prompt="b",
        seed=1,
        subseed=2,
        subseed_strength=0.5,
        seed_resize_from_w=64,
        seed_resize_from_h=64,
        tiling=True,
        enable_hr=True,
    )
    found = read(text_of(image_plan(params, Settings(), BOTH)))[1]["fields"]
    assert {f.name for f in fields(Txt2Img)} - found.keys() == {
        "styles",
        "extensions",       # each writes its own
        "n_iter",
        "batch_size",
        "script_name",
        "script_args",
        "region_mode",
        "region_base",
    }


def test_embeddings_are_told_by_name_each_once():
    """Though the name of one may be part of another's; commas and colons would part names."""
    told = ExtraParams()
    for names in ({"bobcat": "1" * 12}, {"cat": "2" * 12, "bobcat": "1" * 12}, {"a, b: c": "3" * 12}):
        told.collect(Meaning((), names), Settings())
    assert told["TI hashes"] == f"bobcat: {'1' * 12}, cat: {'2' * 12}, a b c: {'3' * 12}"
    told.collect(Meaning((), {"dog": "4" * 12}), replace(Settings(), textual_inversion_add_hashes_to_infotext=False))
    assert "dog" not in told["TI hashes"]


@pytest.mark.parametrize(
    ("sampler", "told", "expected"),
    [("Euler", 0.9, {"NGMS": 1.0}), ("Euler", 1.1, {}), ("DDIM", 0.9, {}), ("UniPC", 0.9, {}), ("PLMS", 0.9, {})],
)
def test_a_negative_prompt_left_out_below_a_level_is_told_where_it_was(sampler, told, expected):
    """A1111's DDIM family compares timesteps, which are hardly ever so low."""
    [plan] = image_plan(Txt2Img(sampler_name=sampler, steps=10), Settings(s_min_uncond=1.0), FILES).passes
    noted = ExtraParams()
    assert negative_left_out(plan, LEVELS, noted)(1, told) is bool(expected) and noted == expected
    assert not negative_left_out(plan, LEVELS, ExtraParams())(2, 0.9)
    every = replace(plan, settings=replace(plan.settings, s_min_uncond_all=True))
    assert negative_left_out(every, LEVELS, noted)(2, LEVELS.lowest) and noted["NGMS all steps"] is True


def test_the_ddim_family_takes_the_extra_noise_on_the_training_scale():
    picture, noise, begin, first, extra = torch.full((4, 2, 2), 0.3), torch.full((4, 2, 2), -0.7), 1.5, 1.2, 0.15
    for sampler in SAMPLERS.names:
        [plan] = image_plan(Txt2Img(sampler_name=sampler), Settings(), FILES).passes
        x = add_noise(plan, SimpleNamespace(levels=LEVELS), picture, noise * (begin + extra), begin, first)
        scaled = x / (1 + first**2) ** 0.5 if plan.sampler.timesteps else x      # as the model sees it
        expected = 0.3 - 0.7 * (begin + extra)
        assert torch.allclose(
            scaled, torch.full_like(x, expected / (1 + begin**2) ** 0.5 if plan.sampler.timesteps else expected)
        )
