"""What was added to a checkpoint at low rank is found again."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import load_file, save_file

from modules.base.errors import Invalid, ModelCorrupt, ModelMismatch
from modules.base.files import new_file
from modules.library.catalog import ModelFile
from modules.models.checkpoint.loader import load_checkpoint
from modules.models.lora.patcher import parameters_of
from modules.models.merging.extract_lora import extract_lora, low_rank
from modules.networks.dialects import Targets
from modules.networks.network import read_network
from tests.golden_data import GOLDEN, assemble_models

BASE = GOLDEN / "models/Stable-diffusion/tiny-sd1.safetensors"
LINEAR = "model.diffusion_model.middle_block.1.transformer_blocks.0.attn1.to_q.weight"
CONV = "model.diffusion_model.middle_block.0.in_layers.2.weight"


def quiet(done, of):
    pass


def extract_to(tuned, base, path, *how):
    with new_file(path, "test") as out:
        return extract_lora(tuned, base, out, *how)


@pytest.mark.parametrize("shape", [(16, 12), (8, 6, 3, 3)])
def test_a_low_rank_difference_is_found_whole(shape):
    torch.manual_seed(0)
    difference = (torch.randn(shape[0], 3) @ torch.randn(3, int(torch.tensor(shape[1:]).prod()))).view(shape)
    factors = low_rank(difference, 3)
    found = (factors["lora_up.weight"].float().flatten(1) @ factors["lora_down.weight"].float().flatten(1)).view(shape)
    assert torch.allclose(found, difference, atol=0.02)


@pytest.mark.slow
def test_an_added_update_comes_back_as_a_lora(tmp_path, tiny):
    weights = {name: tensor.float() for name, tensor in load_file(BASE).items()}
    save_file(weights, tmp_path / "base.safetensors")
    torch.manual_seed(0)
    updates = {
        name: (torch.randn(len(weights[name]), 4) @ torch.randn(4, weights[name][0].numel())).view_as(weights[name])
        for name in (LINEAR, CONV)
    }
    save_file({name: tensor + updates.get(name, 0) for name, tensor in weights.items()}, tmp_path / "tuned.safetensors")

    assert (
        extract_to(
            tmp_path / "tuned.safetensors", tmp_path / "base.safetensors", tmp_path / "lora.safetensors", 4, quiet
        )
        == 2
    )
    model = load_checkpoint(tiny)
    shapes = {path: tuple(parameter.shape) for path, parameter in parameters_of(model).items()}
    network = read_network("lora", load_file(tmp_path / "lora.safetensors"), {}, Targets.of(shapes, model.unet_names))
    assert not network.unmatched
    found = {path.removeprefix("unet."): patch for path, patch in network.patches.items()}
    for name, update in updates.items():
        patch = found[model.unet_names[name.removeprefix("model.diffusion_model.")]]
        assert torch.allclose(patch.delta(torch.zeros(update.shape)), update, atol=0.05)


@pytest.mark.slow
def test_sdxls_text_encoders_and_its_unet_come_back_in_kohyas_names(tmp_path):
    """Its second encoder's queries, keys and values lie joined in the file; each is a module of its own in a LoRA."""
    base = assemble_models(tmp_path) / "tiny-xl.safetensors"
    weights = {name: tensor.float() for name, tensor in load_file(base).items()}
    unet, joined = (
        "model.diffusion_model.input_blocks.0.0.weight",
        "conditioner.embedders.1.model.transformer.resblocks.1.attn.in_proj_weight",
    )
    first = "conditioner.embedders.0.transformer.text_model.encoder.layers.0.mlp.fc1.weight"
    torch.manual_seed(0)
    updates = {
        name: torch.outer(torch.randn(len(weights[name])), torch.randn(weights[name][0].numel())).view_as(weights[name])
        for name in (unet, first, joined)
    }
    save_file({name: tensor + updates.get(name, 0) for name, tensor in weights.items()}, tmp_path / "tuned.safetensors")
    save_file(weights, tmp_path / "base.safetensors")

    assert (
        extract_to(
            tmp_path / "tuned.safetensors", tmp_path / "base.safetensors", tmp_path / "lora.safetensors", 1, quiet
        )
        == 5
    )
    tensors = load_file(tmp_path / "lora.safetensors")
    layers = {name.split(".")[0] for name in tensors}
    attention = "lora_te2_text_model_encoder_layers_1_self_attn"
    assert layers == {
        "lora_unet_input_blocks_0_0",
        "lora_te1_text_model_encoder_layers_0_mlp_fc1",
        *(f"{attention}_{letter}_proj" for letter in "qkv"),
    }
    found = torch.cat(
        [
            tensors[f"{attention}_{letter}_proj.lora_up.weight"]
            @ tensors[f"{attention}_{letter}_proj.lora_down.weight"]
            for letter in "qkv"
        ]
    )
    assert torch.allclose(found.float(), updates[joined], atol=0.02)
    model = load_checkpoint(ModelFile(base, base.name))
    shapes = {path: tuple(parameter.shape) for path, parameter in parameters_of(model).items()}
    assert not read_network("lora", tensors, {}, Targets.of(shapes, model.unet_names)).unmatched


def test_weak_directions_are_left_out():
    u, v = torch.linalg.qr(torch.randn(8, 8))[0], torch.linalg.qr(torch.randn(6, 6))[0]
    difference = u[:, :3] @ torch.diag(torch.tensor([4.0, 2.0, 0.1])) @ v[:, :3].T
    ranks = {threshold: len(low_rank(difference, 6, threshold)["lora_down.weight"]) for threshold in (0.01, 0.4, 0.9)}
    assert ranks == {0.01: 3, 0.4: 2, 0.9: 1}
    assert float(low_rank(difference, 6, 0.4)["alpha"]) == 2


@pytest.mark.slow
def test_files_that_do_not_go_together_are_named_with_both_shapes(tmp_path):
    weights = dict(load_file(BASE))
    weights[LINEAR] = weights[LINEAR][:, :5].contiguous()
    save_file(weights, tmp_path / "odd.safetensors")
    with pytest.raises(
        ModelMismatch,
        match=rf"tiny-sd1.safetensors and odd.safetensors do not go together: {LINEAR} is \(64, 64\) and \(64, 5\)",
    ):
        extract_to(BASE, tmp_path / "odd.safetensors", tmp_path / "x.safetensors", 4, quiet)
    del weights[LINEAR]
    save_file(weights, tmp_path / "less.safetensors")
    with pytest.raises(ModelMismatch, match=f"only the first has {LINEAR}"):
        extract_to(BASE, tmp_path / "less.safetensors", tmp_path / "x.safetensors", 4, quiet)


@pytest.mark.slow
def test_a_base_with_the_first_files_names_goes_together_with_todays(tmp_path):
    """The text encoder's, which lacked a part."""
    old = {name.replace("transformer.text_model.", "transformer."): tensor for name, tensor in load_file(BASE).items()}
    save_file(old, tmp_path / "old.safetensors")
    save_file(dict(load_file(BASE)) | {LINEAR: load_file(BASE)[LINEAR] + 1}, tmp_path / "tuned.safetensors")
    assert (
        extract_to(
            tmp_path / "tuned.safetensors", tmp_path / "old.safetensors", tmp_path / "lora.safetensors", 1, quiet
        )
        == 1
    )


def test_a_weight_that_is_no_number_is_named(tmp_path):
    weights = dict(load_file(BASE))
    save_file(weights | {LINEAR: torch.full_like(weights[LINEAR], float("nan"))}, tmp_path / "broken.safetensors")
    with pytest.raises(ModelCorrupt, match=f"broken.safetensors: not all of {LINEAR}"):
        extract_to(tmp_path / "broken.safetensors", BASE, tmp_path / "x.safetensors", 4, quiet)


def test_what_does_not_differ_gives_no_lora(tmp_path):
    with pytest.raises(ModelMismatch, match="do not differ"):
        extract_to(BASE, BASE, tmp_path / "x.safetensors", 4, quiet)


@pytest.mark.parametrize("rank", [0, -1, 5000])
def test_a_rank_that_is_none_is_refused(tmp_path, rank):
    with pytest.raises(Invalid, match="rank"):
        extract_to(BASE, BASE, tmp_path / "x.safetensors", rank, quiet)


@pytest.mark.parametrize("threshold", [-0.1, 1.0, float("nan")])
def test_a_threshold_that_is_none_is_refused(tmp_path, threshold):
    with pytest.raises(Invalid, match="threshold"):
        extract_to(BASE, BASE, tmp_path / "x.safetensors", 4, quiet, threshold)
