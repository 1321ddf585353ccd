"""The consistency decoder's file is told among the VAEs, and draws the same picture each time."""

from __future__ import annotations

import pytest
import torch
from diffusers import ConsistencyDecoderVAE
from safetensors.torch import save_file

from modules.models.checkpoint.loader import load_vae_file
from modules.models.vae.vae import Vae
from modules.sampling.latent import SD_LATENT


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    torch.manual_seed(0)
    module = ConsistencyDecoderVAE(
        encoder_block_out_channels=(32, 32, 32, 32), decoder_block_out_channels=(32, 32, 32, 32)
    ).eval()
    path = tmp_path_factory.mktemp("vae") / "consistency_decoder.safetensors"
    save_file({name: tensor.contiguous() for name, tensor in module.state_dict().items()}, path)
    return module, path


@pytest.mark.slow
@torch.inference_mode()
def test_the_file_is_the_module(small):
    module, path = small
    latent = torch.randn(4, 8, 8)
    found = Vae(load_vae_file(path), SD_LATENT).decode(latent)
    wanted = module.decode(latent[None] / 0.18215, torch.Generator().manual_seed(0)).sample[0]
    assert torch.allclose(found, wanted, atol=1e-5)


@pytest.mark.slow
@torch.inference_mode()
def test_the_same_latent_is_the_same_picture(small):
    vae, latent = Vae(load_vae_file(small[1]), SD_LATENT), torch.randn(4, 8, 8)
    assert torch.equal(vae.decode(latent), vae.decode(latent))


@torch.inference_mode()
def test_it_encodes_as_well(small):
    module, path = small
    pixels = torch.rand(3, 64, 64) * 2 - 1
    assert torch.allclose(
        Vae(load_vae_file(path), SD_LATENT).encode(pixels), module.encode(pixels[None]).latent_dist.mode()[0], atol=1e-5
    )
