"""Generation data brought to what is here: names, hashes, figures, and what each tab wrote."""

from __future__ import annotations

import hashlib
import json
from dataclasses import fields, replace
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import save_file

from modules.base.fields import declared_params
from modules.library.library import TRAINERS_HASH
from modules.params import infotext
from modules.params.extras import BY, NO_UPSCALER, TO, Extras, postprocessed, postprocessing_text
from modules.params.hires import second_pass
from modules.params.img2img import Img2Img
from modules.params.scripts import SCRIPTS, Alternative
from modules.params.txt2img import Txt2Img
from modules.pipelines.img2img import masking
from modules.pipelines.networks import networks_of
from modules.pipelines.scripts.alternative import alternative_infotext
from modules.prompts.grammar import emphasised
from modules.requests.paste import clamp_to_form, read_infotext
from modules.requests.pasted_fields import fields_from_pairs, pasted_script
from modules.requests.resolve import resolve_request
from modules.sampling.samplers import SAMPLERS
from modules.sampling.schedules import SCHEDULES
from modules.settings.options import Settings
from modules.worker import infotext as generation_data
from tests.golden_data import library
from tests.planning import image_plan
from tests.worker.test_infotext import FILES, between

NOTHING = hashlib.sha256(b"").hexdigest()
ONE, OTHER = "1" * 64, "2" * 64
SWAPPING = Settings(sd_model_checkpoint="standing", disable_weights_auto_swap=False)
ENOUGH = "Steps: 20, Sampler: Euler, Schedule type: Automatic, CFG scale: 7, Seed: 5, Size: 64x64"


def put(path, content=0.0, trained=""):
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({"a": np.full((2, 2), content, np.float32)}, path, {TRAINERS_HASH: trained} if trained else None)
    return path


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def shelf(tmp_path):
    """Files of every kind: `at(folder)` is where they lie, `open()` the library of them."""
    for folder in ("checkpoints", "VAE", "Lora", "embeddings", "hypernetworks"):
        (tmp_path / folder).mkdir()
    put(tmp_path / "checkpoints/standing.safetensors", 9)
    return SimpleNamespace(
        at=lambda name: tmp_path / f"{name}.safetensors",
        open=lambda: library(tmp_path / "checkpoints", tmp_path, tmp_path / "h.sqlite"),
    )


def read(shelf, text, standing=None, tab="", **now):
    return clamp_to_form(
        read_infotext(text, shelf.open(), standing or Settings(sd_model_checkpoint="standing"), tab, now)
    )


def prompt_read(shelf, prompt, more=""):
    found = read(shelf, f"{prompt}\n{ENOUGH}, {more}")
    return found["fields"]["prompt"], found["notes"]


def only_pairs(found, text):
    return found["unknown"].keys() & infotext.split_infotext(text).pairs.keys()


# Which file is meant ------------------------------------------------------------------------------


@pytest.mark.parametrize("shared", [ONE, NOTHING])
@pytest.mark.parametrize("name", ["aaa", "mine", "zzz"])
def test_a_lora_that_is_here_keeps_its_name_whoever_shares_its_hash(shelf, shared, name):
    for i, each in enumerate(("aaa", "mine", "zzz")):
        put(shelf.at(f"Lora/{each}"), i, shared)
    prompt, notes = prompt_read(shelf, f"a <lora:{name}:0.8> cat", f'Lora hashes: "{name}: {shared[:12]}"')
    assert (prompt, notes) == (f"a <lora:{name}:0.8> cat", [])


def test_a_lora_that_has_another_name_here_is_called_by_it(shelf):
    put(shelf.at("Lora/mine"), 1, ONE)
    put(shelf.at("Lora/other"), 2, OTHER)
    for said in (ONE[:12], ONE.upper()[:10]):
        assert prompt_read(shelf, "a <lora:theirs:0.8>", f'Lora hashes: "theirs: {said}"') == ("a <lora:mine:0.8>", [])


def test_a_file_with_the_name_and_another_hash_goes_after_one_with_the_hash(shelf):
    put(shelf.at("Lora/style"), 1, ONE)
    put(shelf.at("Lora/renamed"), 2, OTHER)
    assert prompt_read(shelf, "<lora:style:1>", f'Lora hashes: "style: {OTHER[:12]}"')[0] == "<lora:renamed:1>"


def test_of_two_files_of_one_name_the_hash_says_which(shelf):
    put(shelf.at("Lora/a/style"), 1, ONE)
    put(shelf.at("Lora/b/style"), 2, OTHER)
    assert prompt_read(shelf, "<lora:style:1>", f'Lora hashes: "style: {ONE[:12]}"')[0] == "<lora:style:1>"
    assert prompt_read(shelf, "<lora:style:1>", f'Lora hashes: "style: {OTHER[:12]}"')[0] == "<lora:b/style:1>"


def test_nobody_guesses_among_several_of_one_hash(shelf):
    put(shelf.at("Lora/copy one"), 1, ONE)
    put(shelf.at("Lora/copy two"), 2, ONE)
    prompt, [note] = prompt_read(shelf, "<lora:gone:1>", f'Lora hashes: "gone: {ONE[:12]}"')
    assert (
        prompt == "<lora:gone:1>"
        and "copy one.safetensors and copy two.safetensors have the hash of the LoRA gone" in note
    )
    named = networks_of(Txt2Img(prompt=f"<lora:{ONE[:12]}:1>"), shelf.open())
    assert not named.loras and "copy one.safetensors and copy two.safetensors have the hash" in named.notes[0]


def test_the_hash_of_nothing_leads_nowhere(shelf):
    put(shelf.at("Lora/only"), 1, NOTHING)
    prompt, notes = prompt_read(shelf, "<lora:gone:1>", f'Lora hashes: "gone: {NOTHING[:12]}"')
    assert (prompt, notes) == ("<lora:gone:1>", [f"Not here and left out: the LoRA gone [{NOTHING[:10]}]."])
    assert not networks_of(Txt2Img(prompt=f"<lora:{NOTHING[:12]}:1>"), shelf.open()).loras
    written = shelf.open().lora_hash(shelf.open().loras.list()[0])
    assert written and not NOTHING.startswith(written)


def test_the_second_pass_and_other_networks_are_called_as_they_are_here(shelf):
    put(shelf.at("Lora/mine"), 1, ONE)
    net, word = put(shelf.at("hypernetworks/here"), 3), put(shelf.at("embeddings/good"), 4)
    text = f"a <lora:l:1> better dog\nNegative prompt: no better\n{ENOUGH}, Hypernet: h, Hypernet hash: {sha256(net)[:10]}, Hires upscale: 2, "
    text += f'Denoising strength: 0.5, Hires prompt: "<lora:l:1>, x", Lora hashes: "l: {ONE[:12]}", TI hashes: "better: {sha256(word)[:12]}"'
    found = read(shelf, text)
    told = found["fields"]
    assert told["prompt"] == "a <lora:mine:1> good dog<hypernet:here:1.0>" and told["negative_prompt"] == "no good"
    assert told["hr_prompt"] == "<lora:mine:1>, x" and found["notes"] == []


def test_checkpoints_and_vaes_are_found_by_their_hashes_under_other_names(shelf):
    model, vae = put(shelf.at("checkpoints/renamed"), 1), put(shelf.at("VAE/soft"), 2)
    digits, vae_digits = sha256(model)[:10], sha256(vae)[:10]
    text = f"x\n{ENOUGH}, Model hash: {digits.upper()}, Model: theirs, VAE hash: {vae_digits}, VAE: their.pt, Refiner: theirs [{digits}], Refiner switch at: 0.5, "
    found = read(shelf, text + "Hires upscale: 2, Denoising strength: 0.5, Hires checkpoint: standing", SWAPPING)
    assert (
        found["settings"] == {"sd_model_checkpoint": "renamed.safetensors", "sd_vae": "soft.safetensors"}
        and found["notes"] == []
    )
    assert [found["fields"][name] for name in ("refiner_checkpoint", "hr_checkpoint_name")] == [
        "renamed.safetensors",
        "standing.safetensors",
    ]
    assert (
        "sd_model_checkpoint" not in read(shelf, text, SWAPPING, sd_model_checkpoint="renamed.safetensors")["settings"]
    )


def test_data_choose_no_checkpoint_unless_the_setting_lets_them_and_say_which_they_name(shelf):
    digits = sha256(put(shelf.at("checkpoints/renamed"), 1))[:10]
    text = f"x\n{ENOUGH}, Model hash: {digits}, Model: theirs"
    found = read(shelf, text)
    assert (found["settings"], found["checkpoint"]) == ({}, "renamed.safetensors")
    assert found["notes"] == ["Made with renamed (here, but not chosen): using standing."]
    chosen = read(shelf, text, sd_model_checkpoint="renamed.safetensors")
    assert (chosen["settings"], chosen["notes"], chosen["checkpoint"]) == ({}, [], "renamed.safetensors")
    assert read(shelf, f"x\n{ENOUGH}")["checkpoint"] == read(shelf, f"x\n{ENOUGH}, Model: gone")["checkpoint"] == ""


def test_a_checkpoint_of_the_name_with_another_hash_that_is_not_chosen_is_told_as_well(shelf):
    put(shelf.at("checkpoints/model"), 1)
    stays, differs = read(shelf, f"x\n{ENOUGH}, Model hash: {ONE[:10]}, Model: model")["notes"]
    assert stays == "Made with model (here, but not chosen): using standing." and differs.startswith(
        "model here is not the same file: "
    )


def test_a_checkpoint_of_the_name_with_another_hash_is_taken_and_told(shelf):
    put(shelf.at("checkpoints/model"), 1)
    model = shelf.open().checkpoints
    here = model.hashed(model.find("model")).shorthash
    found = read(shelf, f"x\n{ENOUGH}, Model hash: {ONE[:10]}, Model: model", SWAPPING)
    assert found["settings"] == {"sd_model_checkpoint": "model.safetensors"}
    assert found["notes"] == [f"model here is not the same file: its hash is {here}, not {ONE[:10]}."]
    # of the old kind, which tells nothing here
    assert read(shelf, f"x\n{ENOUGH}, Model hash: 7460a6fa, Model: model", SWAPPING)["notes"] == []


def test_a_title_leads_to_the_file_with_its_hash(shelf):
    put(shelf.at("checkpoints/a/model"), 1)
    second = put(shelf.at("checkpoints/b/model"), 2)
    catalog = shelf.open().checkpoints
    for file in catalog.list():
        catalog.hashed(file)
    assert catalog.find(f"model [{sha256(second)[:10]}]").name == "b/model.safetensors"
    assert catalog.find(f"gone [{sha256(second)[:10]}]").name == "b/model.safetensors"


def test_what_is_not_here_is_told_in_one_line_and_stands_in_nobodys_way(shelf):
    text = (
        f"x\n{ENOUGH}, Model hash: cc6cb27103, Model: v1-5-pruned-emaonly, VAE hash: 735e4c3a44, VAE: vae-ft-mse.ckpt"
    )
    found = read(shelf, text, Settings(sd_model_checkpoint="standing", sd_vae="None"))
    assert found["notes"] == [
        "Made with v1-5-pruned-emaonly [cc6cb27103] and vae-ft-mse.ckpt [735e4c3a44] (not here): using standing and "
        "Automatic."
    ]
    assert found["settings"] == {}
    assert read(shelf, f"x\n{ENOUGH}, Model hash: 7460a6fa")["notes"] == [
        "Made with a checkpoint [7460a6fa] (not here): using standing."
    ]
    more = read(
        shelf,
        f"{text}, Refiner: xl_refiner [{ONE[:10]}], Hires upscale: 2, Hires upscaler: 4x-Nope, Denoising strength: 0.5",
        hr_upscaler="Lanczos",
    )
    assert "hr_upscaler" not in more["fields"] and more["fields"]["refiner_checkpoint"] == ""
    assert "the upscaler 4x-Nope" in more["notes"][0] and more["notes"][0].endswith(
        "using standing, Automatic, none and Lanczos."
    )


# Samplers and schedules ---------------------------------------------------------------------------

NAMES = [*SAMPLERS.names, *(alias for sampler in SAMPLERS for alias in sampler.aliases)]


@pytest.mark.parametrize(
    "name", [*NAMES, *(f"{name} {schedule}" for name in SAMPLERS.names for schedule in ("Karras", "Exponential"))]
)
def test_samplers_are_read_as_a_request_understands_them(name):
    told = fields_from_pairs(
        infotext.parse_infotext(f"x\nSteps: 20, Sampler: {name}, Hires sampler: {name}, Seed: 5", emphasised)
    )["fields"]
    asked = resolve_request(Txt2Img(sampler_name=name, hr_sampler_name=name, enable_hr=True))
    for field in ("sampler_name", "scheduler", "hr_sampler_name", "hr_scheduler"):
        assert told[field] == getattr(asked, field), field


def test_a_schedule_of_its_own_goes_before_that_in_the_samplers_name():
    told = fields_from_pairs(
        infotext.parse_infotext(
            "x\nSteps: 20, Sampler: DPM++ 2M Karras, Schedule type: sgm_uniform, Seed: 5", emphasised
        )
    )["fields"]
    assert (told["sampler_name"], told["scheduler"]) == ("DPM++ 2M", "SGM Uniform")


@pytest.mark.parametrize(
    ("said", "left", "told"),
    [
        (
            "Sampler: dpmpp_9s, Schedule type: Karras",
            {"sampler_name"},
            "Made with the sampler dpmpp_9s (not here): using Heun.",
        ),
        (
            "Sampler: Euler a, Schedule type: Turbo",
            {"scheduler"},
            "Made with the schedule type Turbo (not here): using Simple.",
        ),
        ("Sampler: LMS Turbo", {"sampler_name"}, "Made with the sampler LMS Turbo (not here): using Heun."),
        (
            "Sampler: DPM++ 2M Karras, Schedule type: Turbo",
            set(),
            "Made with the schedule type Turbo (not here): using Simple.",
        ),
    ],
)
def test_names_that_nobody_knows_stay_as_they_were_and_are_told(shelf, said, left, told):
    found = read(shelf, f"x\nSteps: 20, Seed: 5, {said}", sampler_name="Heun", scheduler="Simple")
    assert {"sampler_name", "scheduler"} - found["fields"].keys() == left
    assert found["notes"] == [told]


def test_a_hires_prompt_that_is_the_prompt_is_none():
    base = f"a cat\nNegative prompt: dogs\n{ENOUGH}, Hires upscale: 2, Denoising strength: 0.5"
    same = fields_from_pairs(
        infotext.parse_infotext(f"{base}, Hires prompt: a cat, Hires negative prompt: dogs", emphasised)
    )["fields"]
    other = fields_from_pairs(infotext.parse_infotext(f"{base}, Hires prompt: a lynx", emphasised))["fields"]
    assert (same["hr_prompt"], same["hr_negative_prompt"], other["hr_prompt"]) == ("", "", "a lynx")


def test_the_second_pass_uses_what_the_first_does_where_the_data_say_so():
    text = f"x\n{ENOUGH}, Hires upscale: 2, Denoising strength: 0.5, Hires sampler: Use same sampler, Hires schedule type: Use same scheduler, "
    told = fields_from_pairs(infotext.parse_infotext(text + "Hires checkpoint: Use same checkpoint", emphasised))[
        "fields"
    ]
    assert (told["hr_sampler_name"], told["hr_scheduler"], told["hr_checkpoint_name"]) == ("", "", "")
    again = second_pass(Txt2Img(**told))
    assert (again.sampler_name, again.scheduler) == ("Euler", "Automatic")


# Figures ------------------------------------------------------------------------------------------


def test_figures_beyond_the_form_are_brought_to_its_ends_and_told(shelf):
    found = read(shelf, "x\nSteps: 500, Sampler: Euler, CFG scale: 0.5, Seed: 5, Size: 9000x8")
    assert {name: found["fields"][name] for name in ("steps", "cfg_scale", "width", "height")} == {
        "steps": 150,
        "cfg_scale": 1,
        "width": 2048,
        "height": 64,
    }
    assert (
        found["notes"][0] == "Sampling steps 500 is beyond the form's 1 to 150: 150 is filled in."
        and len(found["notes"]) == 4
    )


@pytest.mark.parametrize("seed", ["1e5", "many", "9" * 60, "9" * 5000])
def test_a_seed_that_cannot_be_is_not_another_one(shelf, seed):
    found = read(shelf, f"x\nSteps: 20, Sampler: Euler, Seed: {seed}")
    assert "seed" not in found["fields"] and "Seed cannot be" in found["notes"][0]


@pytest.mark.parametrize("figure", ["nan", "inf", "-inf", "1e999", "9" * 400, "0x10", ""])
def test_figures_that_are_none_do_not_get_into_a_reply(shelf, figure):
    keys = (
        *(param.infotext for cls in (Txt2Img, Img2Img) for param in declared_params(cls).values() if param.infotext),
        *list(SCRIPTS)[-1].keys,
    )
    text = f"x\nSteps: 20, Seed: 5, {', '.join(f'{key}: {figure}' for key in keys)}"
    for tab in ("txt2img", "img2img", "extras"):
        json.dumps(read(shelf, text, tab=tab), allow_nan=False)
    json.dumps(
        read(shelf, f"Postprocess upscale by: {figure}, GFPGAN visibility: {figure}", tab="extras"), allow_nan=False
    )


def test_what_nobody_here_knows_is_kept(shelf):
    text = f'x\n{ENOUGH}, Lobe model: face_yolov8n.pt, ControlNet 0: "Module: canny, Weight: 1", Version: f2.0.1v1.10.1'
    found = read(shelf, text)
    assert found["unknown"] == {"Lobe model": "face_yolov8n.pt"}
    assert [(unit["module"], unit["weight"]) for unit in found["fields"]["control"]] == [("canny", 1.0)]


def test_a_setting_that_the_data_leave_out_goes_back_to_what_it_was_then(shelf):
    text = f"x\n{ENOUGH}"
    assert read(shelf, text)["settings"] == {}
    assert read(shelf, text, Settings(randn_source="CPU"))["settings"] == {"randn_source": "GPU"}


def test_what_a_form_held_before_does_not_stay_in_a_picture_that_had_none_of_it(shelf):
    told = read(shelf, f"x\n{ENOUGH}")["fields"]
    assert (told["subseed_strength"], told["tiling"], told["refiner_checkpoint"], told["enable_hr"]) == (
        0,
        False,
        "",
        False,
    )


# What the other tabs write ------------------------------------------------------------------------

OWN_FIELDS = [
    name for name, param in declared_params(Img2Img).items() if param.infotext and name not in declared_params(Txt2Img)
]
paintings = st.builds(
    Img2Img,
    prompt=st.just("a cat"),
    seed=st.integers(0, 2**63 - 1),
    subseed=st.just(0),
    sampler_name=st.sampled_from(SAMPLERS.names),
    scheduler=st.sampled_from(SCHEDULES.names),
    mask=st.just("some.png"),
    mask_blur=st.integers(1, 64),
    inpainting_mask_invert=st.integers(0, 1),
    inpainting_fill=st.integers(0, 3),
    inpaint_full_res=st.booleans(),
    inpaint_full_res_padding=st.integers(0, 64).map(lambda quarter: 4 * quarter),
    soft_inpainting=st.booleans(),
    denoising_strength=between("denoising_strength", Img2Img),
    image_cfg_scale=between("image_cfg_scale", Img2Img),
    **{
        name: between(name, Img2Img)
        for name in OWN_FIELDS
        if name.startswith(("mask_blend", "inpaint_detail", "composite"))
    },
)


def painting_text(params):
    """The generation data of an inpainted picture, by a model that edits by instruction."""
    canvas = SimpleNamespace(mask=True, box=(0, 0, 8, 8) if params.inpaint_full_res else None)
    told = {
        "Denoising strength": params.denoising_strength,
        "Image CFG scale": params.image_cfg_scale,
        "Noise multiplier": 0.75,
        **dict(masking(params, canvas)),
    }
    return generation_data.image_infotext(image_plan(params, Settings(), FILES), told)


@settings(max_examples=50, deadline=None)
@given(paintings)
def test_every_field_of_inpainting_is_read_back(params):
    told = fields_from_pairs(infotext.parse_infotext(painting_text(params), emphasised), Img2Img)
    again = Img2Img(**told["fields"])
    soft = (
        [name for name in OWN_FIELDS if name.startswith(("mask_blend", "inpaint_detail", "composite"))]
        if params.soft_inpainting
        else []
    )
    padding = ["inpaint_full_res_padding"] if params.inpaint_full_res else []
    always = [
        "denoising_strength",
        "image_cfg_scale",
        "mask_blur",
        "inpainting_mask_invert",
        "inpainting_fill",
        "inpaint_full_res",
        "soft_inpainting",
        "seed",
    ]
    for name in (*always, *padding, *soft):
        assert getattr(again, name) == pytest.approx(getattr(params, name)), name
    assert again.initial_noise_multiplier == 0.75 and "initial_noise_multiplier" not in told["settings"]
    assert not only_pairs(told, painting_text(params)) and told["notes"] == []


def test_a_mask_without_blur_is_read_as_one(shelf):
    params = Img2Img(prompt="x", seed=1, subseed=1, mask="some.png", mask_blur=0, inpaint_full_res=True)
    assert "Mask blur" not in painting_text(params)
    assert read(shelf, painting_text(params))["fields"]["mask_blur"] == 0


upscalers = st.sampled_from([NO_UPSCALER, "Lanczos", "Nearest"])
shares = st.sampled_from([0.0, 0.25, 1.0])


@given(
    st.builds(
        Extras,
        resize_mode=st.sampled_from([BY, TO]),
        upscaling_resize=st.sampled_from([0.5, 2.0, 2.05]),
        upscaling_resize_w=st.integers(1, 32768),
        upscaling_resize_h=st.integers(1, 32768),
        upscaling_crop=st.booleans(),
        upscaler_1=upscalers,
        upscaler_2=upscalers,
        extras_upscaler_2_visibility=st.just(1.0),
        gfpgan_visibility=shares,
        codeformer_visibility=shares,
        codeformer_weight=shares,
    )
)
def test_every_postprocessing_is_read_back(params):
    for before in ("", f"a cat\n{ENOUGH}, "):
        text = postprocessing_text(params)
        again = replace(params, **postprocessed(before + text)) if text else params
        assert postprocessing_text(again) == text and (
            again.upscalers,
            again.restorers,
            again.frame if again.upscalers else None,
        ) == (params.upscalers, params.restorers, params.frame if params.upscalers else None)


def test_the_tab_that_data_come_from_is_told(shelf):
    inpainted = painting_text(Img2Img(prompt="x", seed=1, subseed=1, mask="some.png", mask_blur=4))
    for text, tab in (
        (f"x\n{ENOUGH}", "txt2img"),
        (f"x\n{ENOUGH}, Denoising strength: 0.5, Hires upscale: 2", "txt2img"),
        (f"x\n{ENOUGH}, Denoising strength: 0.5", "img2img"),
        (inpainted, "img2img"),
        (f"x\n{ENOUGH}, Mask blur: 4", "img2img"),
        ("Postprocess upscale by: 4, Postprocess upscaler: Lanczos", "extras"),
        ("just a prompt", "txt2img"),
        ("", "txt2img"),
    ):
        assert read(shelf, text)["tab"] == tab, text
    assert (
        read(shelf, inpainted, tab="txt2img")["notes"][-1]
        == "The data are of a picture that img2img made of another one."
    )
    assert (
        "mask_blur" in read(shelf, inpainted)["fields"]
        and "mask_blur" not in read(shelf, inpainted, tab="txt2img")["fields"]
    )


def test_text_without_pairs_is_no_generation_data(shelf):
    assert [read(shelf, text)["is_data"] for text in ("a cat", "", f"a cat\n{ENOUGH}")] == [False, False, True]


def test_scripts_are_read_back_with_what_they_tell(shelf):
    arguments = Alternative(original_prompt="a, cat", steps=7, cfg=1.5, randomness=0.25, sigma_adjustment=True)
    text = generation_data.image_infotext(
        image_plan(Img2Img(prompt="x", seed=1, subseed=1), Settings(), FILES), dict(alternative_infotext(arguments))
    )
    found = pasted_script(infotext.parse_infotext(text, emphasised))
    told = {each.name: getattr(arguments, each.name) for each in fields(Alternative)}
    assert (
        found["name"] == "img2img alternative test"
        and found["arguments"].items() <= told.items()
        and len(found["arguments"]) == 6
    )
    for said, script in (
        (
            "SD upscale overlap: 32, SD upscale upscaler: lanczos",
            {"name": "SD upscale", "arguments": {"overlap": 32, "upscaler": "Lanczos"}},
        ),
        ("SD upscale overlap: 32, SD upscale upscaler: Nope", {"name": "SD upscale", "arguments": {"overlap": 32}}),
        (
            "Final denoising strength: 0.3, Denoising curve: Lazy",
            {"name": "Loopback", "arguments": {"final_denoising_strength": 0.3, "denoising_curve": "Lazy"}},
        ),
        ("Final denoising strength: 7, Denoising curve: Wild", {"name": "Loopback", "arguments": {}}),
        ("Denoising strength: 0.5", None),
    ):
        assert read(shelf, f"x\n{ENOUGH}, {said}", tab="img2img")["script"] == script


def test_a_plot_is_pasted_from_its_grid_with_the_seeds_that_it_drew(shelf):
    values = json.dumps('a,"b, c"')
    said = f'X Type: Seed, X Values: "-1, 5", Fixed X Values: "77, 5", Y Type: Prompt S/R, Y Values: {values}'
    said = f"Script: X/Y/Z plot, {said}"
    found = read(shelf, f"x\n{ENOUGH}, {said}")
    assert (found["tab"], only_pairs(found, f"x\n{ENOUGH}, {said}")) == ("txt2img", set())
    assert found["script"] == {"name": "X/Y/Z plot", "arguments": {
        "x_type": "Seed", "x_values": "77, 5", "y_type": "Prompt S/R", "y_values": 'a,"b, c"', "z_type": "Nothing",
        "z_values": "", "more_axes": "",
    }}
