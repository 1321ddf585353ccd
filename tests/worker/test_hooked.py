"""Hooks of extensions in the making of pictures: A1111's own records of its hooks are played again."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from modules.engine.messages import JobSpec, Preview
from modules.params import infotext
from modules.params.detailer import DetailerTab
from modules.params.regions import Region
from modules.prompts.grammar import emphasised
from tests.golden_data import GOLDEN, assemble_models, spec
from tests.hooked import HookedShop, hooked_spec
from tests.playing import TOLERANCE, fields

pytestmark = pytest.mark.slow      # each draws with a model

HOOKS = GOLDEN / "hooks"
TRACES = ("trace-inpaint-masked", "trace-sdxl", "trace-interrupt")
EFFECTS = ("cfgden-x-inplace-unipc", "every-sampling-hires", "order", "own-axis", "own-network-lora")
NOT_OF_A_PICTURE = {
    "module_imported", "show", "ui", "ui_settings", "before_ui", "before_component", "after_component", "model_loaded",
    "postprocessing_ui", "list_optimizers", "list_unets",
}
COMPARED = (
    "args", "already_decoded", "batch_index", "denoiser", "image", "image_cond", "images", "index", "infotexts", "mba",
    "mask_for_overlay", "overlay_image", "same_object", "samples", "sampling_step", "sigma", "text_cond",
    "text_uncond", "total_sampling_steps", "x",
)
NEAR = {"mean": 2e-3, "std": 2e-2, "values": 1e-3}
CONTROLLED = ("guidance-start", "hires-high", "img2img-own-image", "recolor-luminance")
GREY_LEVELS = 0.5      # of 255, between means of pictures


@pytest.fixture(scope="module")
def models(tmp_path_factory) -> Path:
    return assemble_models(tmp_path_factory.mktemp("golden-models"))


@pytest.fixture
def shop(tmp_path, models) -> HookedShop:
    return HookedShop(tmp_path, models)


def case_of(name: str) -> dict[str, Any]:
    return json.loads((HOOKS / name / "case.json").read_text())


def check_pictures(name: str, made) -> None:
    told = json.loads((HOOKS / name / "result.json").read_text())
    first = told.get("index_of_first_image") or 0
    made = [*made[len(made) - first :], *made[: len(made) - first]]
    assert [fields(each.infotext) for each in made] == [fields(text) for text in told["infotexts"]]
    for each, theirs in zip(made, told["images"], strict=True):
        picture = np.asarray(Image.open(HOOKS / name / theirs).convert("RGB")).astype(int)
        assert np.abs(pixels(each) - picture).max() <= TOLERANCE


def differences(ours: Any, theirs: Any, where: str, near: float = 0.0) -> list[str]:
    """Where two recorded values are not the same; means of tensors and pictures may be near."""
    if isinstance(theirs, dict) and isinstance(ours, dict) and ours.keys() == theirs.keys():
        own = dict.fromkeys(NEAR, GREY_LEVELS) if "image" in theirs else NEAR
        parts = [(ours[key], theirs[key], f"{where}.{key}", own.get(key, near)) for key in theirs]
        return [text for part in parts for text in differences(*part)]
    if isinstance(theirs, list) and isinstance(ours, list) and len(ours) == len(theirs):
        pairs = enumerate(zip(ours, theirs, strict=True))
        return [text for n, (a, b) in pairs for text in differences(a, b, f"{where}[{n}]", near)]
    if isinstance(theirs, float) and isinstance(ours, float | int) and near:
        return [] if abs(ours - theirs) <= max(near, near * abs(theirs)) else [f"{where}: {ours} is not {theirs}"]
    if isinstance(theirs, str) and "Steps: " in theirs:
        return [] if fields(ours) == fields(theirs) else [f"{where}: {ours} is not {theirs}"]
    return [] if ours == theirs else [f"{where}: {ours} is not {theirs}"]


@pytest.mark.parametrize("name", TRACES)
def test_hooks_are_called_as_a1111_calls_them(shop, name, monkeypatch):
    """In its order, with its arguments, shapes, step numbers and values."""
    case, theirs = case_of(name), json.loads((HOOKS / name / "trace.json").read_text())
    shop.add(HOOKS / "trace/extension", "trace")
    if name == "trace-interrupt":
        interrupting = shop.extensions / "zz-interrupting/scripts"
        interrupting.mkdir(parents=True)
        (interrupting / "interrupting.py").write_text(INTERRUPTING)
    with shop.open():
        _, made, _ = shop.made(hooked_spec(case))
        ours = list(sys.modules["easel_extensions.trace.trace_hooks"].EVENTS)
    ours = [event for event in ours if event["hook"] not in NOT_OF_A_PICTURE]
    theirs = [event for event in theirs if event["hook"] not in NOT_OF_A_PICTURE]
    assert [event["hook"] for event in ours] == [event["hook"] for event in theirs]
    found = [
        text for a, b in zip(ours, theirs, strict=True) for key in COMPARED
        if key in b for text in differences(a.get(key), b[key], f"{b['n']} {b['hook']} {key}")
    ]
    assert found == []
    check_pictures(name, made)


@pytest.mark.parametrize("name", EFFECTS)
def test_what_an_extension_changes_is_changed_as_in_a1111(shop, name):
    case = case_of(name)
    shop.add(HOOKS / name / "extension", case["extension"])
    with shop.open():
        ended, made, warned = shop.made(hooked_spec(case, shop.host))
    assert (ended.state, warned) == ("done", [])
    check_pictures(name, made)


def written(shop: HookedShop, name: str, source: str) -> None:
    """Write an extension of one script."""
    scripts = shop.extensions / name / "scripts"
    scripts.mkdir(parents=True)
    (scripts / f"{name.replace('-', '_')}.py").write_text(source)


def small(job: str, **own: Any) -> JobSpec:
    case = {"id": job, "endpoint": "/sdapi/v1/txt2img", "payload": {**SMALL, **own}}
    return hooked_spec(case)


def pixels(made) -> np.ndarray:
    return np.asarray(Image.open(made.path).convert("RGB")).astype(int)


def test_a_hook_may_make_pictures_of_its_own_and_an_error_is_told_once(shop):
    written(shop, "again", AGAIN)
    written(shop, "failing", FAILING)
    with shop.open():
        ended, made, warned = shop.made(small("with", n_iter=2, alwayson_scripts={"Again": {"args": [True]}}))
        _, plain, _ = shop.made(small("without"))
    assert ended.state == "done" and len(made) == 2
    assert all(infotext.parse_infotext(each.infotext, emphasised)["Again"] == "1" for each in made)
    assert np.abs(pixels(made[0]) - pixels(plain[0])).max() > 10
    told = [each.message for each in warned]
    failed = [text for text in told if "failing failed in process_batch" in text]
    assert len(failed) == 1 and "ValueError: on purpose" in failed[0]


def test_what_a_hook_has_drawn_is_forgotten_with_its_request(shop):
    written(shop, "forgetful", FORGETFUL)
    with shop.open():
        ended, [made], _ = shop.made(small("forgetful"))
    assert ended.state == "done"
    assert infotext.parse_infotext(made.infotext, emphasised)["Known"] == "3 of 2 then 1"


@pytest.mark.parametrize("more", [{}, {"enable_hr": True, "hr_scale": 1.5, "denoising_strength": 0.6}])
def test_a_function_in_the_place_of_p_sample_samples(shop, more):
    """One that only calls the usual one changes nothing; one that changes the latents changes the picture."""
    written(shop, "sampling", SAMPLING)
    with shop.open():
        found = []
        for way in ("", "same", "mirrored", "failing"):
            own = {"alwayson_scripts": {"Sampling": {"args": [way]}}, **more}
            ended, [made], warned = shop.made(small(way or "plain", **own))
            found.append((pixels(made), [each.message for each in warned]))
            assert ended.state == "done"
    plain, same, mirrored, failing = found
    assert mirrored[1] == []
    assert np.abs(plain[0] - same[0]).max() <= 1 and same[1] == []
    assert np.abs(mirrored[0] - plain[0][:, ::-1]).mean() < np.abs(mirrored[0] - plain[0]).mean()
    assert np.array_equal(failing[0], plain[0]) and "failed in sample" in failing[1][0]


def test_guidance_is_an_extensions_where_it_replaces_it(shop):
    """By a denoiser of its sampler's, or on A1111's class; one that mixes as usual changes nothing."""
    written(shop, "mixing", MIXING)
    with shop.open():
        found = []
        for way in ("", "same", "weak", "own denoiser"):
            own = {"alwayson_scripts": {"Mixing": {"args": [way]}}, "prompt": "a red circle AND a dog :0.7"}
            ended, [made], warned = shop.made(small(way or "plain", sampler_name="DPM++ 2M", **own))
            assert (ended.state, warned) == ("done", [])
            found.append(pixels(made))
        _, [made], _ = shop.made(small("low", sampler_name="DPM++ 2M", cfg_scale=3.5, prompt=own["prompt"]))
    plain, same, weak, denoiser = found
    assert np.abs(plain - same).max() <= 1      # torch rounds otherwise on some processors
    assert np.abs(weak - pixels(made)).max() <= 1 and np.array_equal(weak, denoiser)


def test_a_schedule_of_an_extensions_is_sampled_and_told(shop):
    """One that computes what Easel's own does gives the same picture; its name is in the generation data."""
    written(shop, "scheduling", SCHEDULING)
    with shop.open():
        ended, [own], warned = shop.made(small("own", scheduler="Again exponential", sampler_name="DPM++ 2M SDE"))
        _, [usual], _ = shop.made(small("usual", scheduler="Exponential", sampler_name="DPM++ 2M SDE"))
        short, _, _ = shop.made(small("short", scheduler="too_short"))
    assert (ended.state, warned) == ("done", [])
    assert np.abs(pixels(own) - pixels(usual)).max() <= 1
    assert infotext.parse_infotext(own.infotext, emphasised)["Schedule type"] == "Again exponential"
    assert short.state == "failed" and "Too short has 1 noise levels for 3 steps" in short.error["message"]


def test_an_upscaler_with_a_model_enlarges_within_a_hook(shop):
    written(shop, "larger", LARGER)
    with shop.open():
        ended, [made], warned = shop.made(small("larger"))
    assert (ended.state, warned) == ("done", [])
    assert pixels(made).shape == (128, 128, 3)


def test_a_job_whose_extensions_only_plan_is_drawn_as_any_other(shop):
    """Its pictures are made in the engine's thread alone, beside others; who listens to saving is told of each file."""
    written(shop, "choosing", CHOOSING)
    with shop.open():
        ended, made, _ = shop.made(replace(small("planned", n_iter=2), save=True))
        told = list(sys.modules["easel_extensions.choosing.choosing"].FILES)
        asked = (small(f"plain-{seed}", prompt=text, seed=seed) for seed, text in ((3, "a dog"), (4, "a cat")))
        plain = [shop.made(each)[1][0] for each in asked]
        conductor = shop.worker.runner.result().conductor
    pictures = [each for each in made if each.kind == "image"]
    assert ended.state == "done" and not conductor.jobs
    assert [infotext.parse_infotext(each.infotext, emphasised)["Prompt"] for each in pictures] == ["a dog", "a cat"]
    assert ["Chosen: dog" in pictures[0].infotext, "Chosen: cat" in pictures[1].infotext] == [True, True]
    assert [Path(each) for each in told if Path(each).is_file()] == [Path(each.path) for each in pictures]
    assert all(np.abs(pixels(a) - pixels(b)).max() <= TOLERANCE for a, b in zip(pictures, plain, strict=True))


def test_a_job_goes_on_with_the_batches_that_are_left(shop):
    """A run that was killed has told of its first picture; that one is neither drawn nor saved again."""
    written(shop, "marking", MARKING)
    job = small("whole", n_iter=2)
    with shop.open():
        _, [first, second], _ = shop.made(job)
        rest = replace(job, id="rest", done=(0,), paths=(first.path,))
        ended, [again], _ = shop.made(rest)
        previews = shop.of("rest", Preview)
    assert (ended.state, again.index, again.infotext) == ("done", 1, second.infotext)
    assert np.array_equal(pixels(again), pixels(second)) and "Batches: 1" in again.infotext
    assert {each.index for each in previews} == {1}


def test_hooks_are_called_for_each_cell_of_a_plot_and_each_line_of_a_file(shop):
    written(shop, "marking", MARKING)
    plot = ["Seed", "3,4", [], "Steps", "2,3", [], "Nothing", "", []]
    with shop.open():
        case = {"id": "plot", "endpoint": "/sdapi/v1/txt2img", "payload": {
            **SMALL, "script_name": "x/y/z plot", "script_args": plot}}
        ended, made, warned = shop.made(hooked_spec(case, shop.host))
        lines = {"script_name": "prompts from file or textbox", "script_args": [False, False, "start", "cat\n--seed 9"]}
        _, drawn, _ = shop.made(hooked_spec({**case, "id": "lines", "payload": {**SMALL, **lines}}, shop.host))
    assert (ended.state, warned) == ("done", [])
    cells = [infotext.parse_infotext(each.infotext, emphasised) for each in made if each.kind == "image"]
    assert [(each["Seed"], each["Steps"], each["Batches"]) for each in cells] == [
        ("3", "2", "0"), ("4", "2", "0"), ("3", "3", "0"), ("4", "3", "0")]
    assert [each.index for each in made if each.kind == "grid"] == [4]
    found = [infotext.parse_infotext(each.infotext, emphasised) for each in drawn if each.kind == "image"]
    assert [each["Seed"] for each in found] == ["3", "9"]


def test_pictures_with_prompts_of_their_own_have_them_in_all_prompts(shop):
    written(shop, "marking", MARKING)
    own = [{"prompt": "a dog"}, {"prompt": "a cat"}]
    job = small("own", n_iter=2, prompt="a dog")
    templates = {"picture_prompts": own, "templates": {"prompt": "a {dog|cat}"}}
    with shop.open():
        ended, made, warned = shop.made(replace(job, params={**job.params, **templates}))
    found = [infotext.parse_infotext(each.infotext, emphasised) for each in made if each.kind == "image"]
    assert (ended.state, warned) == ("done", [])
    assert [(each["Prompt"], each["Template"], each["Batches"]) for each in found] == [
        ("a dog", "a {dog|cat}", "0"), ("a cat", "a {dog|cat}", "1")]


def test_a_job_without_extensions_takes_the_plain_way(shop):
    with shop.open():
        ended, [made], _ = shop.made(small("plain"))
        conductor = shop.worker.runner.result().conductor
    assert ended.state == "done" and made.infotext and not conductor.thread.is_alive()


def test_a_listener_that_changes_nothing_leaves_the_picture_as_it_is(shop, tmp_path, models):
    written(shop, "listening", LISTENING)
    bare = HookedShop(tmp_path / "bare", models)
    found = []
    for each in (shop, bare):
        with each.open():
            found.append(pixels(each.made(small("same", batch_size=2))[1][1]))
    assert np.array_equal(*found)


@pytest.mark.parametrize("name", CONTROLLED)
def test_a_controlled_picture_is_the_same_with_a_listener_that_changes_nothing(shop, tmp_path, models, name):
    """ControlNet's units take part as they do without extensions: in each pass, in the data, and with their maps."""
    case = json.loads((GOLDEN / "images/controlnet" / name / "case.json").read_text())
    written(shop, "listening", LISTENING)
    bare, found = HookedShop(tmp_path / "bare", models), []
    for each in (shop, bare):
        with each.open():
            ended, [made], warned = each.made(spec(case))
        maps = [np.asarray(Image.open(path)).tolist() for path in made.facts["returned"]]
        found.append((ended.state, pixels(made).tolist(), fields(made.infotext), maps, warned))
    assert found[0] == found[1] and found[0][0] == "done"
    assert "ControlNet 0" in made.infotext and maps


SMALL = {"prompt": "a red circle", "steps": 3, "width": 64, "height": 64, "seed": 3, "sampler_name": "Euler"}
DETAILED = {"detailer": (DetailerTab(ad_model="mtcnn_face", ad_boxes=((0.1, 0.1, 0.6, 0.6),)),)}
REGIONAL = {"regions": (Region(prompt="a blue square", right=0.5),)}


@pytest.mark.parametrize("own", [DETAILED, REGIONAL], ids=["detailer", "regions"])
def test_detailer_and_regions_draw_the_same_with_a_listener_that_changes_nothing(shop, tmp_path, models, own):
    written(shop, "listening", LISTENING)
    bare, found = HookedShop(tmp_path / "bare", models), []
    for each in (shop, bare):
        with each.open():
            ended, [made], _ = each.made(spec({"endpoint": "/sdapi/v1/txt2img", "payload": {**SMALL, **own}, "id": "own"}))
        found.append((ended.state, pixels(made).tolist(), fields(made.infotext)))
    assert found[0] == found[1] and found[0][0] == "done"
    assert "ADetailer boxes" in made.infotext or "Regions: " in made.infotext


MARKING = """
from modules import scripts

class Marking(scripts.Script):
    def title(self):
        return "Marking"

    def show(self, is_img2img):
        return scripts.AlwaysVisible

    def process_batch(self, p, *args, batch_number, **kwargs):
        p.extra_generation_params["Batches"] = batch_number
"""
CHOOSING = """
from modules import script_callbacks, scripts

FILES = []
script_callbacks.on_image_saved(lambda params: FILES.append(params.filename))

class Choosing(scripts.Script):
    def title(self):
        return "Choosing"

    def show(self, is_img2img):
        return scripts.AlwaysVisible

    def process(self, p):
        if len(p.all_prompts) > 1:
            p.all_prompts = ["a dog", "a cat"]
            p.extra_generation_params["Chosen"] = lambda p, index, **kwargs: p.prompts[index].split()[-1]
"""
AGAIN = """
import gradio as gr
from modules import processing, scripts, shared

class Again(scripts.Script):
    def title(self):
        return "Again"

    def show(self, is_img2img):
        return scripts.AlwaysVisible

    def ui(self, is_img2img):
        return [gr.Checkbox(label="Again", value=False)]

    def postprocess_image(self, p, pp, again):
        if not again:
            return
        inner = processing.StableDiffusionProcessingImg2Img(
            sd_model=shared.sd_model, prompt="a blue square", steps=3, width=64, height=64, init_images=[pp.image],
            denoising_strength=0.9, sampler_name="Euler", seed=1, do_not_save_samples=True, do_not_save_grid=True,
        )
        inner.scripts, inner.script_args = p.scripts, [0, False]
        processed = processing.process_images(inner)
        pp.image = processed.images[0]
        p.extra_generation_params["Again"] = len(processed.images)
"""
FORGETFUL = """
import gc
from modules import processing, scripts, shared

def drawn():
    gc.collect()
    return sum(type(each).__name__ == "HookedPicture" for each in gc.get_objects())

class Forgetful(scripts.Script):
    def title(self):
        return "Forgetful"

    def show(self, is_img2img):
        return scripts.AlwaysVisible

    def postprocess_image(self, p, pp):
        inner = processing.StableDiffusionProcessingTxt2Img(
            sd_model=shared.sd_model, prompt="a blue square", steps=3, width=64, height=64, sampler_name="Euler",
            seed=1, do_not_save_samples=True, do_not_save_grid=True,
        )
        told = processing.process_images(inner).infotexts[0].partition("Steps: ")[2].partition(",")[0]
        before = drawn()
        del inner
        p.extra_generation_params["Known"] = f"{told} of {before} then {drawn()}"
"""
SAMPLING = """
import gradio as gr
from modules import scripts

class Sampling(scripts.Script):
    def title(self):
        return "Sampling"

    def show(self, is_img2img):
        return scripts.AlwaysVisible

    def ui(self, is_img2img):
        return [gr.Textbox(label="Way", value="")]

    def process(self, p, way):
        usual = p.sample

        def sample(conditioning, unconditional_conditioning, seeds, subseeds, subseed_strength, prompts):
            if way == "failing":
                raise ValueError("on purpose")
            found = usual(conditioning, unconditional_conditioning, seeds, subseeds, subseed_strength, prompts)
            if way == "mirrored":
                for each in found:
                    each.copy_(each.flip(-1))
            return found

        if way:
            p.sample = sample
"""
SCHEDULING = """
import torch
from modules import sd_schedulers

def exponential(n, sigma_min, sigma_max, inner_model, device):
    assert inner_model.sigmas[-1] == inner_model.sigma_max
    ends = torch.tensor([sigma_max, sigma_min]).log()
    return torch.cat([torch.linspace(ends[0], ends[1], n).exp(), torch.zeros(1)]).to(device)

sd_schedulers.schedulers += [
    sd_schedulers.Scheduler("again", "Again exponential", exponential, need_inner_model=True),
    sd_schedulers.Scheduler("too_short", "Too short", lambda n, sigma_min, sigma_max, device: torch.zeros(1)),
]
"""
LARGER = """
from modules import scripts, shared

class Larger(scripts.Script):
    def title(self):
        return "Larger"

    def show(self, is_img2img):
        return scripts.AlwaysVisible

    def postprocess_image(self, p, pp):
        model = next(each for each in shared.sd_upscalers if each.name not in ("None", "Lanczos", "Nearest"))
        pp.image = model.scaler.upscale(pp.image, 2, model.data_path)
"""
MIXING = """
import gradio as gr
from modules import scripts, sd_samplers, sd_samplers_common
from modules.sd_samplers_kdiffusion import CFGDenoiserKDiffusion

usual = CFGDenoiserKDiffusion.combine_denoised

class Weaker(CFGDenoiserKDiffusion):
    def combine_denoised(self, x_out, conds_list, uncond, cond_scale):
        return usual(self, x_out, conds_list, uncond, cond_scale / 2)

class Mixing(scripts.Script):
    def title(self):
        return "Mixing"

    def show(self, is_img2img):
        return scripts.AlwaysVisible

    def ui(self, is_img2img):
        return [gr.Textbox(label="Way", value="")]

    def process(self, p, way):
        def mixed(self, x_out, conds_list, uncond, cond_scale):
            return usual(self, x_out, conds_list, uncond, cond_scale if way == "same" else cond_scale / 2)

        CFGDenoiserKDiffusion.combine_denoised = mixed if way in ("same", "weak") else usual

    def process_batch(self, p, way, **kwargs):
        if way == "own denoiser":
            known = sd_samplers.all_samplers_map[p.sampler_name]

            def made(model):
                sampler = known.constructor(model)
                sampler.model_wrap_cfg = Weaker(sampler)
                return sampler

            name = p.sampler_name + " weaker"
            sd_samplers.all_samplers_map[name] = sd_samplers_common.SamplerData(name, made, [], known.options)
            p.sampler_name = name

    def postprocess_batch(self, p, way, **kwargs):
        if way == "own denoiser":
            del sd_samplers.all_samplers_map[p.sampler_name]
            p.sampler_name = p.sampler_name.removesuffix(" weaker")

    def postprocess(self, p, processed, way):
        CFGDenoiserKDiffusion.combine_denoised = usual
"""
FAILING = """
from modules import scripts

class Failing(scripts.Script):
    def title(self):
        return "Failing"

    def show(self, is_img2img):
        return scripts.AlwaysVisible

    def process_batch(self, p, *args, **kwargs):
        raise ValueError("on purpose")
"""
LISTENING = """
from modules import script_callbacks

for listen in (script_callbacks.on_cfg_denoiser, script_callbacks.on_cfg_denoised, script_callbacks.on_cfg_after_cfg):
    listen(lambda params: params.x.mean())
"""
INTERRUPTING = """
from modules import script_callbacks, shared

def interrupt(params):
    if params.sampling_step == 2:
        shared.state.interrupt()

script_callbacks.on_cfg_denoiser(interrupt)
"""


SAVING = """
from modules import images, scripts

class Saving(scripts.Script):
    def title(self):
        return "Saving"

    def show(self, is_img2img):
        return scripts.AlwaysVisible

    def postprocess_image(self, p, pp):
        saved = images.save_image(pp.image, p.outpath_samples, "own", p.all_seeds[p.iteration], p.prompt, info="own", p=p)
        p.extra_generation_params["Saved"] = saved[0].rpartition("/")[2]
"""


def test_an_extension_saves_a_picture_of_its_own_and_the_grid_has_rows_and_columns(shop):
    written(shop, "saving", SAVING)
    with shop.open():
        ended, made, warned = shop.made(replace(small("five", n_iter=5), save=True))
    assert (ended.state, warned) == ("done", [])
    *five, grid = made
    names = [infotext.parse_infotext(each.infotext, emphasised)["Saved"] for each in five]
    assert names == [f"own-{number:04}-{number + 3}.png" for number in range(5)]
    assert sorted(path.name for path in (shop.folder / "outputs").rglob("own-*.png")) == names
    with Image.open(grid.path) as image, Image.open(five[0].path) as one:
        assert image.size == (3 * one.width, 2 * one.height)        # round(√5) rows
