"""Latents to pictures."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from modules.base.errors import NotANumber
from modules.models.loader import LoadedModel
from modules.sampling.questions import Decode

log = logging.getLogger(__name__)


def decode(model: LoadedModel, questions: Sequence[Decode]) -> list[np.ndarray]:
    """Pictures (H, W, 3) uint8, one at a time as A1111 does: that keeps memory and rounding the same in any company."""
    return [picture(decoded(model, ask.latent)) for ask in questions]


def decoded(model: LoadedModel, latent: Tensor) -> Tensor:
    """(C, h, w) latent on the UNet's scale → (3, H, W) in about [−1, 1], float32.

    A VAE that fails in half precision is asked again in single, and stays so. Raises NotANumber.
    """
    if not torch.isfinite(latent).all():
        raise NotANumber(
            "The UNet's result is not a number, so there is no picture to show.",
            "The model may be broken, or too large for half precision: try --no-half.",
        )
    weight = next(model.vae.parameters())
    pixels = model.vae.decode((latent / model.scaling_factor).to(weight)[None], return_dict=False)[0][0].float()
    if torch.isfinite(pixels).all():
        return pixels
    if weight.dtype == torch.float32:
        raise NotANumber("The VAE's result is not a number, so there is no picture to show.", "Try another VAE or checkpoint.")
    log.warning("The VAE gave no number in half precision; decoding in single precision from now on.")
    model.vae.float()
    return decoded(model, latent)


def picture(pixels: Tensor) -> np.ndarray:
    """(3, H, W) in [−1, 1] → (H, W, 3) uint8, truncated and not rounded, as A1111 does."""
    scaled = ((pixels + 1) / 2).clamp(0, 1) * 255
    return scaled.permute(1, 2, 0).cpu().numpy().astype(np.uint8)
