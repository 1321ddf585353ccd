"""The image encoder that an IP-Adapter reads pictures with: a CLIP of its width, from the user's files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from PIL.Image import Image
from torch import Tensor

from modules.base.errors import ModelError, ModelMissing
from modules.library.catalog import ModelFile
from modules.library.library import Library
from modules.library.model_kinds import CLIP_VISION
from modules.library.safetensors_header import read_header, sniff
from modules.models.clip_vision import PATCHES, VISUAL_PROJECTION, encoder_pixels, load_image_encoder
from modules.models.control.ip_adapter import IpAdapter
from modules.models.control.weighing import bytes_of
from modules.models.files.state_dict import read_state_dict
from modules.sampling.image_prompts import ImagePrompt

# (width of its states, width of its embedding) → the file that people have
KNOWN_ENCODERS = {
    (1280, 1024): "CLIP-ViT-H-14-laion2B-s32B-b79K.safetensors",
    (1664, 1280): "CLIP-ViT-bigG-14-laion2B-39B-b160k.safetensors",
    (1024, 768): "clip-vit-large-patch14.safetensors",
}


@dataclass(frozen=True, eq=False)
class ImageEncoder:
    """An image encoder in memory."""

    module: Any

    @property
    def size(self) -> int:
        """Its weights in bytes."""
        return bytes_of(self.module.parameters())

    def fits(self, adapter: IpAdapter) -> bool:
        """Return whether it gives what an adapter reads."""
        config = self.module.config
        return adapter.encoder_width == (config.hidden_size if adapter.reads_states else config.projection_dim)

    def read(self, adapter: IpAdapter, images: Sequence[Image]) -> ImagePrompt:
        """Return the pictures as an adapter reads them."""
        weight = self.module.visual_projection.weight
        pixels = encoder_pixels(images, self.module.config.image_size).to(weight)
        if adapter.reads_states:
            seen = self.module(pixel_values=pixels, output_hidden_states=True).hidden_states[-2]
            nothing = self.module(pixel_values=pixels[:1] * 0, output_hidden_states=True).hidden_states[-2][0]
        else:
            seen = self.module(pixel_values=pixels).image_embeds
            nothing = torch.zeros_like(seen[0])
        tokens: Tensor = torch.stack([adapter.tokens(each) for each in seen]).mean(0)
        return ImagePrompt(tokens, adapter.tokens(nothing), adapter.places)


def encoder_of(library: Library, adapter: IpAdapter) -> ModelFile:
    """Return the first encoder whose output is as wide as what the adapter reads. Raises ModelMissing."""
    place = 0 if adapter.reads_states else 1
    for files in library.of(CLIP_VISION.name).list_and_again():
        for file in files:
            if not file.problem and encoder_widths(file)[place] == adapter.encoder_width:
                return file
    known = next((name for widths, name in KNOWN_ENCODERS.items() if widths[place] == adapter.encoder_width), "")
    raise ModelMissing(
        f"{adapter.name} reads pictures by a CLIP image encoder whose {'states are' if not place else 'embedding is'} "
        f"{adapter.encoder_width} wide; there is none.",
        f"Put {known or 'one'} into models/{CLIP_VISION.where[0]}.",
    )


def encoder_widths(file: ModelFile) -> tuple[int, int]:
    """Return the widths of an encoder's states and of its embedding; zeros for a file that cannot be read as one."""
    try:
        if sniff(file.path) == "safetensors":
            shapes = [read_header(file.path).shapes[name] for name in (PATCHES, VISUAL_PROJECTION)]
        else:
            tensors = read_state_dict(file.path).tensors
            shapes = [tuple(tensors[name].shape) for name in (PATCHES, VISUAL_PROJECTION)]
        return shapes[0][0], shapes[1][0]
    except (ModelError, LookupError, OSError):
        return 0, 0


def load_encoder(file: ModelFile, device: torch.device, dtype: torch.dtype) -> ImageEncoder:
    """Return the encoder in a file. Raises ModelError."""
    return ImageEncoder(load_image_encoder(file.path, device, dtype))
