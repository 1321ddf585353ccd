"""The VAE: latents to pictures, and back."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
from diffusers import AutoencoderKL, ConsistencyDecoderVAE
from torch import Tensor

from modules.base.errors import NotANumber
from modules.models.optimizations.attention import AttentionLayers
from modules.models.optimizations.hypertile import Hypertiling
from modules.sampling.latent import LatentFormat
from modules.sampling.noise import cpu_generator

log = logging.getLogger(__name__)
TILE = 512      # pixels of a tile's side; tiles overlap by a quarter


@dataclass(eq=False)
class Vae:
    """A VAE in use. If it fails in half precision, it is moved to single for good.

    latent: converts its latents to the network's scale
    """

    module: AutoencoderKL | ConsistencyDecoderVAE
    latent: LatentFormat
    hypertiling: Hypertiling = field(init=False)
    attention: AttentionLayers = field(init=False)

    def __post_init__(self) -> None:
        self.hypertiling = Hypertiling(self.module)
        self.attention = AttentionLayers(self.module, self.hypertiling)
        self.module.tile_sample_min_size, self.module.tile_latent_min_size = TILE, TILE // self.latent.cell

    def decode(self, latent: Tensor, tiled: bool = False) -> Tensor:
        """Decode a (C, h, w) latent on the UNet's scale to (3, H, W) in about [−1, 1], float32. Raises NotANumber."""
        if not torch.isfinite(latent).all():
            raise NotANumber(
                "The UNet's result is not a number, so there is no picture to show.",
                "The model may be broken, or too large for half precision: try --no-half.",
            )
        self.module.use_tiling = tiled
        # the same noise each time
        drawn = {"generator": cpu_generator(0)} if isinstance(self.module, ConsistencyDecoderVAE) else {}
        return self._finite(
            lambda like: self.module.decode(self.latent.to_vae(latent).to(like)[None], return_dict=False, **drawn)[0][0]
        )

    def encode(
        self, pixels: Tensor, tiled: bool = False, drawn: Callable[[tuple[int, ...]], Tensor] | None = None
    ) -> Tensor:
        """Encode (3, H, W) in [−1, 1] to a (C, h, w) latent on the VAE's own scale, float32: the distribution's mean.

        drawn: returns unit noise of a shape; with it the latent is a sample of the distribution. Raises NotANumber.
        """
        self.module.use_tiling = tiled

        def latent(like: Tensor) -> Tensor:
            found = self.module.encode(pixels.to(like)[None]).latent_dist
            mean: Tensor = found.mode()[0]
            return mean if drawn is None else mean + found.std[0] * drawn(tuple(mean.shape)).to(mean)

        return self._finite(latent)

    def _finite(self, ask: Callable[[Tensor], Tensor]) -> Tensor:
        weight = next(self.module.parameters())
        answer = ask(weight).float()
        if torch.isfinite(answer).all():
            return answer
        if weight.dtype == torch.float32:
            raise NotANumber(
                "The VAE's result is not a number, so there is no picture to show.",
                "Try another VAE or checkpoint, or --no-half-vae.",
            )
        log.warning("The VAE gave no number in half precision; it works in single precision from now on.")
        self.module.float()
        return self._finite(ask)


def to_uint8(pixels: Tensor) -> np.ndarray:
    """Convert (3, H, W) in [−1, 1] to (H, W, 3) uint8, truncated and not rounded, as in A1111."""
    scaled = ((pixels + 1) / 2).clamp(0, 1) * 255
    return scaled.permute(1, 2, 0).cpu().numpy().astype(np.uint8)
