"""The manifest tells what a picture came from, and what of that is otherwise now."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest
from PIL import Image

from modules.base.errors import Invalid
from modules.imaging.save import png
from modules.params.txt2img import Txt2Img
from modules.pipelines.networks import networks_of
from modules.pipelines.plan import Files
from modules.requests.compare_manifest import MANIFEST_KEY, differences
from modules.settings.options import Settings
from modules.worker.manifest import manifest
from tests.golden_data import GOLDEN, library
from tests.planning import image_plan

DEVICE = {"device": "cpu", "unet": "float32"}


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    return library(
        GOLDEN / "models/Stable-diffusion", GOLDEN / "models", tmp_path_factory.mktemp("hashes") / "h.sqlite"
    )


@pytest.fixture(scope="module")
def then(models):
    params = Txt2Img(prompt="tinyti circle <lora:locon:0.8><hypernet:hn_121_relu:0.5>", seed=1)
    checkpoint = models.checkpoints.hashed(models.checkpoints.find("tiny-sd1"))
    files = Files(
        checkpoint, models.vae_for(checkpoint, "tiny-alt.vae.safetensors"), networks=networks_of(params, models)
    )
    return json.loads(json.dumps(manifest(image_plan(params, Settings(), files), {}, DEVICE)))


def test_every_model_file_is_told_by_its_whole_hash(then):
    assert [(model["kind"], len(model["sha256"])) for model in then["models"]] == [
        ("checkpoint", 64), ("VAE", 64), ("LoRA", 64), ("hypernetwork", 64), ("embedding", 64)
    ]


def test_where_nothing_changed_there_is_no_difference(then, models):
    assert differences(then, models, Settings(), DEVICE) == []


def test_a_setting_that_shapes_pictures_is_a_difference(then, models):
    [found] = differences(then, models, Settings(CLIP_stop_at_last_layers=2, samples_save=False), DEVICE)
    assert (found.what, found.then, found.now) == ("Clip skip", 1, 2)


def test_another_device_is_a_difference(then, models):
    found = differences(then, models, Settings(), {"device": "NVIDIA", "unet": "float16"})
    assert [(each.what, each.then, each.now) for each in found] == [
        ("device", "cpu", "NVIDIA"),
        ("unet", "float32", "float16"),
    ]


def test_a_model_that_is_not_here_is_named(then, models, tmp_path):
    found = differences(then, library(tmp_path), Settings(), DEVICE)
    assert [each.what for each in found] == [model["kind"] for model in then["models"]]
    assert {each.now for each in found} == {"not known here"}


def test_what_is_no_manifest_is_refused(models):
    for wrong in ({}, {"models": 3}, {"models": [], "settings": None}):
        with pytest.raises(Invalid, match="no manifest"):
            differences(wrong, models, Settings(), DEVICE)


def test_it_travels_in_the_picture_beside_the_generation_data(then):
    content = png(Image.fromarray(np.zeros((8, 8, 3), np.uint8)), "a cat", {MANIFEST_KEY: json.dumps(then)})
    texts = Image.open(io.BytesIO(content)).text
    assert texts["parameters"] == "a cat" and json.loads(texts[MANIFEST_KEY]) == then
