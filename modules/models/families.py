"""Which family a checkpoint belongs to, by its weights. A family is one entry of the table.

Its inpainting and instruct-pix2pix variants are the same family: their UNet sees 5 or 4 channels beside the latent.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from torch import Tensor

from modules.base.errors import ModelUnsupported
from modules.models.hints import Hints
from modules.models.layout import UNET

FIRST = f"{UNET}input_blocks.0.0.weight"
CONTEXT = f"{UNET}middle_block.1.transformer_blocks.0.attn2.to_k.weight"
LATENT_CHANNELS = 4
BESIDE = (0, 4, 5)      # channels beside the latent: none, a picture, a mask and a picture
PENULTIMATE = 2


@dataclass(frozen=True)
class TextPart:
    """A text encoder of a family: where its weights are, and how it is read."""

    prefix: str
    open_clip: bool = False         # OpenCLIP's layout and activation; CLIP's if not
    layer: int | None = None        # counted from the end; None: clip skip decides
    normed: bool = True             # the final layer norm is applied
    padding: int | None = None      # token after the text's end; None: the end token again
    pooled: bool = False            # the text as a whole counts as well
    optional_skip: bool = False     # clip skip counts if the setting `sdxl_clip_l_skip` says so


@dataclass(frozen=True)
class Family:
    """name: what users call it; texts: its text encoders; hints: what its weights do not say."""

    name: str
    texts: tuple[TextPart, ...]
    hints: Hints = field(default_factory=Hints)

    def matches(self, tensors: Collection[str]) -> bool:
        """Does it have these text encoders, and no others?"""
        has = {prefix for prefix in PREFIXES if any(key.startswith(prefix) for key in tensors)}
        return has == {part.prefix for part in self.texts}


CLIP = TextPart("cond_stage_model.transformer.")
OPEN_CLIP = TextPart("cond_stage_model.model.", open_clip=True, layer=PENULTIMATE, padding=0)
XL_CLIP = TextPart("conditioner.embedders.0.transformer.", layer=PENULTIMATE, normed=False, optional_skip=True)
XL_OPEN_CLIP = TextPart("conditioner.embedders.1.model.", True, PENULTIMATE, normed=False, padding=0, pooled=True)
REFINER_OPEN_CLIP = TextPart("conditioner.embedders.0.model.", True, PENULTIMATE, normed=False, padding=0, pooled=True)

XL = {"unet": {"num_head_channels": 64}, "scaling_factor": 0.13025, "native_size": 1024}

FAMILIES = (
    Family("SD1", (CLIP,), Hints(unet={"num_heads": 8})),
    Family("SD2", (OPEN_CLIP,), Hints(unet={"num_head_channels": 64}, prediction_type="")),
    Family("SDXL", (XL_CLIP, XL_OPEN_CLIP), Hints(**XL)),
    Family("SDXL refiner", (REFINER_OPEN_CLIP,), Hints(**XL)),
)
PREFIXES = tuple(part.prefix for family in FAMILIES for part in family.texts)

STRANGERS = {      # a name that gives a stranger away
    "double_blocks.": "a Flux model",
    "joint_blocks.": "an SD3 model",
    "lora_": "a LoRA; it belongs into models/Lora",
    "control_model.": "a ControlNet",
    "string_to_param": "a textual-inversion embedding; it belongs into models/embeddings",
    "decoder.conv_in.": "a VAE; it belongs into models/VAE",
}


def family_of(name: str, tensors: Mapping[str, Tensor]) -> Family:
    """Raises ModelUnsupported, saying what the file looks like instead."""
    if CONTEXT in tensors and FIRST in tensors and len(tensors[FIRST].shape) == 4:
        if tensors[FIRST].shape[1] - LATENT_CHANNELS not in BESIDE:
            raise ModelUnsupported(f"{name} takes {tensors[FIRST].shape[1]} channels: a kind of model Easel does not know.", known())
        for family in FAMILIES:
            if family.matches(tensors):
                return family
    looks = next((what for mark, what in STRANGERS.items() if any(mark in key for key in tensors)), "none that Easel knows")
    raise ModelUnsupported(f"{name} is not a checkpoint Easel can use: it looks like {looks}.", known())


def known() -> str:
    return f"Easel loads checkpoints of {', '.join(family.name for family in FAMILIES)}."
