"""The families of checkpoints: their description, and the detection of a file's family by its tensors.

Inpainting and instruct-pix2pix variants are of the same family: their UNet sees 5 or 4 channels beside the latent.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeAlias

from torch import Tensor, nn

from modules.base.errors import ModelUnsupported
from modules.base.families import WIDTHS, KnownFamily, spoken_family
from modules.library.catalog import FIRST_CONVOLUTION
from modules.models.checkpoint.hints import Hints
from modules.models.checkpoint.key_mapping import CONTEXT, UNET_PREFIX
from modules.sampling.latent import SD_LATENT, LatentFormat
from modules.sampling.schedules import ALIGNED

BESIDE = (0, 4, 5)      # channels beside the latent: none, a picture, a mask and a picture
TOKENS = "token_embedding.weight"

Tensors: TypeAlias = Mapping[str, Tensor]
ShapedTensors: TypeAlias = "Mapping[str, Shaped]"
# positional and named arguments of a network's call
CallArguments: TypeAlias = tuple[tuple[Any, ...], dict[str, Any]]


class Shaped(Protocol):
    """A tensor's shape, also before the tensor is read."""

    @property
    def shape(self) -> Sequence[int]: ...


def nothing_more(tensors: Tensors) -> dict[str, Tensor]:
    return {}


def nothing_joined(names: Collection[str], tensors: Tensors) -> dict[str, Tensor]:
    return {}


@dataclass(frozen=True)
class PartNetwork:
    """The conversion of a part's tensors to a module.

    names: file's name → module's; split: tensors under their file's names → further ones under the module's
    build: tensors under the module's names → the module, to be made without memory
    join: the reverse of `split`: a file's names, tensors under the module's → those of the names that were split
    """

    names: Callable[[Collection[str]], dict[str, str]]
    build: Callable[[Tensors, Hints], nn.Module]
    split: Callable[[Tensors], dict[str, Tensor]] = nothing_more
    join: Callable[[Collection[str], Tensors], dict[str, Tensor]] = nothing_joined


@dataclass(frozen=True)
class Denoiser:
    """The network of a family that predicts, and its calling convention.

    first, context: tensors of the file that identify it: (width, channels it sees, kh, kw) and (width, width of the
        text)
    """

    network: PartNetwork
    # of the network's call, from its UNetInputs and rows
    arguments: Callable[[nn.Module, Any, Sequence[Any]], CallArguments]
    prefix: str = UNET_PREFIX
    first: str = FIRST_CONVOLUTION
    context: str = CONTEXT

    def is_in(self, tensors: ShapedTensors) -> bool:
        return self.ranks(tensors) == (4, 2)

    def ranks(self, tensors: ShapedTensors) -> tuple[int, ...]:
        return tuple(len(tensors[name].shape) for name in (self.first, self.context) if name in tensors)


@dataclass(frozen=True)
class TextPart:
    """A text encoder of a family: the place of its weights, and the reading of its output."""

    prefix: str
    network: PartNetwork
    layer: int | None = None        # counted from the end; None: by clip skip
    normed: bool = True             # the final layer norm is applied
    padding: int | None = None      # token after the text's end; None: the end token again
    pooled: bool = False            # its pooled text is used as well
    optional_skip: bool = False     # clip skip is used if the setting `sdxl_clip_l_skip` is on
    table: str = TOKENS             # the end of the name of its table of tokens

    def is_table(self, key: str) -> bool:
        """Return whether it is the name of its table of tokens, which any file with this encoder has."""
        return key.startswith(self.prefix) and key.endswith(self.table)


@dataclass(frozen=True)
class Family:
    """All properties of a family: names, networks, latents, noise, text.

    hints: facts that its files' weights do not show, such as the parametrization
    reads: the class that turns prompts into conditionings, made with (model, tokenizer)
    told: fields of `SizeConditioning`, the numbers in the conditioning beside the text, in order
    aligned: its levels for Align Your Steps; () has none
    large: A1111's setting of weights in 8 bits "for SDXL" applies to it too
    ldm_loras: kohya-ss names its modules as checkpoints do, and not as diffusers does
    """

    known: KnownFamily
    denoiser: Denoiser
    texts: tuple[TextPart, ...]
    reads: Callable[..., Any]
    latent: LatentFormat = SD_LATENT
    hints: Hints = field(default_factory=Hints)
    told: tuple[str, ...] = ()
    aligned: tuple[float, ...] = ALIGNED
    large: bool = False
    ldm_loras: bool = False

    @property
    def name(self) -> str:
        return self.known.name

    @property
    def title(self) -> str:
        return self.known.title

    def widths(self, tensors: ShapedTensors) -> list[int]:
        """Return the width of each of its text encoders; fewer, if the file lacks some."""
        tables = [next((tensor for key, tensor in tensors.items() if part.is_table(key)), None) for part in self.texts]
        return [table.shape[1] for table in tables if table is not None and len(table.shape) == 2]


# The first mark in a tensor's name identifies another kind of file.
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
    UNET_PREFIX: "the UNet of a checkpoint",
    "input_blocks.0.0.weight": "a UNet alone",
    "down_blocks.0.resnets.0.conv1.weight": (
        "a model in diffusers' layout, of which a checkpoint is made by its scripts"
    ),
    "decoder.conv_in.": "a VAE; it belongs into models/VAE",
    "quant_conv.": "a VAE; it belongs into models/VAE",
    "text_model.": "a text encoder alone",
    "encoder.block.0.layer.0.SelfAttention": "a T5 text encoder alone",
    "resblocks.": "a text encoder alone",
    "body.0.rdb1": "an upscaler; it belongs into models/ESRGAN",
    "RDB1.": "an upscaler; it belongs into models/ESRGAN",
}


def family_of(name: str, tensors: ShapedTensors, families: Sequence[Family]) -> Family:
    """Return the family whose text encoders are in the file, and together as wide as its network's context.

    Raises ModelUnsupported, naming the kind of file it is instead.
    """
    candidates = [family for family in families if family.denoiser.is_in(tensors)]
    if not candidates:
        raise ModelUnsupported(f"{name} is no checkpoint: it is {likeness(tensors)}.", loadable_families(families))
    seen = tensors[candidates[0].denoiser.first].shape[1]
    candidates = [family for family in candidates if seen - family.latent.channels in BESIDE]
    if not candidates:
        raise ModelUnsupported(
            f"{name} takes {seen} channels: a kind of model Easel does not know.", loadable_families(families)
        )
    whole = [family for family in candidates if len(family.widths(tensors)) == len(family.texts)]
    fitting = [family for family in whole if sum(family.widths(tensors)) == width_of_context(family, tensors)] or whole
    if not fitting:
        width = width_of_context(candidates[0], tensors)
        raise ModelUnsupported(
            f"{name} is {without_texts(width)}.", "Choose the whole checkpoint, or merge them into one file."
        )
    return max(fitting, key=lambda family: len(family.texts))


def width_of_context(family: Family, tensors: ShapedTensors) -> int:
    return tensors[family.denoiser.context].shape[1]


def without_texts(width: int) -> str:
    family = WIDTHS.get(width, "")
    of_family = f" of {spoken_family(family)}" if family else ""
    return f"the UNet of a checkpoint{of_family} without the text encoders it was trained with"


def likeness(tensors: Collection[str]) -> str:
    """Return the kind of a file with these tensors, in words."""
    return next(
        (what for mark, what in LIKENESSES.items() if any(mark in key for key in tensors)),
        "none of the kinds of model that Easel knows",
    )


def loadable_families(families: Sequence[Family]) -> str:
    return f"Easel loads checkpoints of {', '.join(family.title for family in families)}."
