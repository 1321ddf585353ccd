"""A model stored in 8 bits is the model whose weights were rounded to 8 bits, in a fraction of the memory."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from modules.models.checkpoint.families import FAMILIES
from modules.models.checkpoint.loader import load_checkpoint
from modules.models.lora.adapters import AdapterFiles, Adapters
from modules.models.lora.patcher import parameters_of
from modules.models.optimizations.fp8 import FP8, applied, store, working
from modules.sampling.weights import Fp8, Hypertile, Weights
from tests.golden_data import GOLDEN, library, spec
from tests.models.lora.test_patcher import used
from tests.playing import golden_device, made

pytestmark = pytest.mark.slow      # nearly each draws with a model


def model_of(tiny, dtype=torch.float32):
    found = load_checkpoint(tiny)
    found.to(torch.device("cpu"), *[dtype] * 3)
    return found


@pytest.fixture
def model(tiny):
    return model_of(tiny)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return AdapterFiles(library(tmp_path_factory.mktemp("none"), GOLDEN / "models"))


def rounded(model):
    """The same by hand: weights rounded, nothing stored otherwise."""
    for part in (model.unet, *(text.module for text in model.texts)):
        for module in part.modules():
            if isinstance(module, nn.Linear | nn.Conv2d):
                for parameter in module.parameters():
                    parameter.data = parameter.data.to(FP8).to(parameter.dtype)
    return model


def answers(model):
    random = torch.Generator().manual_seed(0)
    x, context = torch.randn(2, 4, 8, 8, generator=random), torch.randn(2, 77, 64, generator=random)
    return model.unet(x, torch.tensor([500, 20]), encoder_hidden_states=context).sample, model.texts[0].module(
        torch.arange(77)[None]
    )[0]


def bits(model):
    return {path: parameter.data.view(torch.uint8).clone() for path, parameter in parameters_of(model).items()}


def equal(some, others):
    return all(torch.equal(some[path], others[path]) for path in some)


def memory(module):
    return sum(parameter.nbytes for parameter in module.parameters())


@torch.inference_mode()
def test_it_computes_what_rounded_weights_compute(model, tiny):
    store(model, Fp8())
    by_hand = rounded(model_of(tiny))
    assert all(torch.equal(ours, theirs) for ours, theirs in zip(answers(model), answers(by_hand), strict=True))
    assert not torch.equal(answers(model)[0], answers(model_of(tiny))[0])


def test_it_needs_half_the_memory_of_16_bits(tiny):
    model = model_of(tiny, torch.float16)
    before = memory(model.unet)
    store(model, Fp8())
    assert 0.5 <= memory(model.unet) / before < 0.51


@pytest.mark.parametrize("keep", [False, True])
def test_originals_are_kept_only_where_that_is_wanted(model, keep):
    before = {path: parameter.data for path, parameter in parameters_of(model).items()}
    stored = store(model, Fp8(keep=keep))
    assert stored.kept.keys() == (stored.dtypes.keys() if keep else set())
    assert equal(stored.kept, before)


def test_norms_embeddings_and_the_vae_stay_as_they_are(model, tiny):
    before = model_of(tiny)
    stored, theirs = store(model, Fp8()), parameters_of(before)
    parameters = parameters_of(model)
    assert {path for path, parameter in parameters.items() if parameter.dtype == FP8} == stored.dtypes.keys()
    assert all(
        torch.equal(parameter, theirs[path]) for path, parameter in parameters.items() if path not in stored.dtypes
    )
    assert not any("norm" in path or "embedding.weight" in path for path in stored.dtypes)
    assert all(parameter.dtype == torch.float32 for parameter in model.vae.parameters())
    assert working(model.unet).dtype == working(model.texts[0].module).dtype == torch.float32


# Networks


def with_networks(model, files, fp8, *uses):
    adapters = Adapters(model, files, store(model, fp8).wide)
    adapters.bring(Weights("x", networks=uses, fp8=fp8))
    return adapters


@pytest.mark.parametrize("keep", [False, True])
@pytest.mark.parametrize("name", ["locon", "lokr", "dora", "full_norm"])
@torch.inference_mode()
def test_a_network_that_is_removed_leaves_no_trace(model, files, name, keep):
    adapters = with_networks(model, files, Fp8(keep=keep))
    before = bits(model)
    adapters.bring(Weights("x", networks=(used(files, name),)))
    assert not equal(bits(model), before)
    adapters.bring(Weights("x", networks=(used(files, "locon", unet=0.3),)))
    adapters.bring(Weights("x"))
    assert equal(bits(model), before)


@pytest.mark.parametrize("keep", [False, True])
@torch.inference_mode()
def test_networks_are_added_in_full_and_the_sum_is_rounded(model, tiny, files, keep):
    uses = used(files, "locon", unet=0.8), used(files, "lora_linear", unet=-0.4)
    with_networks(model, files, Fp8(keep=keep), *uses)
    plain = model_of(tiny) if keep else rounded(model_of(tiny))
    Adapters(plain, files).bring(Weights("x", networks=uses))
    theirs = parameters_of(plain)
    for path, parameter in parameters_of(model).items():
        assert torch.equal(parameter, theirs[path].to(parameter.dtype))


@torch.inference_mode()
def test_the_way_to_a_set_does_not_matter(model, tiny, files):
    uses = used(files, "locon", unet=0.8), used(files, "lora_linear", unet=-0.4)
    adapters = with_networks(model, files, Fp8(), used(files, "loha"))
    adapters.bring(Weights("x", networks=uses[1:]))
    adapters.bring(Weights("x", networks=uses))
    other = model_of(tiny)
    with_networks(other, files, Fp8(), *uses)
    assert equal(bits(model), bits(other))


# Whose wish it is


def family(name):
    return next(each for each in FAMILIES if each.name == name)


def test_a_wish_for_sdxl_is_none_for_others():
    assert applied(Fp8(only_sdxl=True), family("SD1")) is None
    assert (
        applied(Fp8(only_sdxl=True, keep=True), family("SDXL"))
        == applied(Fp8(keep=True), family("SD1"))
        == Fp8(keep=True)
    )
    assert applied(None, "SDXL") is None


@pytest.fixture
def device(tmp_path):
    found = golden_device(tmp_path)
    found.kept = 2
    return found


def drawn(device, prompt="a red fox <lora:locon:0.7>", **overrides):
    payload = {"prompt": prompt, "seed": 1, "steps": 2, "width": 64, "height": 64, "sampler_name": "Euler a"}
    job = spec({"id": "x", "endpoint": "/sdapi/v1/txt2img", "payload": payload | {"override_settings": overrides}})
    [found], _ = made(device, job)
    return found


@pytest.mark.parametrize("kept", [1, 2])
def test_pictures_of_others_stay_what_they_were(device, kept):
    device.kept = kept
    before, stored = drawn(device), drawn(device, fp8_storage="Enable")
    cached = drawn(device, fp8_storage="Enable", cache_fp16_weight=True)
    assert all(
        np.abs(one.pixels.astype(int) - other.pixels).max() > 0
        for one, other in ((before, stored), (stored, cached), (cached, before))
    )
    assert np.array_equal(drawn(device).pixels, before.pixels)
    assert np.array_equal(drawn(device, fp8_storage="Enable").pixels, stored.pixels)


def test_a_wish_that_is_not_for_this_model_loads_nothing(device):
    before = drawn(device)
    [ready] = device._ready.values()
    unchanged = drawn(device, fp8_storage="Enable for SDXL")
    assert [*device._ready.values()] == [ready]
    assert np.array_equal(unchanged.pixels, before.pixels)
    assert "FP8 weight" not in unchanged.extra_params


def test_a_wish_for_sdxl_is_granted_to_it(device):
    found = [
        drawn(device, "a red fox", sd_model_checkpoint="tiny-xl", fp8_storage=mode)
        for mode in ("Disable", "Enable for SDXL", "Enable")
    ]
    assert found[1].extra_params["FP8 weight"] == "Enable for SDXL"
    assert not np.array_equal(found[0].pixels, found[1].pixels)
    assert np.array_equal(found[1].pixels, found[2].pixels)


def test_generation_data_tells_of_it(device):
    told = drawn(device, fp8_storage="Enable").extra_params
    assert (told["FP8 weight"], told["Cache FP16 weight for LoRA"]) == ("Enable", False)


def test_networks_share_no_call_in_8_bits(device, files):
    drawn(device)
    drawn(device, fp8_storage="Enable")
    [checkpoint] = {checkpoint for checkpoint, _ in device._ready}
    weights = Weights(checkpoint, networks=(used(files, "locon"),))
    assert device.batch_weights(weights) == weights.plain
    for alone in (replace(weights, fp8=Fp8()), replace(weights, hypertile=Hypertile(3, 128, 1))):
        assert device.batch_weights(alone) == alone
