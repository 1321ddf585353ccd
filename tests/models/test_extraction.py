"""What was added to a checkpoint at low rank is found again."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import load_file, save_file

from modules.base.errors import Invalid, ModelMismatch
from modules.models.extraction import extract_lora, low_rank
from modules.models.loader import load
from modules.models.patcher import parameters_of
from modules.networks.dialects import Targets
from modules.networks.network import read_network
from tests.golden_data import GOLDEN

BASE = GOLDEN / "models/Stable-diffusion/tiny-sd1.safetensors"
LINEAR = "model.diffusion_model.middle_block.1.transformer_blocks.0.attn1.to_q.weight"
CONV = "model.diffusion_model.middle_block.0.in_layers.2.weight"


def quiet(done, of):
    pass


@pytest.mark.parametrize("shape", [(16, 12), (8, 6, 3, 3)])
def test_a_low_rank_difference_is_found_whole(shape):
    torch.manual_seed(0)
    difference = (torch.randn(shape[0], 3) @ torch.randn(3, int(torch.tensor(shape[1:]).prod()))).view(shape)
    factors = low_rank(difference, 3)
    found = (factors["lora_up.weight"].float().flatten(1) @ factors["lora_down.weight"].float().flatten(1)).view(shape)
    assert torch.allclose(found, difference, atol=0.02)


def test_an_added_update_comes_back_as_a_lora(tmp_path, tiny):
    weights = {name: tensor.float() for name, tensor in load_file(BASE).items()}
    save_file(weights, tmp_path / "base.safetensors")
    torch.manual_seed(0)
    updates = {name: (torch.randn(len(weights[name]), 4) @ torch.randn(4, weights[name][0].numel())).view_as(weights[name]) for name in (LINEAR, CONV)}
    save_file({name: tensor + updates.get(name, 0) for name, tensor in weights.items()}, tmp_path / "tuned.safetensors")

    assert extract_lora(tmp_path / "tuned.safetensors", tmp_path / "base.safetensors", tmp_path / "lora.safetensors", 4, quiet) == 2
    model = load(tiny)
    shapes = {path: tuple(parameter.shape) for path, parameter in parameters_of(model).items()}
    network = read_network("lora", load_file(tmp_path / "lora.safetensors"), {}, Targets.of(shapes, model.unet_names))
    assert not network.unmatched
    found = {path.removeprefix("unet."): patch for path, patch in network.patches.items()}
    for name, update in updates.items():
        patch = found[model.unet_names[name.removeprefix("model.diffusion_model.")]]
        assert torch.allclose(patch.delta(torch.zeros(update.shape)), update, atol=0.05)


def test_what_does_not_differ_gives_no_lora(tmp_path):
    with pytest.raises(ModelMismatch, match="do not differ"):
        extract_lora(BASE, BASE, tmp_path / "x.safetensors", 4, quiet)


@pytest.mark.parametrize("rank", [0, -1, 5000])
def test_a_rank_that_is_none_is_refused(tmp_path, rank):
    with pytest.raises(Invalid, match="rank"):
        extract_lora(BASE, BASE, tmp_path / "x.safetensors", rank, quiet)
