"""Stable Diffusion's safety checker: CLIP's image encoder, whose embedding is compared with those of 17 concepts.

A picture is flagged if its embedding is nearer to a concept than the file's threshold for it; three further concepts
lower all thresholds by 0.01 (diffusers' StableDiffusionSafetyChecker). Sizes come from the weights; a `config.json`
beside the file adds what weights do not show.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers.pipelines.stable_diffusion.safety_checker import StableDiffusionSafetyChecker
from PIL import Image
from torch import Tensor
from transformers import CLIPConfig

from modules.base.errors import ModelMismatch, NotANumber
from modules.library.library import Library
from modules.library.safety_checkers import CHOOSE_CHECKER, find_safety_checker
from modules.models.checkpoint.loader import Part
from modules.models.clip_vision import ENCODER, PATCHES, POSITIONS, encoder_pixels, encoder_sizes, hints_beside
from modules.models.files.state_dict import read_state_dict

CONCEPTS = ("concept_embeds", "concept_embeds_weights", "special_care_embeds", "special_care_embeds_weights")
MOST_CHECKED = 8      # pictures in one call of the network


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
    pixels = encoder_pixels(images, checker.config.vision_config.image_size)
    _, flags = checker(clip_input=pixels.to(checker.concept_embeds), images=np.zeros((len(images), 1)))
    return [bool(flag) for flag in flags]


def load_safety_checker(path: Path, device: torch.device) -> StableDiffusionSafetyChecker:
    """Return the checker in that file, in diffusers' layout of any age. Raises ModelError, naming the file."""
    part = Part(path.name, read_state_dict(path).tensors, "", checker_names)
    if not {*CONCEPTS, PATCHES, POSITIONS} <= part.tensors.keys():
        raise ModelMismatch(f"{path.name} is not Stable Diffusion's safety checker.", CHOOSE_CHECKER)
    hints = hints_beside(path)
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
    projection = tensors["concept_embeds"].shape[-1]
    vision = {**encoder_sizes(tensors, projection), **hints}
    return CLIPConfig(vision_config=vision, projection_dim=projection)


def require_finite(tensor: Tensor) -> None:
    if not tensor.isfinite().all():
        raise NotANumber("The safety checker gave what is no number.", CHOOSE_CHECKER)
