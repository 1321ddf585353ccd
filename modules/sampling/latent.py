"""The format of a family's latents, and their scale relative to the VAE's. No torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class LatentFormat:
    """The latents of a family: (channels, height / cell, width / cell).

    factor, shift: the network's latent is (the VAE's − shift) · factor
    tiny: the name of the small VAE (TAESD) that may replace its VAE
    """

    channels: int = 4
    cell: int = 8
    factor: float = 0.18215
    shift: float = 0.0
    tiny: str = "taesd"

    def to_network(self, latent: Tensor) -> Tensor:
        """Convert a latent of the VAE to the network's scale."""
        return ((latent - self.shift) if self.shift else latent) * self.factor

    def to_vae(self, latent: Tensor) -> Tensor:
        """Convert a latent of the network to the VAE's scale."""
        found = latent / self.factor
        return found + self.shift if self.shift else found


SD_LATENT = LatentFormat()      # the format of Stable Diffusion 1
