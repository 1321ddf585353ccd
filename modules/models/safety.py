"""Stable Diffusion's safety checker: CLIP's image encoder, whose embedding is compared with those of 17 concepts.

A picture is flagged if its embedding is nearer to a concept than the file's threshold for it; three further concepts
lower all thresholds by 0.01 (diffusers' StableDiffusionSafetyChecker). Sizes come from the weights; a `config.json`
beside the file adds what weights do not show.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from math import isqrt
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers.pipelines.stable_diffusion.safety_checker import StableDiffusionSafetyChecker
from PIL import Image
from torch import Tensor
from transformers import CLIPConfig, CLIPImageProcessorPil

from modules.base.errors import ModelMismatch, NotANumber
from modules.library.catalog import small_json
from modules.library.library import Library
from modules.library.safety_checkers import CHOOSE_CHECKER, find_safety_checker
from modules.models.checkpoint.key_mapping import count
from modules.models.checkpoint.loader import Part
from modules.models.files.state_dict import read_state_dict

CONCEPTS = ("concept_embeds", "concept_embeds_weights", "special_care_embeds", "special_care_embeds_weights")
ENCODER = "vision_model."
PATCHES, POSITIONS = f"{ENCODER}embeddings.patch_embedding.weight", f"{ENCODER}embeddings.position_embedding.weight"
MOST_CHECKED = 8      # pictures in one call of the network
CLIP_HEAD_WIDTH = 64
ENCODER_ACTIVATIONS = ("quick_gelu", "gelu")


class SafetyCheckers:
    """The checker used last. For the engine's thread alone."""

    def __init__(self, library: Library, device: torch.device) -> None:
        self.library, self.device = library, device
        self._ready: tuple[str, StableDiffusionSafetyChecker] | None = None      # by its name

    def check(self, name: str, images: Sequence[Image.Image]) -> list[bool]:
        """Return whether each picture is flagged. Raises NotANumber, or ModelError naming the file.

        All is computed in single precision, whatever the pictures were made in.
        """
        if self._ready is None or self._ready[0] != name:
            path = find_safety_checker(self.library, name).path
            self._ready = name, load_safety_checker(path, self.device)
        parts = (images[at:at + MOST_CHECKED] for at in range(0, len(images), MOST_CHECKED))
        return [flag for part in parts for flag in flagged_images(self._ready[1], part)]


def flagged_images(checker: StableDiffusionSafetyChecker, images: Sequence[Image.Image]) -> list[bool]:
    """Return the checker's verdicts. Raises NotANumber: a comparison with what is no number flags nothing."""
    side = checker.config.vision_config.image_size
    processor = CLIPImageProcessorPil(size={"shortest_edge": side}, crop_size={"height": side, "width": side})
    pixels = processor([image.convert("RGB") for image in images], return_tensors="pt").pixel_values
    _, flags = checker(clip_input=pixels.to(checker.concept_embeds), images=np.zeros((len(images), 1)))
    return [bool(flag) for flag in flags]


def load_safety_checker(path: Path, device: torch.device) -> StableDiffusionSafetyChecker:
    """Return the checker in that file, in diffusers' layout of any age. Raises ModelError, naming the file."""
    part = Part(path.name, read_state_dict(path).tensors, "", checker_names)
    if not {*CONCEPTS, PATCHES, POSITIONS} <= part.tensors.keys():
        raise ModelMismatch(f"{path.name} is not Stable Diffusion's safety checker.", CHOOSE_CHECKER)
    config = small_json(path.with_name("config.json")).get("vision_config")
    hints = encoder_hints(config if isinstance(config, dict) else {})
    checker = part.build(lambda tensors: StableDiffusionSafetyChecker(checker_config(tensors, hints)))
    checker = checker.to(device, torch.float32)
    for name in CONCEPTS:
        require_finite(checker.get_parameter(name))
    checker.visual_projection.register_forward_hook(lambda module, given, embedding: require_finite(embedding))
    return checker


def checker_names(names: Collection[str]) -> dict[str, str]:
    """Return each name in the file with the module's: older files have the encoder's own name once more."""
    return {name: name.replace(ENCODER * 2, ENCODER, 1) for name in names}


def checker_config(tensors: Mapping[str, Tensor], hints: Mapping[str, Any]) -> CLIPConfig:
    """Return the sizes of the weights. Raises ValueError for an encoder whose patches form no square."""
    width, _, patch, _ = tensors[PATCHES].shape
    rows = isqrt(len(tensors[POSITIONS]) - 1)
    projection = tensors["concept_embeds"].shape[-1]
    vision = {
        "hidden_size": width,
        "intermediate_size": len(tensors[f"{ENCODER}encoder.layers.0.mlp.fc1.weight"]),
        "num_hidden_layers": count(tensors, f"{ENCODER}encoder.layers"),
        "num_attention_heads": max(1, width // CLIP_HEAD_WIDTH),
        "image_size": rows * patch,
        "patch_size": patch,
        "projection_dim": projection,
        **hints,
    }
    return CLIPConfig(vision_config=vision, projection_dim=projection)


def encoder_hints(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a `config.json` says of the encoder beyond its weights' shapes; nonsense is left out."""
    usable: Mapping[str, Callable[[Any], bool]] = {
        "num_attention_heads": lambda value: isinstance(value, int) and value > 0,
        "hidden_act": lambda value: value in ENCODER_ACTIVATIONS,
        "layer_norm_eps": lambda value: isinstance(value, float) and 0 < value < 1,
    }
    return {name: config[name] for name, fits in usable.items() if fits(config.get(name))}


def require_finite(tensor: Tensor) -> None:
    if not tensor.isfinite().all():
        raise NotANumber("The safety checker gave what is no number.", CHOOSE_CHECKER)
