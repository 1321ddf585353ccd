"""Each attention backend gives PyTorch's own picture, and what cannot work here is refused in words."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers.models.attention_processor import (
    AttnProcessor,
    AttnProcessor2_0,
    SlicedAttnProcessor,
    XFormersAttnProcessor,
)

from modules.library.catalog import ModelFile
from modules.models.optimizations import attention
from modules.models.optimizations.attention import (
    AUTOMATIC_BACKEND,
    BACKENDS,
    PYTORCH,
    AttentionChoice,
    AttentionLayers,
    NoMemoryEfficient,
)
from modules.models.optimizations.hypertile import Hypertiling
from modules.models.optimizations.token_merging import TokenMerging
from modules.params.txt2img import Txt2Img
from modules.pipelines.plan import Files
from modules.sampling.weights import Hypertile, Weights
from modules.settings.a1111_flags import ATTENTION_FLAGS
from modules.settings.drawing_options import ATTENTION_BACKENDS
from modules.settings.flags import parse_flags, spelled
from modules.settings.options import Settings
from tests.golden_data import spec
from tests.models.lora.test_patcher import model  # noqa: F401  the same fixture
from tests.planning import image_plan
from tests.playing import golden_device, made

pytestmark = pytest.mark.slow      # nearly each draws with a model

CPU = torch.device("cpu")
HERE = [name for name in BACKENDS if name != "xformers"]      # those that need no GPU
PROCESSORS = {
    "xformers": XFormersAttnProcessor,
    "sdp-no-mem - scaled dot product without memory efficient attention": NoMemoryEfficient,
    "sdp - scaled dot product": AttnProcessor2_0,
    "sub-quadratic": SlicedAttnProcessor,
    "Doggettx": SlicedAttnProcessor,
    "V1 - original v1": SlicedAttnProcessor,
    "InvokeAI": SlicedAttnProcessor,
    "None": AttnProcessor,
}


def noise(*shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


def layers_of(module):
    return AttentionLayers(module, Hypertiling(module))


def answered(unet):
    return unet(noise(2, 4, 16, 16), torch.tensor([500]), encoder_hidden_states=noise(2, 77, 64)).sample


# What there is


def test_the_setting_offers_every_backend_there_is():
    assert (AUTOMATIC_BACKEND, *BACKENDS) == ATTENTION_BACKENDS == (Weights("x").attention, *BACKENDS)


@pytest.mark.parametrize(("flag", "name"), ATTENTION_FLAGS.items())
def test_each_flag_chooses_a_backend_that_there_is(flag, name):
    assert parse_flags([spelled(flag)], {}).attention == name
    assert name in BACKENDS


def test_of_several_flags_the_first_in_a1111s_order_counts():
    assert parse_flags(["--opt-sub-quad-attention", "--opt-sdp-attention", "--xformers"], {}).attention == "xformers"
    assert parse_flags([], {}).attention == AUTOMATIC_BACKEND


# Which is used


def test_automatic_is_what_the_command_line_says_else_pytorchs():
    assert AttentionChoice(CPU, torch.float32).backend(AUTOMATIC_BACKEND) is PYTORCH
    assert AttentionChoice(CPU, torch.float32, "sub-quadratic").backend(AUTOMATIC_BACKEND) is BACKENDS["sub-quadratic"]
    assert AttentionChoice(CPU, torch.float32, "sub-quadratic").backend("None") is BACKENDS["None"]


def test_xformers_is_refused_on_a_cpu_once_and_in_words(caplog):
    caplog.set_level(logging.WARNING)
    choice = AttentionChoice(CPU, torch.float32, "xformers")
    assert [choice.backend(name) for name in (AUTOMATIC_BACKEND, AUTOMATIC_BACKEND)] == [PYTORCH, PYTORCH]
    assert caplog.messages == ["Attention by PyTorch instead of xformers: xformers needs an NVIDIA GPU."]


def test_xformers_that_is_not_installed_says_how_to_install_it(monkeypatch):
    monkeypatch.setattr(attention, "find_spec", lambda name: None)
    assert "requirements-gpu.txt" in attention.xformers_unavailable(torch.device("cuda"), torch.float16)


# What is set on the modules


@pytest.mark.parametrize("name", BACKENDS)
def test_every_layer_of_unet_and_vae_gets_it(model, name):  # noqa: F811
    for module in (model.unet, model.vae):
        layers = layers_of(module)
        layers.bring(BACKENDS[name])
        assert layers.layers
        assert {type(layer.processor) for layer in layers.layers} == {PROCESSORS[name]}


def test_sub_quadratic_takes_one_head_at_a_time_and_the_others_a_row(model):  # noqa: F811
    layers = layers_of(model.unet)
    layers.bring(BACKENDS["sub-quadratic"])
    assert {layer.processor.slice_size for layer in layers.layers} == {1}
    layers.bring(BACKENDS["Doggettx"])
    assert all(layer.processor.slice_size == layer.heads for layer in layers.layers)


# What it gives


@torch.inference_mode()
@pytest.mark.parametrize("name", HERE)
def test_the_unets_answer_is_pytorchs(model, name):  # noqa: F811
    before, layers = answered(model.unet), layers_of(model.unet)
    layers.bring(BACKENDS[name])
    assert torch.allclose(answered(model.unet), before, atol=1e-4)
    layers.bring(PYTORCH)
    assert torch.equal(answered(model.unet), before)


@torch.inference_mode()
@pytest.mark.parametrize("name", HERE)
def test_the_vaes_answer_is_pytorchs(model, name):  # noqa: F811
    latent, layers = noise(1, 4, 8, 8), layers_of(model.vae)
    before = model.vae.decode(latent).sample
    layers.bring(BACKENDS[name])
    assert torch.allclose(model.vae.decode(latent).sample, before, atol=1e-4)


@torch.inference_mode()
@pytest.mark.parametrize("name", HERE)
def test_hypertile_and_token_merging_go_with_it(model, name):  # noqa: F811
    """Whichever came first; and with hypertile off again nothing of it is left."""
    tiling, merging = Hypertiling(model.unet), TokenMerging(model.unet)
    layers, wanted = AttentionLayers(model.unet, tiling), Hypertile(3, 128, 1)

    def tiled():
        merging.bring(0.5)
        tiling.bring(wanted)
        return model.unet(noise(1, 4, 32, 32), torch.tensor([500]), encoder_hidden_states=noise(1, 77, 64)).sample

    before = tiled()
    layers.bring(BACKENDS[name])
    assert torch.allclose(tiled(), before, atol=1e-4)
    tiling.bring(None)
    assert {type(layer.processor) for layer in layers.layers} == {PROCESSORS[name]}


# Pictures


@pytest.fixture(scope="module")
def device(tmp_path_factory):
    return golden_device(tmp_path_factory.mktemp("models"))


def pixels(device, prompt, **overrides):
    payload = {"prompt": prompt, "seed": 1, "steps": 2, "width": 64, "height": 64, "sampler_name": "Euler"}
    [drawn], _ = made(
        device,
        spec({"id": "x", "endpoint": "/sdapi/v1/txt2img", "payload": payload | {"override_settings": overrides}}),
    )
    return drawn.pixels.astype(int)


@pytest.mark.parametrize("name", HERE)
def test_networks_work_with_each(device, name):
    prompt = "a red circle <lora:locon:0.8> <hypernet:hn_121_relu:0.7>"
    usual = pixels(device, prompt)
    assert np.abs(pixels(device, prompt, cross_attention_optimization=name) - usual).max() <= 1
    assert np.array_equal(pixels(device, prompt), usual)


@pytest.mark.parametrize("name", [AUTOMATIC_BACKEND, "None"])
def test_a_jobs_setting_is_its_weights(name):
    plan = image_plan(Txt2Img(), Settings(cross_attention_optimization=name), Files(ModelFile(Path("x"), "x", "0")))
    assert plan.passes[0].weights.attention == name


def test_a_manifest_tells_which_backend_really_answered(device):
    assert device.described()["attention"] == device.described("xformers")["attention"] == "scaled_dot_product"
    assert device.described("InvokeAI")["attention"] == "sliced by row"

