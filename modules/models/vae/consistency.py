"""OpenAI's consistency decoder in place of a VAE's: a UNet that samples the picture from the latent in two steps.

Song et al. 2023, arXiv:2303.01469; weights as diffusers keeps them (openai/consistency-decoder), put among the VAEs by
the user.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from diffusers import ConsistencyDecoderVAE
from diffusers.schedulers.scheduling_consistency_decoder import ConsistencyDecoderScheduler
from torch import Tensor

from modules.models.checkpoint.key_mapping import count

CONSISTENCY_PREFIX = "decoder_unet."
MEANS = (0.38862467, 0.02253063, 0.07381133, -0.0171294)           # of a latent's channels in its training
DEVIATIONS = (0.9654121, 1.0440036, 0.76147926, 0.77022034)


def is_consistency_decoder(tensors: Mapping[str, Tensor]) -> bool:
    return any(key.startswith(CONSISTENCY_PREFIX) for key in tensors)


def config(tensors: Mapping[str, Tensor]) -> dict[str, Any]:
    """Return arguments of ConsistencyDecoderVAE, inferred from the weights."""
    encoder = widths(tensors, "encoder.down_blocks")
    return {
        "encoder_block_out_channels": encoder,
        "encoder_down_block_types": ("DownEncoderBlock2D",) * len(encoder),
        "decoder_block_out_channels": widths(tensors, f"{CONSISTENCY_PREFIX}down_blocks"),
    }


def widths(tensors: Mapping[str, Tensor], stem: str) -> tuple[int, ...]:
    return tuple(tensors[f"{stem}.{i}.resnets.0.conv1.weight"].shape[0] for i in range(count(tensors, stem)))


def build_consistency_decoder(tensors: Mapping[str, Tensor]) -> ConsistencyDecoderVAE:
    """Return the decoder; called where modules are made without memory, and `complete` then restores its constants."""
    return ConsistencyDecoderVAE(**config(tensors))


def complete(module: ConsistencyDecoderVAE) -> ConsistencyDecoderVAE:
    for name, figures in (("means", MEANS), ("stds", DEVIATIONS)):
        module.register_buffer(name, torch.tensor(figures)[None, :, None, None], persistent=False)
    module.decoder_scheduler = ConsistencyDecoderScheduler()
    return module
