"""Which family a checkpoint belongs to, by its weights. A family is one entry of the table.

Its inpainting and instruct-pix2pix variants are the same family: their UNet sees 5 or 4 channels beside the latent.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from torch import Tensor

from modules.base.errors import ModelUnsupported
from modules.base.families import spoken_family
from modules.library.family_detection import WIDTHS
from modules.models.checkpoint.hints import Hints
from modules.models.checkpoint.key_mapping import UNET

FIRST = f"{UNET}input_blocks.0.0.weight"
CONTEXT = f"{UNET}middle_block.1.transformer_blocks.0.attn2.to_k.weight"
LATENT_CHANNELS = 4
BESIDE = (0, 4, 5)      # channels beside the latent: none, a picture, a mask and a picture
PENULTIMATE = 2
TOKENS = "token_embedding.weight"


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

    def is_table(self, key: str) -> bool:
        """Is it the name of its table of tokens, which any file with this encoder has?"""
        return key.startswith(self.prefix) and key.endswith(TOKENS)


@dataclass(frozen=True)
class Family:
    """name: what users call it; texts: its text encoders; hints: what its weights do not say."""

    name: str
    texts: tuple[TextPart, ...]
    hints: Hints = field(default_factory=Hints)

    def widths(self, tensors: Mapping[str, Tensor]) -> list[int]:
        """How wide each of its text encoders is; of fewer, if the file lacks some."""
        tables = [next((tensor for key, tensor in tensors.items() if part.is_table(key)), None) for part in self.texts]
        return [table.shape[1] for table in tables if table is not None and len(table.shape) == 2]


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

# The first mark that is in a tensor's name tells what else the file is.
LIKENESSES = {
    "double_blocks.": "a Flux model",
    "joint_blocks.": "an SD3 model",
    "lora_": "a LoRA; it belongs into models/Lora",
    ".lora_A.": "a LoRA; it belongs into models/Lora",
    "hada_w1_a": "a LyCORIS network; it belongs into models/Lora",
    "lokr_w1": "a LyCORIS network; it belongs into models/Lora",
    "control_model.": "a ControlNet",
    "controlnet_": "a ControlNet",
    "motion_modules.": "a motion module of AnimateDiff",
    "ip_adapter": "an IP-Adapter",
    "string_to_param": "a textual-inversion embedding; it belongs into models/embeddings",
    "emb_params": "a textual-inversion embedding; it belongs into models/embeddings",
    UNET: "the UNet of a checkpoint",
    "input_blocks.0.0.weight": "a UNet alone",
    "down_blocks.0.resnets.0.conv1.weight": "a model in diffusers' layout, of which a checkpoint is made by its scripts",
    "decoder.conv_in.": "a VAE; it belongs into models/VAE",
    "quant_conv.": "a VAE; it belongs into models/VAE",
    "text_model.": "a text encoder alone",
    "encoder.block.0.layer.0.SelfAttention": "a T5 text encoder alone",
    "resblocks.": "a text encoder alone",
    "body.0.rdb1": "an upscaler; it belongs into models/ESRGAN",
    "RDB1.": "an upscaler; it belongs into models/ESRGAN",
}


def family_of(name: str, tensors: Mapping[str, Tensor]) -> Family:
    """The family whose text encoders are in the file, and together as wide as its UNet's context; other tools' are passed over.

    Raises ModelUnsupported, saying what the file is instead.
    """
    if CONTEXT not in tensors or FIRST not in tensors or len(tensors[FIRST].shape) != 4 or len(tensors[CONTEXT].shape) != 2:
        raise ModelUnsupported(f"{name} is no checkpoint: it is {likeness(tensors)}.", known())
    if tensors[FIRST].shape[1] - LATENT_CHANNELS not in BESIDE:
        raise ModelUnsupported(f"{name} takes {tensors[FIRST].shape[1]} channels: a kind of model Easel does not know.", known())
    whole = [family for family in FAMILIES if len(family.widths(tensors)) == len(family.texts)]
    fitting = [family for family in whole if sum(family.widths(tensors)) == tensors[CONTEXT].shape[1]] or whole
    if not fitting:
        raise ModelUnsupported(f"{name} is {without_texts(tensors)}.", "Choose the whole checkpoint, or merge them into one file.")
    return max(fitting, key=lambda family: len(family.texts))


def without_texts(tensors: Mapping[str, Tensor]) -> str:
    width = tensors[CONTEXT].shape[1]
    family = next((family for known, family in WIDTHS.items() if known == width), "")
    return f"the UNet of a checkpoint{' of ' + spoken_family(family) if family else ''} without the text encoders it was trained with"


def likeness(tensors: Collection[str]) -> str:
    """What a file with tensors of these names is, in words."""
    return next((what for mark, what in LIKENESSES.items() if any(mark in key for key in tensors)), "none of the kinds of model that Easel knows")


def known() -> str:
    return f"Easel loads checkpoints of {', '.join(spoken_family(family.name) for family in FAMILIES)}."
