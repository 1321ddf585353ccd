"""TAESD: a tiny replacement of Stable Diffusion's VAE, nearly as good and many times faster, from the user's files.

Format: github.com/madebyollin/taesd, one file each for encoder and decoder, keys numbered by place in the network.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from diffusers import AutoencoderTiny
from torch import Tensor

from modules.base.errors import ModelMismatch, ModelMissing
from modules.models.files.state_dict import read_state_dict

HALVES = ("decoder", "encoder")
LEADING_LAYERS = {"decoder": 1, "encoder": 0}      # layers without weights that diffusers' networks lack at the start
ENDINGS = (".safetensors", ".pth", ".pt")


class Taesd:
    """Latents on the UNet's scale (C, h, w) ↔ pictures (3, H, W) in [−1, 1], float32."""

    def __init__(self, folder: Path, stem: str, device: torch.device) -> None:
        """Raises ModelMissing if there is no file, ModelMismatch if it is another network's."""
        self.stem, self.folder, self.device = stem, folder, device
        self.halves: dict[str, torch.nn.Module] = {}

    def decode(self, latent: Tensor) -> Tensor:
        return self.half("decoder")(latent[None].float())[0]

    def encode(self, pixels: Tensor) -> Tensor:
        return self.half("encoder")(pixels[None].to(self.device))[0]

    @property
    def available(self) -> bool:
        return find_taesd(self.folder, f"{self.stem}_decoder") is not None

    def look(self, latent: Tensor) -> Tensor:
        """Decode for a preview."""
        return self.decode(latent)

    def half(self, which: str) -> torch.nn.Module:
        if which not in self.halves:
            self.halves[which] = self._load(which)
        return self.halves[which]

    def _load(self, which: str) -> torch.nn.Module:
        path = find_taesd(self.folder, f"{self.stem}_{which}")
        if path is None:
            hint = f"Put {self.stem}_{which}.safetensors into models/{self.folder.name}, or use the full VAE."
            raise ModelMissing(f"TAESD's {which} is not there.", hint)
        with torch.device("meta"):
            module = getattr(AutoencoderTiny(), which)
        state = rename_taesd_keys(read_state_dict(path).tensors, LEADING_LAYERS[which])
        if {name: tensor.shape for name, tensor in state.items()} != {
            name: tensor.shape for name, tensor in module.state_dict().items()
        }:
            raise ModelMismatch(f"{path.name} is not TAESD's {which}.", "Download it again.")
        module.load_state_dict(state, assign=True)
        return module.eval().requires_grad_(False).to(self.device, torch.float32)


def find_taesd(folder: Path, stem: str) -> Path | None:
    return next((path for ending in ENDINGS if (path := folder / f"{stem}{ending}").is_file()), None)


def rename_taesd_keys(tensors: Mapping[str, Tensor], before: int) -> dict[str, Tensor]:
    """Convert `3.conv.0.weight` to `layers.2.conv.0.weight`."""
    found = {}
    for name, tensor in tensors.items():
        place, _, rest = name.partition(".")
        found[f"layers.{int(place) - before}.{rest}" if place.isdigit() else name] = tensor
    return found
