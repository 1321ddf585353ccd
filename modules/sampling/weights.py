"""Which weights a question is for: files, and all that is done to what is in them.

Values, compared by what they say.
"""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class NetworkUse:
    """A LoRA or one of its kin, by the SHA-256 of its file, and how strongly it counts."""

    sha256: str
    text: float = 1.0           # in the text encoders
    unet: float = 1.0
    rank: int | None = None     # of its directions only the first so many
    blocks: str = ""            # a strength for each block, as the block-weight extension's users write it


@dataclass(frozen=True, slots=True)
class Hypertile:
    """Self-attention within tiles of the picture: A1111's settings of it."""

    depth: int      # of the deepest layers that attend so; 0 is where the model's first attention is
    tile: int       # pixels; sides of tiles are as long at least
    swap: int       # among how many ways of cutting a side the layers take turns


@dataclass(frozen=True, slots=True)
class Fp8:
    """Weights of the UNet and the text encoders stored in 8 bits."""

    only_sdxl: bool = False     # those of other families are left as they are
    keep: bool = False          # the original weights too, for networks to be added to


@dataclass(frozen=True, slots=True)
class Weights:
    """Which weights answer: files by the SHA-256 of their content, and how they are applied."""

    checkpoint: str
    vae: str = ""                                           # "": the checkpoint's own
    tiling: bool = False                                    # pictures continue at their opposite edges
    networks: tuple[NetworkUse, ...] = ()
    hypernetworks: tuple[tuple[str, float], ...] = ()       # SHA-256 and strength, in their order
    # share of the UNet's tokens that are merged for self-attention
    token_merging: float = 0.0
    hypertile: Hypertile | None = None                      # in the UNet
    hypertile_vae: Hypertile | None = None
    fp8: Fp8 | None = None
    attention: str = "Automatic"                            # A1111's name of the backend that computes it

    @property
    def drawing(self) -> Weights:
        """What the UNet and the text encoders depend on: no VAE."""
        return replace(self, vae="", hypertile_vae=None)

    @property
    def plain(self) -> Weights:
        """The same without networks."""
        return replace(self, networks=())
