"""Prompts that extensions have encoded, functions by which they encode, and other names that hooks call."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from tests.golden_data import assemble_models
from tests.hooked import HookedShop
from tests.worker.test_hooked import pixels, small, written

pytestmark = pytest.mark.slow      # each draws with a model

LARGER = {"enable_hr": True, "hr_scale": 1.5, "denoising_strength": 0.6}


@pytest.fixture(scope="module")
def models(tmp_path_factory) -> Path:
    return assemble_models(tmp_path_factory.mktemp("golden-models"))


@pytest.fixture
def shop(tmp_path, models) -> HookedShop:
    return HookedShop(tmp_path, models)


@pytest.mark.parametrize("more", [{}, LARGER], ids=["one pass", "hires fix"])
def test_prompts_are_encoded_by_an_extension_that_replaces_the_function(shop, tmp_path, models, more):
    """One that calls the usual function changes nothing, to the bit; each pass asks for both prompts."""
    written(shop, "encoding", ENCODING)
    bare = HookedShop(tmp_path / "bare", models)
    prompt = {"prompt": "a [red:blue:0.5] circle AND a dog :0.5", "negative_prompt": "a cat", **more}
    with bare.open():
        plain = pixels(bare.made(small("plain", **prompt))[1][0])
    with shop.open():
        ended, [same], warned = shop.made(small("same", **prompt))
        asked = list(sys.modules["easel_extensions.encoding.encoding"].ASKED)
        sys.modules["easel_extensions.encoding.encoding"].WEIGHT[:] = [0.5]
        _, [weaker], _ = shop.made(small("weaker", **prompt))
    assert (ended.state, warned) == ("done", [])
    assert np.array_equal(pixels(same), plain) and not np.array_equal(pixels(weaker), plain)
    both = [(["a cat"], True), (["a [red:blue:0.5] circle", " a dog"], False)]
    assert asked == both * (2 if more else 1)


def test_an_encoding_that_fails_is_told_and_the_picture_is_made_without_it(shop):
    written(shop, "encoding", ENCODING)
    with shop.open():
        sys.modules["easel_extensions.encoding.encoding"].WEIGHT[:] = ["wrong"]
        ended, [made], warned = shop.made(small("failing"))
    assert ended.state == "done" and made.path
    assert ["conditioning" in note.message for note in warned] == [True]


def test_a_hook_may_encode_decode_and_name_a_file(shop):
    """`sd_model.get_learned_conditioning`, `decode_first_stage`, `FilenameGenerator` and the texts of grids."""
    written(shop, "asking", ASKING)
    with shop.open():
        ended, [_], warned = shop.made(small("asking"))
        found = dict(sys.modules["easel_extensions.asking.asking"].FOUND)
    assert (ended.state, warned) == ("done", [])
    assert found["texts"] == (2, 77, found["width"]) and found["decoded"] == (1, 3, 64, 64)
    assert found["name"] == "3-64x64-3-a red circle"
    assert found["grid"][0] > 128 and found["grid"][1] > 64


ENCODING = """
from modules import prompt_parser, script_callbacks

ASKED, WEIGHT = [], []
usual = prompt_parser.get_learned_conditioning

def encode(model, prompts, steps, *args):
    ASKED.append((list(prompts), prompts.is_negative_prompt))
    found = usual(model, prompts, steps, *args)
    for weight in WEIGHT:
        found = [[each._replace(cond=each.cond * weight) for each in schedules] for schedules in found]
    return found

prompt_parser.get_learned_conditioning = encode
script_callbacks.on_script_unloaded(lambda: setattr(prompt_parser, "get_learned_conditioning", usual))
"""
ASKING = """
from PIL import Image
from modules import images, processing, scripts

FOUND = {}

class Asking(scripts.Script):
    def title(self):
        return "Asking"

    def show(self, is_img2img):
        return scripts.AlwaysVisible

    def post_sample(self, p, args):
        FOUND["decoded"] = tuple(processing.decode_first_stage(p.sd_model, args.samples).shape)
        FOUND["texts"] = tuple(p.sd_model.get_learned_conditioning(["a dog", "a cat"]).shape)
        FOUND["width"] = p.uc[0][0].cond.shape[-1]

    def postprocess_image(self, p, pp):
        named = images.FilenameGenerator(p, p.seeds[0], p.prompts[0], pp.image)
        FOUND["name"] = named.apply("[seed]-[width]x[height]-[steps]-[prompt_spaces]")
        grid = Image.new("RGB", (128, 64))
        texts = [[images.GridAnnotation("left")], [images.GridAnnotation("right", is_active=False)]]
        FOUND["grid"] = images.draw_grid_annotations(grid, 64, 64, texts, [[images.GridAnnotation("row")]]).size
"""
