"""TAESD's files in their own layout give diffusers' network, and stand in for the VAE where they are wanted."""

from __future__ import annotations

import pytest
import torch
from diffusers import AutoencoderTiny
from safetensors.torch import save_file

from modules.base.errors import ModelMismatch, ModelMissing
from modules.models.vae.taesd import Taesd

CPU = torch.device("cpu")


@pytest.fixture
def folder(tmp_path):
    """Random weights, saved as the original files number them."""
    torch.manual_seed(0)
    tiny = AutoencoderTiny()
    for which, before in (("decoder", 1), ("encoder", 0)):
        state = {name.removeprefix("layers."): tensor for name, tensor in getattr(tiny, which).state_dict().items()}
        numbered = {
            f"{int(name.split('.')[0]) + before}.{name.partition('.')[2]}": tensor.contiguous()
            for name, tensor in state.items()
        }
        save_file(numbered, tmp_path / f"taesd_{which}.safetensors")
    return tmp_path, tiny


@torch.inference_mode()
def test_both_halves_are_the_originals(folder):
    path, tiny = folder
    latent, pixels = torch.randn(4, 8, 8), torch.rand(3, 64, 64) * 2 - 1
    taesd = Taesd(path, "taesd", CPU)
    assert torch.equal(taesd.decode(latent), tiny.decoder(latent[None])[0])
    assert torch.equal(taesd.encode(pixels), tiny.encoder(pixels[None])[0])


def test_a_missing_file_is_named(tmp_path):
    taesd = Taesd(tmp_path, "taesdxl", CPU)
    assert not taesd.available
    with pytest.raises(ModelMissing) as caught:
        taesd.decode(torch.zeros(4, 8, 8))
    assert "taesdxl_decoder.safetensors" in caught.value.hint


def test_another_networks_file_is_refused_by_name(tmp_path):
    save_file({"1.weight": torch.zeros(2)}, tmp_path / "taesd_decoder.safetensors")
    with pytest.raises(ModelMismatch, match=r"taesd_decoder\.safetensors"):
        Taesd(tmp_path, "taesd", CPU).decode(torch.zeros(4, 8, 8))
