"""Ranks, alphas and rates of a LoRA by the blocks of the UNet, in sd-scripts' numbers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from math import pi, sin

from modules.base.errors import Invalid

SD_BLOCK_COUNTS, SDXL_BLOCK_COUNTS = (12, 1, 12), (9, 3, 9)      # into the UNet, in its middle, out of it
DIFFUSERS_BLOCK = re.compile(
    r"^lora_unet_(down|up)_blocks_(\d{1,3})_(resnets|attentions|downsamplers|upsamplers)_(\d{1,3})_"
)
SDXL_BLOCK_NAME = re.compile(r"^lora_unet_(input_blocks|middle_block|output_blocks)_(\d{1,3})_")
SDXL_FIRST = {"input_blocks": 1, "middle_block": 10, "output_blocks": 13}
RATE_CURVES = ("sine", "cosine", "linear", "reverse_linear", "zeros")


def kohya_block(name: str) -> int:
    """Return the number of a layer's block: 0 to 24 of SD1 and SD2, 0 to 22 of SDXL; -1 outside the UNet.

    >>> kohya_block("lora_unet_down_blocks_1_attentions_0_proj_in"), kohya_block("lora_unet_input_blocks_4_1_proj_in")
    (4, 5)
    """
    if found := SDXL_BLOCK_NAME.match(name):
        return SDXL_FIRST[found[1]] + int(found[2])
    if found := DIFFUSERS_BLOCK.match(name):
        place = 3 * int(found[2]) + (int(found[4]) if found[3] in ("resnets", "attentions") else 2)
        return 1 + place if found[1] == "down" else sum(SD_BLOCK_COUNTS[:2]) + place
    return SD_BLOCK_COUNTS[0] if name.startswith("lora_unet_mid_block_") else -1


@dataclass(frozen=True, slots=True)
class LoraBlocks:
    """Values by block; without any a LoRA is the same everywhere.

    down, middle, up: factors of the rate, or the name of a curve such as "sine+0.1"
    threshold: blocks whose factor is not greater are left out
    """

    dims: tuple[int, ...] = ()
    alphas: tuple[float, ...] = ()
    conv_dims: tuple[int, ...] = ()
    conv_alphas: tuple[float, ...] = ()
    down: str = ""
    middle: str = ""
    up: str = ""
    threshold: float = 0.0

    @classmethod
    def read(cls, given: Mapping[str, str]) -> LoraBlocks:
        """Return the blocks of a network's arguments. Raises ValueError for what is no number."""
        whole = {name: tuple(int(each) for each in listed_numbers(given.get(name, "")))
                 for name in ("block_dims", "conv_block_dims")}
        exact = {name: tuple(float(each) for each in listed_numbers(given.get(name, "")))
                 for name in ("block_alphas", "conv_block_alphas")}
        return cls(
            whole["block_dims"], exact["block_alphas"], whole["conv_block_dims"], exact["conv_block_alphas"],
            given.get("down_lr_weight", ""), given.get("mid_lr_weight", ""), given.get("up_lr_weight", ""),
            float(given.get("block_lr_zero_threshold", 0)),
        )

    def size(self, name: str, wide: bool, usual: tuple[int, float]) -> tuple[int, float]:
        """Return rank and alpha of a layer; wide: it is a convolution of 3×3; usual: those of all others."""
        if (block := kohya_block(name)) < 0:
            return usual
        dims, alphas = (self.conv_dims, self.conv_alphas) if wide else (self.dims, self.alphas)
        dim = value_at(dims, block, "block_dims") if dims else usual[0]
        # an alpha that is not given is the rank's; one for all blocks stays as it is
        alpha = value_at(alphas, block, "block_alphas") if alphas else usual[1] if not dims else dim
        return int(dim), float(alpha)

    def rate(self, name: str) -> float:
        """Return the factor of a layer's rate; 0 leaves it out."""
        block = kohya_block(name)
        if block < 0 or not (self.down or self.middle or self.up):
            return 1.0
        counts, first = (SDXL_BLOCK_COUNTS, 1) if SDXL_BLOCK_NAME.match(name) else (SD_BLOCK_COUNTS, 0)
        factors = [factor for text, count in zip((self.down, self.middle, self.up), counts, strict=True)
                   for factor in block_factors(text, count)]
        place = block - first
        factor = factors[place] if 0 <= place < len(factors) else 1.0
        return factor if factor > self.threshold else 0.0


def listed_numbers(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def value_at(values: tuple[float, ...], block: int, field: str) -> float:
    """Return a block's value. Raises Invalid if the list is too short."""
    if block >= len(values):
        raise Invalid(f"{field} has {len(values)} values, and there is a block {block}.",
                      "Give 25 for SD1 and SD2, 23 for SDXL.", "network_args")
    return values[block]


def block_factors(text: str, count: int) -> list[float]:
    """Return the factors of so many blocks: a list, filled up with 1, or a curve. Raises Invalid.

    >>> block_factors("0.5,0.25", 3), block_factors("linear+0.5", 3)
    ([0.5, 0.25, 1.0], [0.5, 1.0, 1.5])
    """
    curve, _, more = text.partition("+")
    try:
        if curve not in RATE_CURVES:
            return [*map(float, listed_numbers(text)[:count]), *[1.0] * (count - len(listed_numbers(text)))]
        beyond = float(more or 0)
    except ValueError as error:
        raise Invalid(f"{text[:80]!r} is no list of factors.", f"Write 0.5,1,1 or one of {', '.join(RATE_CURVES)}.",
                      "network_args") from error
    shares = [place / max(1, count - 1) for place in range(count)]
    shapes = {"sine": [sin(pi * each / 2) for each in shares], "linear": shares, "zeros": [0.0] * count}
    shapes |= {"cosine": shapes["sine"][::-1], "reverse_linear": shares[::-1]}
    return [each + beyond for each in shapes[curve]]
