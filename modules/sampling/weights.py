"""The weights of a question: a checkpoint's file and everything applied to it, as values."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class NetworkUse:
    """A LoRA or one of its kin: the SHA-256 of its file, and its strengths."""

    sha256: str
    text: float = 1.0           # its strength in the text encoders
    unet: float = 1.0
    rank: int | None = None     # its rank is cut to so many
    blocks: str = ""            # a strength for each block, in the block-weight extension's notation


@dataclass(frozen=True, slots=True)
class Hypertile:
    """A1111's Hypertile settings: self-attention within tiles of the picture."""

    depth: int      # of the deepest layers with tiles; 0 is the model's first attention
    tile: int       # the least length of a tile's side, in pixels
    swap: int       # the number of ways of cutting a side that the layers alternate between


@dataclass(frozen=True, slots=True)
class Fp8:
    """Storage of the UNet's and the text encoders' weights in 8 bits."""

    only_sdxl: bool = False     # other families are left as they are
    keep: bool = False          # keep the original weights too, for networks


@dataclass(frozen=True, slots=True)
class Weights:
    """The weights that answer a question: files by the SHA-256 of their content, and everything applied to them."""

    checkpoint: str
    vae: str = ""                                           # "": the checkpoint's own
    tiling: bool = False                                    # seamless: opposite edges of the picture join
    networks: tuple[NetworkUse, ...] = ()
    hypernetworks: tuple[tuple[str, float], ...] = ()       # SHA-256 and strength, in order
    # share of the UNet's tokens that are merged for self-attention
    token_merging: float = 0.0
    hypertile: Hypertile | None = None                      # in the UNet
    hypertile_vae: Hypertile | None = None
    fp8: Fp8 | None = None
    attention: str = "Automatic"                            # A1111's name of the attention backend

    @property
    def drawing(self) -> Weights:
        """The weights that the UNet and the text encoders depend on: without the VAE."""
        return replace(self, vae="", hypertile_vae=None)

    @property
    def plain(self) -> Weights:
        """The weights without networks."""
        return replace(self, networks=())
