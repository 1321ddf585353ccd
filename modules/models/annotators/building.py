"""Networks of preprocessors from their files, and what they give as levels."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from modules.base.sizes import Size
from modules.imaging.control.resampling import AREA, CUBIC, Levels, resampled
from modules.models.checkpoint.loader import Part
from modules.models.files.state_dict import PARALLEL, read_state_dict

BATCH_COUNTER = ".num_batches_tracked"      # of training, beside the weights of normalisations

Convert = Callable[[Mapping[str, Tensor]], Mapping[str, Tensor]]
AnnotatorNet = TypeVar("AnnotatorNet", bound=nn.Module)
ChannelScale = tuple[Sequence[float], Sequence[float]]      # mean and deviation of each channel

IMAGENET: ChannelScale = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def annotator_network(
    path: Path, make: Callable[[], AnnotatorNet], device: torch.device, convert: Convert = dict
) -> AnnotatorNet:
    """Return the network of a file's weights, in single precision. Raises ModelError, naming the file.

    convert: the file's tensors → the network's
    """
    stored = read_state_dict(path).tensors
    weights = {name: tensor for name, tensor in stored.items() if not name.endswith(BATCH_COUNTER)}
    return network_of_weights(path, convert(weights), make, device)


def network_of_weights(
    path: Path, weights: Mapping[str, Tensor], make: Callable[[], AnnotatorNet], device: torch.device
) -> AnnotatorNet:
    """Return the network of a file's weights, in single precision. Raises ModelError, naming the file."""
    part = Part(path.name, weights, "", names_without_module)
    network: AnnotatorNet = part.build(lambda tensors: make()).to(device, torch.float32)
    return network


def names_without_module(names: Collection[str]) -> dict[str, str]:
    return {name: name.removeprefix(PARALLEL) for name in names}


def standardised(x: Tensor, scale: ChannelScale) -> Tensor:
    """Return a picture (1, 3, H, W) of 0 to 1 less each channel's mean, in deviations."""
    mean, deviation = (torch.tensor(each, device=x.device).view(1, 3, 1, 1) for each in scale)
    return (x - mean) / deviation


def in_black_frame(levels: Levels, frame: Size, around: float = 1.0) -> tuple[Levels, float, Size]:
    """Return a picture in the middle of a black frame, its scale there, and its left and top.

    around: how much larger the frame is than the picture at least
    """
    height, width = levels.shape[:2]
    scale = min(frame[0] / width, frame[1] / height) / around
    size = max(1, round(width * scale)), max(1, round(height * scale))
    left, top = (frame[0] - size[0]) // 2, (frame[1] - size[1]) // 2
    found = np.zeros((frame[1], frame[0], 3), np.uint8)
    found[top : top + size[1], left : left + size[0]] = resampled(levels, size, CUBIC if scale > 1 else AREA)
    return found, scale, (left, top)


def finite_map(heat: Tensor) -> np.ndarray:
    """Return (1, C, H, W) as (C, H, W). Raises FloatingPointError for what is no number."""
    found: np.ndarray = heat[0].cpu().numpy()
    if not np.isfinite(found).all():
        raise FloatingPointError
    return found


def checked_levels(shares: np.ndarray) -> np.ndarray:
    """Return shares of 0 to 1 as uint8. Raises FloatingPointError for what is no number."""
    if not np.isfinite(shares).all():
        raise FloatingPointError
    return (shares * 255).clip(0, 255).astype(np.uint8)
