"""CLIP's image encoder (Radford et al. 2021, arXiv:2103.00020): its sizes, its input, and pictures' embeddings.

Sizes come from the weights; a `config.json` beside the file adds what weights do not show.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from math import isqrt
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor
from transformers import CLIPImageProcessorPil, CLIPVisionConfig, CLIPVisionModelWithProjection

from modules.base.errors import ModelMismatch, NotANumber
from modules.library.catalog import small_json
from modules.library.image_encoders import PUT_ENCODER
from modules.models.checkpoint.key_mapping import count
from modules.models.checkpoint.loader import Part
from modules.models.files.state_dict import read_state_dict

ENCODER, VISUAL_PROJECTION = "vision_model.", "visual_projection.weight"
PATCHES, POSITIONS = f"{ENCODER}embeddings.patch_embedding.weight", f"{ENCODER}embeddings.position_embedding.weight"
CLIP_HEAD_WIDTH = 64
ENCODER_ACTIVATIONS = ("quick_gelu", "gelu")
# of OpenCLIP's, whose weights do not show it: ViT-H and ViT-bigG, by the width of their states
OPEN_CLIP_SIZES: Mapping[int, Mapping[str, Any]] = {
    width: {"num_attention_heads": 16, "hidden_act": "gelu"} for width in (1280, 1664)
}


def load_image_encoder(
    path: Path, device: torch.device, dtype: torch.dtype = torch.float32
) -> CLIPVisionModelWithProjection:
    """Return the encoder in a file of transformers' layout, alone or within a whole CLIP. Raises ModelError."""
    part = Part(path.name, read_state_dict(path).tensors, "", image_encoder_names)
    if not {VISUAL_PROJECTION, PATCHES, POSITIONS} <= part.tensors.keys():
        raise ModelMismatch(f"{path.name} is no CLIP image encoder with its projection.", PUT_ENCODER)
    hints = hints_beside(path)

    def build(tensors: Mapping[str, Tensor]) -> CLIPVisionModelWithProjection:
        sizes = encoder_sizes(tensors, len(tensors[VISUAL_PROJECTION])) | hints
        return CLIPVisionModelWithProjection(CLIPVisionConfig(**sizes))

    encoder: CLIPVisionModelWithProjection = part.build(build).to(device, dtype)
    return encoder


def image_encoder_names(names: Collection[str]) -> dict[str, str]:
    """Return the names of an encoder's tensors, without those of a text encoder beside it."""
    return {name: name for name in names if name.startswith(ENCODER) or name == VISUAL_PROJECTION}


def picture_embeddings(
    encoder: CLIPVisionModelWithProjection, images: Sequence[Image.Image]
) -> npt.NDArray[np.float32]:
    """Return what pictures show: vectors of length 1, (pictures, width). Raises NotANumber."""
    pixels = encoder_pixels(images, encoder.config.image_size)
    with torch.inference_mode():
        found = encoder(pixel_values=pixels.to(encoder.device)).image_embeds
    if not found.isfinite().all():
        raise NotANumber("The CLIP image encoder gave what is no number.", PUT_ENCODER)
    unit: npt.NDArray[np.float32] = torch.nn.functional.normalize(found, dim=-1).cpu().numpy()
    return unit


def encoder_pixels(images: Sequence[Image.Image], side: int) -> Tensor:
    """Return pictures as an encoder takes them, (pictures, 3, side, side): the middle square in CLIP's scale."""
    processor = CLIPImageProcessorPil(size={"shortest_edge": side}, crop_size={"height": side, "width": side})
    pixels: Tensor = processor([image.convert("RGB") for image in images], return_tensors="pt").pixel_values
    return pixels


def encoder_sizes(tensors: Mapping[str, Tensor], projection: int) -> dict[str, Any]:
    """Return an encoder's sizes by its weights. Raises KeyError, or ValueError where patches form no square."""
    width, _, patch, _ = tensors[PATCHES].shape
    rows = isqrt(len(tensors[POSITIONS]) - 1)
    return {
        "hidden_size": width,
        "intermediate_size": len(tensors[f"{ENCODER}encoder.layers.0.mlp.fc1.weight"]),
        "num_hidden_layers": count(tensors, f"{ENCODER}encoder.layers"),
        **OPEN_CLIP_SIZES.get(width, {"num_attention_heads": max(1, width // CLIP_HEAD_WIDTH)}),
        "image_size": rows * patch,
        "patch_size": patch,
        "projection_dim": projection,
    }


def hints_beside(path: Path) -> dict[str, Any]:
    """Return what a `config.json` beside a file says of the encoder: of it alone, or of a model that has one."""
    config = small_json(path.with_name("config.json"))
    own = config.get("vision_config", config)
    return encoder_hints(own if isinstance(own, dict) else {})


def encoder_hints(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a `config.json` says beyond the weights' shapes; nonsense is left out."""
    usable: Mapping[str, Callable[[Any], bool]] = {
        "num_attention_heads": lambda value: isinstance(value, int) and value > 0,
        "hidden_act": lambda value: value in ENCODER_ACTIVATIONS,
        "layer_norm_eps": lambda value: isinstance(value, float) and 0 < value < 1,
    }
    return {name: config[name] for name, fits in usable.items() if fits(config.get(name))}
