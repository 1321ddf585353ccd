"""Hooks of extensions in Easel's own scripts, which draw a picture in parts, and in batches of files."""

from __future__ import annotations

import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pytest
from PIL import Image

from modules.engine.messages import JobSpec
from modules.params.batch import Batch, BatchItem
from modules.params.control import ControlUnit
from modules.params.infotext import parse_infotext
from modules.prompts.grammar import emphasised
from tests.golden_data import assemble_models
from tests.hooked import HookedShop
from tests.pipelines.test_scripts import job, request, stored
from tests.playing import fields

pytestmark = pytest.mark.slow      # each draws with a model

WHITE, BLACK = 255, 0
SQUARE = np.pad(np.full((24, 24, 3), WHITE, np.uint8), ((20, 20), (20, 20), (0, 0)))
SCRIPTS: dict[str, tuple[list[Any], dict[str, Any]]] = {
    "Loopback": ([2, 0.3, "Aggressive", "None"], {"mask": SQUARE}),
    "SD upscale": (["", 16, "Lanczos", 2.0], {}),
    "Outpainting mk2": (["", 64, 20, ["left", "down"], 1.0, 0.05], {}),
    "Poor man's outpainting": ([32, 4, "1", ["left", "up"]], {}),
}


@pytest.fixture(scope="module")
def models(tmp_path_factory) -> Path:
    return assemble_models(tmp_path_factory.mktemp("golden-models"))


@pytest.fixture
def shop(tmp_path, models) -> HookedShop:
    return HookedShop(tmp_path, models)


def written(shop: HookedShop, source: str) -> None:
    scripts = shop.extensions / "trying/scripts"
    scripts.mkdir(parents=True)
    (scripts / "trying.py").write_text(source)


def seen() -> list[dict[str, Any]]:
    """What the extension has noted, while it is loaded."""
    return list(sys.modules["easel_extensions.trying.trying"].SEEN)


def asked(script: str = "", args: Any = (), **own: Any) -> JobSpec:
    given = {name: stored(value) if isinstance(value, np.ndarray) else value for name, value in own.items()}
    spec = job(request(script, args, steps=2, **given), img2img_color_correction=True)
    return replace(spec, id=uuid4().hex, owner="test", save=False)


def of_files(spec: JobSpec, *entries: BatchItem, folder: str = "") -> JobSpec:
    return replace(spec, params={**spec.params, "init_images": (), "batch": asdict(Batch(entries, folder))}, save=True)


def pixels(made) -> np.ndarray:
    return np.asarray(Image.open(made.path).convert("RGB")).astype(int)


def told(made) -> list[Any]:
    return [(each.index, each.kind, pixels(each).tolist(), dict(fields(each.infotext))) for each in made]


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_script_draws_the_same_with_a_listener_that_changes_nothing(shop, tmp_path, models, script):
    """Pictures to the bit, generation data, numbers and grids."""
    args, own = SCRIPTS[script]
    bare = HookedShop(tmp_path / "bare", models)
    written(shop, LISTENING)
    found = []
    for each in (shop, bare):
        with each.open():
            ended, made, warned = each.made(asked(script, args, **own))
        found.append((ended.state, told(made), [note.message for note in warned]))
    assert found[0] == found[1] and found[0][0] == "done"


def test_hooks_are_called_for_each_part_with_what_a1111_gives_them(shop):
    """SD upscale paints as many tiles at once as the batch size says; outpainting has masks of its own."""
    written(shop, NOTING)
    with shop.open():
        shop.made(asked("SD upscale", ["", 16, "Lanczos", 2.0], batch_size=4))
        tiles = seen()
        shop.made(asked("Outpainting mk2", ["", 64, 20, ["left"], 1.0, 0.05]))
        [side] = seen()[len(tiles) :]
        _, [picture], _ = shop.made(asked("Loopback", [1, 0.3, "Linear", "None"]))
    assert [each["batch"] for each in tiles] == [4, 4, 1]
    assert [each["seed"] for each in tiles] == [5, 6, 7]
    assert all(each["told"].startswith("SD upscale overlap, SD upscale upscaler") for each in tiles)
    assert not any(each["mask"] or each["hole"] for each in tiles)
    assert (side["mask"], side["hole"], side["blur"], side["images"]) == (True, True, 80, [(64, 64)])
    assert parse_infotext(picture.infotext, emphasised)["Seen"] == str(len(tiles) + 2)


def test_a_part_that_an_extension_changes_is_changed_in_the_whole(shop):
    written(shop, DARKENING)
    with shop.open():
        ended, [made], _ = shop.made(asked("SD upscale", ["", 16, "Lanczos", 2.0]))
    drawn = pixels(made)
    assert ended.state == "done" and drawn.shape == (128, 128, 3)
    assert drawn[:30, :30].max() == BLACK and drawn[70:, 70:].max() > BLACK


def test_an_interruption_leaves_the_tiles_that_were_not_reached(shop):
    written(shop, INTERRUPTING)
    with shop.open():
        ended, made, _ = shop.made(asked("SD upscale", ["", 16, "Lanczos", 2.0]))
    assert ended.state == "interrupted" and [pixels(each).shape for each in made] == [(128, 128, 3)]


def test_loops_that_are_there_are_not_made_again_after_the_last_of_them(shop):
    written(shop, NOTING)
    spec = asked("Loopback", [3, 0.3, "Linear", "None"])
    with shop.open():
        _, made, _ = shop.made(spec)
        first = len(seen())
        rest = replace(spec, id="rest", done=(0, 1, 2), paths=tuple(each.path for each in made[:3]))
        ended, again, _ = shop.made(rest)
        after = len(seen())
    assert ended.state == "done" and first == after
    assert [each.kind for each in again] == ["grid"]


def test_hooks_are_called_for_each_file_of_a_batch(shop, tmp_path):
    """As without extensions: each file's own data, names of the results, and a file that cannot be read is left out."""
    written(shop, NOTING)
    grey = BatchItem(stored(np.full((64, 64, 3), 90, np.uint8)), "grey.png", params={"seed": 77})
    odd = BatchItem(str(tmp_path / "gone.png"), "gone.png")
    square = BatchItem(stored(SQUARE), "square.png")
    spec = of_files(asked(), grey, odd, square, folder=str(tmp_path / "results"))
    with shop.open():
        ended, made, warned = shop.made(spec)
        noted = seen()
    assert ended.state == "done" and [each.index for each in made] == [0, 2]
    assert [Path(each.path) for each in made] == [tmp_path / "results/grey.png", tmp_path / "results/square.png"]
    assert [each["seed"] for each in noted] == [77, 5]
    assert ["gone.png" in note.message for note in warned] == [True]


def test_files_of_a_batch_have_the_pictures_of_a_unit_in_turn(shop, tmp_path, models):
    bare = HookedShop(tmp_path / "bare", models)
    written(shop, LISTENING)
    first, second = (stored(np.full((64, 64, 3), level, np.uint8)) for level in (20, 220))
    unit = ControlUnit(module="reference_only", image=first, more_images=(second,))
    files = [BatchItem(stored(SQUARE), f"{name}.png") for name in "ab"]
    spec = of_files(asked(control=(unit,)), *files)
    spec = replace(spec, settings={**spec.settings, "controlnet_increment_seed_during_batch": True})
    found = []
    for each in (shop, bare):
        with each.open():
            ended, made, _ = each.made(spec)
        found.append((ended.state, np.stack([pixels(one) for one in made])))
    [(state, levels), (bare_state, bare_levels)] = found
    assert state == bare_state == "done" and (levels[0] != levels[1]).any()
    assert np.abs(levels - bare_levels).max() <= 1      # the bare ones share calls


def test_pictures_of_a_units_batch_have_one_seed_unless_the_settings_say_otherwise(shop):
    written(shop, NOTING)
    first, second = (stored(np.full((64, 64, 3), level, np.uint8)) for level in (20, 220))
    unit = ControlUnit(module="reference_only", image=first, more_images=(second,))
    spec = asked(control=(unit,), n_iter=2)
    counting = replace(spec, id=uuid4().hex, settings={**spec.settings, "controlnet_increment_seed_during_batch": True})
    with shop.open():
        runs = [shop.made(each)[1] for each in (spec, counting)]
    seeds = [[parse_infotext(one.infotext, emphasised)["Seed"] for one in run] for run in runs]
    assert seeds == [["5", "5"], ["5", "6"]]


def test_a_script_draws_each_file_of_a_batch(shop, tmp_path):
    """One of Easel's own, and one of an extension's."""
    written(shop, NOTING)
    files = [BatchItem(stored(np.full((64, 64, 3), level, np.uint8)), f"{level}.png") for level in (90, 200)]
    loops = of_files(asked("Loopback", [2, 0.3, "Linear", "None"]), *files, folder=str(tmp_path / "results"))
    own = of_files(asked(), *files)
    own = replace(own, params={**own.params, "extension_script": {"title": "Twice", "args": []}})
    with shop.open():
        ended, made, _ = shop.made(loops)
        twice, drawn, _ = shop.made(own)
    assert [Path(each.path).name for each in made] == ["90-1.png", "90-2.png", "200-1.png", "200-2.png"]
    assert (ended.state, twice.state) == ("done", "done")
    assert [parse_infotext(each.infotext, emphasised)["Steps"] for each in drawn] == ["1", "1"]


def test_a_script_of_an_extension_may_paint_within_one_mask_and_show_within_another(shop):
    """`p.latent_mask` is where the model paints; `p.color_corrections` whose colours the picture gets."""
    written(shop, MASKING)
    spec = asked()
    chosen = {"extension_script": {"title": "Masking", "args": []}}
    with shop.open():
        ended, [made], warned = shop.made(replace(spec, params={**spec.params, **chosen}))
    drawn = pixels(made)
    assert (ended.state, warned) == ("done", [])
    assert np.ptp(drawn[:, :28].mean((0, 1))) < 12      # the greys of what colours were matched with


LISTENING = """
from modules import script_callbacks

for listen in (script_callbacks.on_cfg_denoiser, script_callbacks.on_cfg_denoised, script_callbacks.on_cfg_after_cfg):
    listen(lambda params: params.x.mean())
"""
NOTING = """
from modules import scripts
from modules.processing import process_images

SEEN = []

class Noting(scripts.Script):
    def title(self):
        return "Noting"

    def show(self, is_img2img):
        return scripts.AlwaysVisible

    def process(self, p):
        SEEN.append({
            "batch": p.batch_size, "seed": p.seed, "told": ", ".join(p.extra_generation_params),
            "mask": p.image_mask is not None, "hole": p.latent_mask is not None, "blur": p.mask_blur_x,
            "images": [image.size for image in p.init_images],
        })

    def process_batch(self, p, **kwargs):
        p.extra_generation_params["Seen"] = len(SEEN)

class Twice(scripts.Script):
    def title(self):
        return "Twice"

    def run(self, p):
        p.steps = 1
        return process_images(p)
"""
DARKENING = """
from modules import scripts

class Darkening(scripts.Script):
    done = 0

    def title(self):
        return "Darkening"

    def show(self, is_img2img):
        return scripts.AlwaysVisible

    def postprocess_image(self, p, pp):
        self.done += 1
        if self.done == 1:
            pp.image = pp.image.point(lambda level: 0)
"""
INTERRUPTING = """
from modules import scripts, shared

class Interrupting(scripts.Script):
    def title(self):
        return "Interrupting"

    def show(self, is_img2img):
        return scripts.AlwaysVisible

    def postprocess_image(self, p, pp):
        shared.state.interrupt()
"""
MASKING = """
from PIL import Image
from modules import scripts
from modules.processing import process_images, setup_color_correction

class Masking(scripts.Script):
    def title(self):
        return "Masking"

    def run(self, p):
        size = p.init_images[0].size
        p.image_mask = Image.new("L", size, "white")
        p.latent_mask = Image.new("L", size, "black")
        p.latent_mask.paste(255, (32, 0, *size))
        p.mask_blur, p.inpainting_fill, p.inpaint_full_res = 100, 1, False
        p.color_corrections = [setup_color_correction(Image.new("RGB", size, "grey"))]
        return process_images(p)
"""
