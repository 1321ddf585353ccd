"""A1111's scripts: what each comes to, apart from pixels that only A1111 can tell."""

from __future__ import annotations

import io
from dataclasses import asdict, replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from fastapi import FastAPI
from fastapi.testclient import TestClient
from PIL import Image

from modules.api import scripts as face
from modules.base.accounts import LOCAL_ACCOUNT
from modules.base.errors import Invalid
from modules.engine.engine import Engine, ImageTask
from modules.engine.messages import JobSpec
from modules.imaging.inputs import save_input
from modules.imaging.tiling import starts
from modules.params.img2img import ORIGINAL, Img2Img
from modules.params.infotext import parse_infotext
from modules.params.known_names import KnownNames
from modules.params.prompt_lines import TAGS, parse_lines
from modules.params.scripts import SCRIPTS, Loopback, PromptsFromFile, resolve_script
from modules.params.txt2img import Txt2Img
from modules.pipelines.scripts import spectral
from modules.pipelines.scripts.alternative import from_above, from_below
from modules.pipelines.scripts.growth import Growth
from modules.pipelines.scripts.loopback import loop_strength
from modules.pipelines.scripts.prompts_from_file import requests as line_requests_of
from modules.pipelines.scripts.sd_upscale import seeds
from modules.pipelines.scripts.table import IMAGE_SCRIPTS, REQUEST_SCRIPTS
from modules.pipelines.scripts.tiles import Grid
from modules.plugins.host import Host
from modules.prompts.grammar import emphasised
from modules.prompts.styles import Style
from modules.requests.resolve import resolve_img2img, resolve_request
from modules.sampling.questions import Interrupted
from modules.settings.options import Settings
from modules.worker.job_kinds import plan_job
from tests.golden_data import GOLDEN, inputs, kept
from tests.playing import made, told

pytestmark = pytest.mark.slow      # nearly each draws with a model

START = Image.open(GOLDEN / "inputs/init_a.png").convert("RGB")


def stored(pixels):
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "png")
    return save_input(inputs(), out.getvalue())


def request(script="", args=(), **fields):
    usual = {
        "prompt": "a red circle",
        "steps": 4,
        "width": 64,
        "height": 64,
        "seed": 5,
        "sampler_name": "Euler a",
        "denoising_strength": 0.5,
    }
    given = usual | {"init_images": (kept("@inputs/init_a.png"),), "script_name": script, "script_args": args} | fields
    return resolve_img2img(resolve_script(Img2Img(**given), "img2img", KnownNames()), Settings())


def job(params, kind="img2img", **settings):
    return JobSpec("it", "me", kind, asdict(params), asdict(Settings(sd_model_checkpoint="tiny-sd1", **settings)))


def pixels(device, params, **settings):
    return [drawn.pixels.astype(int) for drawn in made(device, job(params, **settings))[0]]


def same(pixels, others):
    """But for the last bits, which company in a call may change."""
    return np.abs(pixels - others).max() <= 2


def test_every_script_of_the_registry_is_done_in_one_way_and_nothing_else_is():
    assert sorted([*IMAGE_SCRIPTS, *REQUEST_SCRIPTS]) == sorted(SCRIPTS.names)


@pytest.mark.parametrize("script", list(SCRIPTS), ids=lambda script: script.name)
def test_a_scripts_row_fits_its_arguments(script):
    """Several requests may come of any kind; several passes of a picture only where there is one."""
    assert script.help.endswith(".") and script.params and set(script.keys.values()) <= script.params.keys()
    assert script.name in REQUEST_SCRIPTS or script.kinds == ("img2img",)


# Tiles ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "tile", "overlap"),
    [
        ((128, 128), (64, 64), 16),
        ((200, 72), (64, 48), 0),
        ((100, 300), (64, 64), 48),
        ((64, 64), (64, 64), 32),
        ((555, 64), (64, 64), 16),
    ],
)
def test_tiles_laid_together_are_the_picture(size, tile, overlap):
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), np.uint8))
    grid = Grid(size, tile, overlap)
    assert np.array_equal(grid.joined({box: image.crop(box) for box in grid.boxes()}), image)


@pytest.mark.parametrize(
    ("length", "tile", "overlap"),
    [(128, 64, 32), (1000, 512, 64), (513, 512, 64), (40, 64, 16), (555, 64, 16), (1099, 128, 32)],
)
def test_tiles_reach_from_end_to_end_and_share_enough(length, tile, overlap):
    found = starts(length, tile, overlap)
    assert found[0] == 0 and found[-1] + tile >= length
    assert all(left + tile - right >= overlap for left, right in zip(found, found[1:]))


def test_tiles_must_be_more_than_overlap():
    with pytest.raises(Invalid):
        Grid((128, 128), (64, 64), 64).rows()


# SD upscale -----------------------------------------------------------------------------------------


def test_sd_upscale_draws_a_larger_picture(device):
    [drawn], recipe = made(device, job(request("SD upscale", (None, 16, "Lanczos", 2.0), denoising_strength=0.2)))
    enlarged = np.asarray(START.resize((128, 128), Image.Resampling.LANCZOS)).astype(int)
    assert drawn.pixels.shape == (128, 128, 3)
    assert np.abs(drawn.pixels - enlarged).mean() < 40
    text = recipe.infotext(0, drawn.extra_params)
    assert (
        "Size: 64x64" in text
        and "Denoising strength: 0.2, SD upscale overlap: 16, SD upscale upscaler: Lanczos" in text
    )


def test_one_tile_is_img2img(device):
    [tile] = pixels(device, request("SD upscale", ("", 16, 0, 2.0)))      # the first upscaler is None: nothing grows
    [plain] = pixels(device, request())
    assert np.array_equal(tile, plain)


def test_seeds_of_tiles_are_counted_as_a1111_counts_them():
    assert seeds(SimpleNamespace(params=replace(request(), seed=10, batch_size=2)), 5) == [10, 11, 11, 12, 12]


# Loopback -------------------------------------------------------------------------------------------


def test_each_loop_is_img2img_of_the_one_before(device):
    first, second, third = pixels(device, request("loopback", (3, 0.3, "Linear")))
    assert np.array_equal(first, *pixels(device, request()))
    again = request(
        init_images=(stored(first.astype(np.uint8)),), seed=6, denoising_strength=0.4, inpainting_fill=ORIGINAL
    )
    assert np.array_equal(second, *pixels(device, again))
    assert not np.array_equal(second, third)


def test_each_loop_tells_its_own_seed_and_strength_in_its_file_and_the_reply_tells_the_firsts(device):
    spec = job(request("Loopback", (3, 0.3, "Linear")))
    drawn, recipe = made(device, spec)
    own = [recipe.infotext(i, each.extra_params) for i, each in enumerate(drawn)]
    assert [
        (parse_infotext(text, emphasised)["Seed"], parse_infotext(text, emphasised)["Denoising strength"])
        for text in own
    ] == [("5", "0.5"), ("6", "0.4"), ("7", "0.3")]
    assert [recipe.facts(i)["seed"] for i in range(3)] == [5, 6, 7]
    assert told(spec, recipe, drawn) == [own[0]] * 3


def test_a_loop_that_is_made_alone_is_the_same(device):
    """After a restart what was kept is not made again, but what follows needs it."""
    spec = job(request("Loopback", (3, 0.3, "Lazy")))
    drawn, _ = made(device, spec)
    recipe = plan_job(spec, device.library, inputs())
    alone = finished(device, [ImageTask(recipe.plans[2].task(), "it", 2, "me", 2)])
    assert (
        np.array_equal(alone[0].result.pixels, drawn[2].pixels)
        and alone[0].result.extra_params == drawn[2].extra_params
    )


def test_with_a_batch_count_the_last_loop_of_each_is_shown(device):
    shown = pixels(device, request("Loopback", (2, 0.3), n_iter=2))
    assert len(shown) == 2
    assert same(shown[0], pixels(device, request("Loopback", (2, 0.3)))[1])
    assert same(shown[1], pixels(device, request("Loopback", (2, 0.3), seed=7))[1])


def test_interrupted_loops_end(device):
    recipe = plan_job(job(request("Loopback", (4,))), device.library, inputs())
    pictures = [ImageTask(plan.task(), "it", i, "me", i) for i, plan in enumerate(recipe.plans)]
    engine = started(device, pictures)
    while not pictures[0].ended:
        engine.step()
    engine.interrupt("it")
    engine.inbox.get()()
    assert pictures[0].result.complete
    assert all(isinstance(picture.error, Interrupted) for picture in pictures[2:]) and not engine.running


def started(device, pictures):
    engine = Engine(device.answer, lambda picture: None)
    engine.submit(pictures)
    engine.listen()
    return engine


def finished(device, pictures):
    engine = started(device, pictures)
    while engine.running:
        engine.step()
    return pictures


@pytest.mark.parametrize("curve", ["Linear", "Aggressive", "Lazy"])
def test_every_curve_ends_at_the_final_strength(curve):
    steps = [loop_strength(Loopback(5, 0.25, curve), 0.75, loop) for loop in range(5)]
    assert steps[0] == 0.75 and steps[-1] == pytest.approx(0.25)
    assert steps == sorted(steps, reverse=True)
    assert loop_strength(Loopback(1, 0.25, curve), 0.75, 0) == 0.75


def test_a_mask_is_painted_in_every_loop(device):
    mask = np.zeros((64, 64), np.uint8)
    mask[:, 32:] = 255
    fields = {"mask": stored(mask), "mask_blur": 0, "inpaint_full_res": False, "resize_mode": 0}
    shown = pixels(device, request("Loopback", (2,), **fields))
    assert all(np.array_equal(each[:, :32], np.asarray(START.resize((64, 64)))[:, :32]) for each in shown)


# Outpainting ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("script", "args"), [
    ("Outpainting mk2", ("", 64, 4, ["left", "down"])), ("Poor man's outpainting", (32, 2, 0, ["left", "down"])),
])
def test_what_was_there_stays_where_it_is_far_from_the_new(device, script, args):
    [drawn] = pixels(device, request(script, args, denoising_strength=0.9))
    assert drawn.shape == (128, 128, 3)
    near = 32
    assert np.array_equal(drawn[: 64 - near, 64 + near:], np.asarray(START)[: 64 - near, near:])
    assert drawn[:, :48].std() > 1


def test_sides_grow_to_whole_sizes():
    assert Growth.of((100, 64), 30, ("left", "right")) == Growth(46, 46, 0, 0)
    assert Growth.of((100, 64), 8, ("right",)) == Growth(0, 28, 0, 0)
    assert Growth.of((64, 64), 128, ("up", "down")) == Growth(0, 0, 128, 128)
    for size, sides in (((64, 64), ()), ((6000, 6000), ("up",))):
        with pytest.raises(Invalid):
            Growth.of(size, 8, sides)


def test_shaped_noise_keeps_the_picture_and_its_colours():
    picture = np.zeros((64, 96, 3))
    picture[:, :64] = np.random.default_rng(1).random((64, 64, 3)) * (0.2, 0.5, 0.9)
    mask = np.zeros((64, 96))
    mask[:, 64:] = 1
    filled = spectral.fill_with_texture(picture, mask, 1.0, 0.05)
    assert np.allclose(filled[:, :64], picture[:, :64])
    known, new = (each.reshape(-1, 3) for each in (picture[:, :64], filled[:, 64:]))
    assert np.allclose(known.mean(axis=0), new.mean(axis=0), atol=0.01) and np.allclose(
        known.std(axis=0), new.std(axis=0), atol=0.01
    )
    assert np.array_equal(filled, spectral.fill_with_texture(picture, mask, 1.0, 0.05))


def test_the_infotext_tells_the_blur_as_a1111_does(device):
    both = request("Outpainting mk2", ("", 64, 2, ["left", "up"]), denoising_strength=0.1, steps=2)
    one = request("Outpainting mk2", ("", 64, 2, ["left"]), denoising_strength=0.1, steps=2)
    texts = [
        recipe.infotext(0, drawn.extra_params) for [drawn], recipe in (made(device, job(each)) for each in (both, one))
    ]
    assert "Mask blur: 8" in texts[0] and "Mask blur" not in texts[1]


# Prompts from file ----------------------------------------------------------------------------------


STYLES = {"old": Style("old", "{prompt}, faded", "new"), "wet": Style("wet", "in the rain")}


def lines(text, *flags, kind="txt2img", **fields):
    given = {"steps": 4, "width": 64, "height": 64, "seed": 5, "sampler_name": "Euler"} | fields
    args = (*flags, *(False, False, "start")[len(flags):], text)
    return resolve_request(
        resolve_script(Txt2Img(script_name="Prompts from file or textbox", script_args=args, **given), kind, KnownNames(STYLES))
    )


def planned(device, params):
    return plan_job(job(params, "txt2img"), device.library, inputs()).plans


def test_a_line_is_a_request_of_its_own(device):
    plans = planned(
        device,
        lines(
            "a cat\n\n--prompt a red dog --seed 9 --steps 7 --sampler_name 'Euler a' --n_iter 2\n", prompt="on a hill"
        ),
    )
    assert [plan.params.prompt for plan in plans] == ["a cat on a hill", *["a red dog on a hill"] * 2]
    assert [(plan.params.seed, plan.params.steps, plan.params.sampler_name) for plan in plans] == [
        (5, 4, "Euler"),
        (9, 7, "Euler a"),
        (10, 7, "Euler a"),
    ]


def test_a_lines_pictures_may_have_prompts_of_their_own(device):
    asked = lines("a {cat|dog}\n--prompt an owl --n_iter 1", n_iter=2)
    prompts = [{"prompt": "a cat"}, {"prompt": "a dog"}, {"prompt": "an owl"}]
    plans = planned(device, replace(asked, script_args=(*asked.script_args[:-1], prompts)))
    assert [(plan.params.prompt, plan.params.seed) for plan in plans] == [("a cat", 5), ("a dog", 6), ("an owl", 5)]
    assert len(plans[0].params.script_args) == 0 and plans[1].params.pictures == 1


def test_a_line_with_several_pictures_to_start_from_takes_the_prompts_of_all():
    asked = Img2Img(init_images=("a", "b"), batch_size=2, seed=5, steps=4, width=64, height=64, sampler_name="Euler")
    prompts = [{"prompt": text} for text in ("a cat", "a dog", "an owl", "a fox")]
    listed = PromptsFromFile(text="--prompt a {cat|dog} --batch_size 1\nan {owl|fox}", prompts=tuple(prompts))
    assert [request.prompt for request, _ in line_requests_of(asked, listed, Settings())] == ["a cat", "an owl"]


def test_a_line_goes_before_or_after_the_prompt(device):
    [plan] = planned(device, lines("a cat", False, False, "end", prompt="on a hill"))
    assert plan.params.prompt == "on a hill a cat"


@pytest.mark.parametrize(
    ("flags", "expected"),
    [((False, False), [5, 6, 5, 6]), ((True, False), [5, 6, 7, 8]), ((False, True), [5, 6, 5, 6])],
)
def test_seeds_go_on_from_line_to_line_if_that_is_asked(device, flags, expected):
    assert [plan.params.seed for plan in planned(device, lines("a\nb", *flags, batch_size=2))] == expected


def test_a_seed_left_to_chance_is_drawn_for_each_line_or_once(device):
    each, once = (lines("a\nb\nc", False, same, seed=-1) for same in (False, True))
    assert len({plan.params.seed for plan in planned(device, each)}) == 3
    assert len({plan.params.seed for plan in planned(device, once)}) == 1
    assert [plan.params for plan in planned(device, each)] == [plan.params for plan in planned(device, each)]


def test_a_line_may_name_styles(device):
    plans = planned(
        device,
        lines("--prompt a cat --styles 'old, wet'\n--styles wet\na dog", prompt="on a hill", negative_prompt="blurred"),
    )
    assert [(plan.params.prompt, plan.params.negative_prompt) for plan in plans] == [
        ("a cat, faded, in the rain on a hill", "new blurred"),
        ("in the rain on a hill", "blurred"),
        ("a dog on a hill", "blurred"),
    ]


def test_another_checkpoint_is_a_lines_own(device):
    other = next(file.model_name for file in device.library.checkpoints.list() if file.model_name != "tiny-sd1")
    plans = planned(device, lines(f"a cat\n--sd_model {other} --prompt a cat"))
    assert [plan.files.checkpoint.model_name for plan in plans] == ["tiny-sd1", other]


def test_a_lines_picture_is_that_of_the_plain_request(device):
    drawn, _ = made(device, job(lines("a red circle\na blue square"), "txt2img"))
    plain = resolve_request(Txt2Img(prompt="a blue square", steps=4, width=64, height=64, seed=5, sampler_name="Euler"))
    [alone], _ = made(device, job(plain, "txt2img"))
    assert same(drawn[1].pixels.astype(int), alone.pixels)


def test_img2img_takes_lines_too(device):
    drawn = pixels(
        device, request("Prompts from file or textbox", (False, False, "start", "a cat\n--denoising 1"[:5]), prompt="")
    )
    assert np.array_equal(drawn[0], *pixels(device, request(prompt="a cat")))


@pytest.mark.parametrize(
    "line",
    [
        "--outpath_samples /tmp/x --prompt a",
        "--outpath_grids ../x",
        "--sd_model ../../x",
        "--sd_model /etc/passwd",
        "--sd_model C:\\x",
        "--prompt_file x",
        "--steps many",
        "--steps",
        "--prompt 'a",
        "--__class__ x",
        "--script_name Loopback",
        "--init_images x",
        "--styles x",
        "",
    ],
)
def test_a_line_that_leads_elsewhere_or_means_nothing_is_refused(line):
    with pytest.raises(Invalid) as refused:
        lines(line)
    assert refused.value.field == "script_args"


@pytest.mark.parametrize(
    "line", ["a cat -- at night", "a cat --steps 4", "-- a cat", "--", "it's a cat -- at night", "a--b", "---"]
)
def test_a_line_that_begins_with_no_tag_is_a_prompt_as_in_a1111(line):
    assert parse_lines(f"{line}\n--steps 4 --prompt a dog") == [{"prompt": line}, {"steps": 4, "prompt": "a dog"}]


@pytest.mark.parametrize("line", ["--width 1000000", "--n_iter 100000", "--steps 0"])
def test_a_lines_values_keep_to_the_limits(device, line):
    with pytest.raises(Invalid):
        planned(device, lines(line))


def test_every_tag_is_read():
    values = {str: "x", int: "3", float: "0.5"}
    for tag, reader in TAGS.items():
        assert tag in parse_lines(f"--{tag} {values.get(reader, 'false')}")[0]


# img2img alternative --------------------------------------------------------------------------------


def driven(flow, denoise):
    ask = next(flow)
    try:
        while True:
            ask = flow.send(denoise(ask))
    except StopIteration as done:
        return done.value


@pytest.mark.parametrize("way", [from_above, from_below])
def test_where_the_slope_is_known_the_way_back_is_exact(way):
    """If all data is one point, the noise of anything else is its distance to it; the point itself has none."""
    point, rising = torch.randn(4, 2, 2), [0.0, 0.1, 1.0, 5.0]
    assert torch.equal(driven(way(point, rising), lambda ask: point), point)
    near = driven(from_below(point + 0.1, rising), lambda ask: point)
    assert torch.allclose(near - point, torch.full_like(point, 5.0), atol=1e-4)      # ∝ σ from the first level on


def test_its_own_noise_brings_a_picture_nearer_than_the_seeds(device):
    """Through the same prompt it comes back, but for the steps' error and what so small a model cannot keep."""
    args = ("", True, True, "a red circle", "", True, 12, True, 1.0)
    own, drawn = (
        pixels(device, request("img2img alternative test", (*args, share, True), cfg_scale=1.0))[0]
        for share in (0.0, 1.0)
    )
    assert np.abs(own - np.asarray(START)).mean() < np.abs(drawn - np.asarray(START)).mean()


# Names, arguments, the API --------------------------------------------------------------------------


def test_scripts_go_by_their_names_whatever_the_case():
    assert request("sd UPSCALE").script_name == "SD upscale"
    assert request("None").script_args == ()


@pytest.mark.parametrize(
    ("script", "args", "field", "named"),
    [
        ("X", (), "script_name", "Loopback"),
        ("Loopback", (1000,), "script_args", "loops"),
        ("Loopback", (1,) * 9, "script_args", "4"),
        ("Loopback", (4, 0.5, "Round"), "script_args", "denoising_curve"),
        ("Outpainting mk2", ("", 8, 8, ["up", "in"]), "script_args", "direction"),
    ],
)
def test_an_unknown_script_or_argument_is_named(script, args, field, named):
    with pytest.raises(Invalid) as refused:
        request(script, args)
    assert refused.value.field == field and named in f"{refused.value} {refused.value.hint}"


def test_the_api_lists_them():
    api = FastAPI()
    app = SimpleNamespace(
        models=SimpleNamespace(upscalers=lambda: ["None", "Lanczos"]),
        data_of=lambda owner: SimpleNamespace(styles=dict),
        extensions=Host(Path("extensions")),
    )
    api.include_router(face.routes(app))

    async def door(scope, receive, send):
        await api({**scope, "account": LOCAL_ACCOUNT}, receive, send)

    client = TestClient(door)
    found = client.get("/sdapi/v1/scripts").json()
    assert found["txt2img"][:2] == ["prompts from file or textbox", "x/y/z plot"]
    told = client.get("/sdapi/v1/script-info").json()
    infos = {(info["name"], info["is_img2img"]): info["args"] for info in told}
    always_on = {(info["name"], info["is_img2img"]) for info in told if info["is_alwayson"]}
    assert len(found["img2img"]) == len(list(SCRIPTS)) + sum(in_img2img for _, in_img2img in always_on)
    assert {("adetailer", False), ("controlnet", True), ("soft inpainting", True)} <= always_on
    assert ("soft inpainting", False) not in always_on and "soft inpainting" not in found["txt2img"]
    assert [(arg["label"], arg["maximum"]) for arg in infos["soft inpainting", True]][:2] == [
        ("Soft inpainting", None), ("Schedule bias", 8),
    ]
    assert [arg["label"] for arg in infos["loopback", True]][:2] == ["Loops", "Final denoising strength"]
    assert (
        infos["sd upscale", True][2]["choices"] == ["None", "Lanczos"] and infos["sd upscale", True][0]["label"] == ""
    )
    assert len(infos["prompts from file or textbox", False]) == 4
