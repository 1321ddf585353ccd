"""Which family a checkpoint belongs to, by its weights. A family is one entry of the table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from torch import Tensor

from modules.base.errors import ModelUnsupported
from modules.models.hints import Hints
from modules.models.layout import CLIP, UNET, XL_CLIP, XL_OPEN_CLIP

CONTEXT = f"{UNET}middle_block.1.transformer_blocks.0.attn2.to_k.weight"
FIRST = f"{UNET}input_blocks.0.0.weight"


@dataclass(frozen=True)
class Family:
    """name: what users call it; matches: does it look like this?; hints: what its weights do not say.

    clip, open_clip: the prefixes of its text encoders, "" for one it has not
    """

    name: str
    matches: Callable[[Mapping[str, Tensor]], bool]
    hints: Hints = field(default_factory=Hints)
    clip: str = CLIP
    open_clip: str = ""


def sd1(tensors: Mapping[str, Tensor]) -> bool:
    """CLIP's text encoder, and a UNet with cross-attention that takes the latent alone."""
    return CONTEXT in tensors and tensors[FIRST].shape[1] == 4 and any(key.startswith(CLIP) for key in tensors)


def sdxl(tensors: Mapping[str, Tensor]) -> bool:
    """CLIP's and OpenCLIP's text encoders together."""
    return all(any(key.startswith(prefix) for key in tensors) for prefix in (XL_CLIP, XL_OPEN_CLIP)) and tensors[FIRST].shape[1] == 4


FAMILIES = (
    Family("SD1", sd1, Hints(unet={"num_heads": 8})),
    Family("SDXL", sdxl, Hints(unet={"num_head_channels": 64}, scaling_factor=0.13025, native_size=1024), XL_CLIP, XL_OPEN_CLIP),
)

STRANGERS = {      # a name that gives a stranger away
    "double_blocks.": "a Flux model",
    "joint_blocks.": "an SD3 model",
    "conditioner.embedders.": "an SDXL refiner or inpainting model",
    "cond_stage_model.model.": "an SD2 model",
    "lora_": "a LoRA; it belongs into models/Lora",
    "control_model.": "a ControlNet",
    "string_to_param": "a textual-inversion embedding; it belongs into models/embeddings",
    "decoder.conv_in.": "a VAE; it belongs into models/VAE",
}


def family_of(name: str, tensors: Mapping[str, Tensor]) -> Family:
    """Raises ModelUnsupported, saying what the file looks like instead."""
    for family in FAMILIES:
        if family.matches(tensors):
            return family
    looks = next((what for mark, what in STRANGERS.items() if any(mark in key for key in tensors)), "none that Easel knows")
    known = ", ".join(family.name for family in FAMILIES)
    raise ModelUnsupported(f"{name} is not a checkpoint Easel can use: it looks like {looks}.", f"Easel loads checkpoints of {known}.")
