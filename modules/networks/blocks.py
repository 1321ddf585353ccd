"""Block weights: a network's strength for each block of the UNet, as `<lora:name:1:lbw=OUTD>` gives it.

Blocks are named as the LDM layout numbers them: IN00 … IN11 on the way down, M00, OUT00 … OUT11 on the way up, and BASE
for the text encoders. SDXL ends at IN08 and OUT08. The count of numbers determines the blocks that they are for.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from modules.base.errors import Invalid
from modules.base.limits import MAX_STRENGTH

UNET_BLOCK = re.compile(r"unet\.(down|up)_blocks\.(\d+)\.(\w+)\.(\d+)\.")
A_LEVEL = 3      # LDM's numbers for a level of Stable Diffusion: down two blocks and the downsampler, up three blocks


def block_weights(spec: str) -> Callable[[str], float]:
    """Return a function: a parameter's path → factor of the strength. Raises Invalid.

    spec: 12, 17, 20 or 26 numbers with commas between, or a preset's name. Blocks that have no number get 0; parameters
        in no block, such as the timestep's embedding, keep 1.
    """
    numbers = [number.strip() for number in PRESETS.get(spec.strip(), spec).split(",")]
    named = next((blocks for blocks in BLOCK_LAYOUTS if len(blocks) == len(numbers)), None)
    if named is None:
        counts = ", ".join(str(len(blocks)) for blocks in BLOCK_LAYOUTS)
        raise Invalid(
            f"lbw={spec} is {len(numbers)} numbers.",
            f"Give {counts} numbers, or one of {', '.join(PRESETS)}.",
            "prompt",
        )
    try:
        weights = dict(zip(named, map(parse_strength, numbers), strict=True))
    except ValueError as error:
        hint = f"Write it as 1,0.5,0 and so on, each at most {MAX_STRENGTH:g}."
        raise Invalid(f"lbw={spec} is not all numbers.", hint, "prompt") from error
    return lambda path: weights.get(block, 0.0) if (block := block_of(path)) else 1.0


def parse_strength(text: str) -> float:
    """Parse a strength. Raises ValueError if it is no number, or beyond MAX_STRENGTH."""
    number = float(text)
    if not abs(number) <= MAX_STRENGTH:
        raise ValueError(text)
    return number


def block_of(path: str) -> str:
    """Return a parameter's block: `unet.up_blocks.1.attentions.0.proj_in.weight` → OUT03; empty if it is in none."""
    if path.startswith("text_encoder"):
        return "BASE"
    if path.startswith("unet.mid_block."):
        return "M00"
    if path.startswith("unet.conv_in."):
        return "IN00"
    if not (match := UNET_BLOCK.match(path)):
        return ""
    way, level, kind, place = match[1], int(match[2]), match[3], int(match[4])
    number = A_LEVEL * level + (A_LEVEL - 1 if kind.endswith("samplers") else place)
    return f"IN{number + 1:02}" if way == "down" else f"OUT{number:02}"


def block_names(base: str, inputs: str, outputs: str) -> tuple[str, ...]:
    return (base, *(f"IN{n}" for n in inputs.split()), "M00", *(f"OUT{n}" for n in outputs.split()))


BLOCK_LAYOUTS = (
    # SDXL's with attention
    block_names("BASE", "04 05 07 08", "00 01 02 03 04 05"),
    # SD1's with attention
    block_names("BASE", "01 02 04 05 07 08", "03 04 05 06 07 08 09 10 11"),
    # all of SDXL
    block_names("BASE", "00 01 02 03 04 05 06 07 08", "00 01 02 03 04 05 06 07 08"),
    # all of SD1
    block_names("BASE", "00 01 02 03 04 05 06 07 08 09 10 11", "00 01 02 03 04 05 06 07 08 09 10 11"),
)

PRESETS = {      # those of sd-webui-lora-block-weight
    "NONE": "0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0",
    "ALL": "1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1",
    "INS": "1,1,1,1,0,0,0,0,0,0,0,0,0,0,0,0,0",
    "IND": "1,0,0,0,1,1,1,0,0,0,0,0,0,0,0,0,0",
    "INALL": "1,1,1,1,1,1,1,0,0,0,0,0,0,0,0,0,0",
    "MIDD": "1,0,0,0,1,1,1,1,1,1,1,1,0,0,0,0,0",
    "OUTD": "1,0,0,0,0,0,0,0,1,1,1,1,0,0,0,0,0",
    "OUTS": "1,0,0,0,0,0,0,0,0,0,0,0,1,1,1,1,1",
    "OUTALL": "1,0,0,0,0,0,0,0,1,1,1,1,1,1,1,1,1",
    "ALL0.5": "0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5",
}
