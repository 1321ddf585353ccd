from __future__ import annotations

import torch
from diffusers import AutoencoderKL

from benchmarks.loading import elsewhere, highest
from modules.models.vae.vae import Vae
from modules.sampling.latent import SD_LATENT

SIDE = 2048                              # pixels
CHANNELS = (32, 64, 128, 128)            # a quarter of Stable Diffusion's, for the time's sake


def run() -> None:
    """Memory that decoding 2048 × 2048 pixels takes, in tiles ÷ as a whole; each in a fresh process."""
    whole, tiled = (elsewhere(peak, in_tiles) for in_tiles in (False, True))
    print(
        f"  as a whole {whole / 2**20:8.0f} MiB\n  in tiles   {tiled / 2**20:8.0f} MiB\n  in tiles ÷ as a whole = "
        f"{tiled / whole:.3f}"
    )


@torch.inference_mode()
def peak(tiled: bool) -> int:
    """Bytes that decoding adds to a process that has the VAE."""
    torch.manual_seed(0)
    blocks = len(CHANNELS)
    module = AutoencoderKL(
        block_out_channels=CHANNELS, latent_channels=4, layers_per_block=2,
        down_block_types=("DownEncoderBlock2D",) * blocks, up_block_types=("UpDecoderBlock2D",) * blocks,
    ).eval()
    vae, latent = Vae(module, SD_LATENT), torch.randn(4, SIDE // SD_LATENT.cell, SIDE // SD_LATENT.cell)
    vae.decode(latent[:, : SD_LATENT.cell, : SD_LATENT.cell])
    before = highest()
    vae.decode(latent, tiled)
    return highest() - before
