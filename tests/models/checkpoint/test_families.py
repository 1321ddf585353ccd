"""Every family and variant is told by its weights, and draws: small random checkpoints in the original layout."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from benchmarks.checkpoints import KINDS, Kind, Text, Unet, save
from modules.base.errors import ModelUnsupported
from modules.engine.engine import Engine, ImageTask
from modules.models.checkpoint.loader import load_checkpoint
from modules.models.device import Device, Placement
from modules.params.txt2img import Txt2Img
from modules.pipelines.plan import Files
from modules.prompts.tokenizer import load_tokenizer
from modules.requests.resolve import resolve_request
from modules.sampling.parametrization import VELOCITY
from modules.settings.options import Settings
from tests.golden_data import GOLDEN, library
from tests.planning import image_plan
from tests.playing import results

pytestmark = pytest.mark.slow      # nearly each draws with a model


def small(kind: Kind, in_channels: int = 4) -> Kind:
    """The same structure, a few channels wide."""
    u = kind.unet
    width = sum(64 for _ in kind.texts)
    pooled = 64 if u.adm else 0
    unet = replace(
        u,
        model_channels=64,
        context_dim=width,
        in_channels=in_channels,
        adm=pooled + (u.adm - 1280) if u.adm else 0,
        depth=tuple(min(depth, 2) for depth in u.depth),
        middle_depth=min(u.middle_depth, 2),
    )
    return Kind(unet, tuple(Text(text.prefix, text.open_clip, 64, 3) for text in kind.texts), 32, kind.markers)


def drawn(folder, steps=2):
    found = library(folder)
    device = Device(found, load_tokenizer(GOLDEN / "models/tiny-clip"), Placement.choose(cpu=True), lambda *_: None)
    params = resolve_request(Txt2Img(prompt="a cat", seed=1, steps=steps, width=64, height=64))
    plan = image_plan(params, Settings(), Files(found.checkpoints.hashed(found.checkpoints.default())))
    [result] = results(Engine(device.answer, lambda picture: None), [ImageTask(plan.task(), "job", 0, "me", 0)])
    return result.pixels


@pytest.mark.parametrize("channels", [4, 8, 9])
@pytest.mark.parametrize("family", KINDS)
def test_a_family_is_told_by_its_weights_and_draws(family, channels, tmp_path):
    save(small(KINDS[family], channels), tmp_path / "some.safetensors")
    model = load_checkpoint(library(tmp_path).checkpoints.default())
    assert (model.family.name, model.image_channels) == (family, channels - 4)
    assert [len(text.module.state_dict()) > 0 for text in model.texts] == [True] * len(KINDS[family].texts)
    pixels = drawn(tmp_path)
    assert pixels.shape == (64, 64, 3) and pixels.std() > 0


def test_heads_are_64_wide_where_the_family_says_so(tmp_path):
    save(small(KINDS["SDXL"]), tmp_path / "xl.safetensors")
    model = load_checkpoint(library(tmp_path).checkpoints.default())
    assert model.unet.config.attention_head_dim == [1, 2, 4]
    assert model.unet.down_blocks[1].attentions[0].transformer_blocks[0].attn1.heads == 2


def test_markers_among_the_tensors_tell_velocity_and_pure_noise(tmp_path):
    """As v-prediction models of SDXL carry them. Lin et al. 2023: at the last step nothing of the picture is left."""
    save(replace(small(KINDS["SDXL"]), markers=("v_pred", "ztsnr")), tmp_path / "v.safetensors")
    model = load_checkpoint(library(tmp_path).checkpoints.default())
    assert model.parametrization == VELOCITY and model.levels.highest > 4000
    assert np.all(np.diff(model.levels.alphas_cumprod) < 0)


@pytest.mark.parametrize(("offset", "predicts"), [(0.0, "epsilon"), (-2.0, "v_prediction")])
def test_an_sd2_model_is_asked_what_it_predicts(tmp_path, offset, predicts):
    """At the last timestep a noise model gives back what it sees; what is far below it can only be a velocity."""
    path = save(small(KINDS["SD2"]), tmp_path / "two.safetensors", torch.float32)
    from safetensors.torch import load_file, save_file

    weights = load_file(path)
    weights["model.diffusion_model.out.2.bias"] += 0.5 + offset
    save_file(weights, path)
    model = load_checkpoint(library(tmp_path).checkpoints.default())
    model.to(torch.device("cpu"), *[torch.float32] * 3)
    assert model.parametrization.name == predicts


def test_a_model_of_other_channels_is_refused_by_name(tmp_path):
    save(
        Kind(
            Unet(64, (1, 2), (1, 0), context_dim=64, in_channels=5), (Text("cond_stage_model.model.", True, 64, 3),), 32
        ),
        tmp_path / "depth.safetensors",
    )
    with pytest.raises(ModelUnsupported, match=r"depth\.safetensors takes 5 channels"):
        load_checkpoint(library(tmp_path).checkpoints.default())
