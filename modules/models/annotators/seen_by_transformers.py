"""Depth and segments by models of transformers, read from a folder with `config.json` and `model.safetensors`."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from torch import Tensor
from torch.nn.functional import interpolate
from transformers import AutoConfig

from modules.base.border import outcome
from modules.base.errors import ModelMismatch
from modules.imaging.control.maps import MapOptions, in_resolution, in_three
from modules.imaging.control.resampling import Levels
from modules.imaging.control.segments import ADE20K_COLOURS, COCO_COLOURS, coloured
from modules.models.annotators.building import IMAGENET, ChannelScale, checked_levels, finite_map, standardised
from modules.models.files.state_dict import read_state_dict
from modules.models.files.transformers_config import config_beside
from modules.models.layers import seen_pixels
from modules.sampling.annotation import Annotate, Annotation

CENTRED = (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)
NEAREST_SHARE, FURTHEST_SHARE = 2, 85      # percent of distances between which a map's levels are spread
DEPTH_OF_NORMALS = 2 * math.pi      # the z of all normals that are made of a depth, before their length is made 1
LONGEST_FRAME = 4                # times the shorter side that a network sees
# CLIP's tokens of "the task is semantic", as a OneFormer reads them, and the length that it reads
SEMANTIC_TASK, TASK_LENGTH = (49406, 518, 10549, 533, 29119, 1550, 49407), 77


@dataclass(frozen=True, slots=True)
class Seer:
    """How a kind of model is asked.

    make: the name of its class in transformers; scale: mean and deviation of each channel of what it sees
    side: of the shorter side of what it sees, a multiple of `cell`; 0: that of the map
    square: it sees squares of the size in its config; more: makes what else it is asked, by argument
    levels: its answer and the map's height and width → the map's shares or colours
    """

    make: str
    scale: ChannelScale
    levels: Callable[[Any, tuple[int, int]], Levels]
    side: int = 0
    cell: int = 1
    square: bool = False
    more: Callable[[], Mapping[str, Tensor]] = dict


def load_seer(path: Path, device: torch.device) -> Any:
    """Return the model in a folder's file. Raises ModelError, naming the file."""
    return load_of_transformers(path, device, {kind: seer.make for kind, seer in SEERS.items()})


def load_of_transformers(path: Path, device: torch.device, makes: Mapping[str, str]) -> Any:
    """Return the model in a folder's file. Raises ModelError, naming the file.

    makes: the class in transformers of each `model_type`
    """
    config = config_beside(path)
    kind = config.pop("model_type", "")
    config.pop("is_training", None)      # it would ask for what the things are called
    tensors = dict(read_state_dict(path).tensors)
    made = outcome(lambda: AutoConfig.for_model(kind, **config))
    if not isinstance(made, Exception):
        made = outcome(built, getattr(transformers, makes[kind]), made, tensors)
    if isinstance(made, Exception):
        reason = " ".join(str(made).split())
        raise ModelMismatch(
            f"{path.parent.name}/{path.name} does not fit the config.json beside it ({reason:.200}).",
            "Download both again, from one repository.",
        ) from made
    return made.to(device, torch.float32).eval().requires_grad_(False)


def built(make: Any, config: Any, tensors: Mapping[str, Tensor]) -> Any:
    """Return a model with these weights. Raises ValueError where they are not those of the config's network."""
    with torch.device("meta"):
        wanted = make(config).state_dict()
    for name, weight in wanted.items():
        if name not in tensors or tensors[name].shape != weight.shape:
            raise ValueError(f"{name} is not there as {tuple(weight.shape)}")
    return make.from_pretrained(None, config=config, state_dict=dict(tensors))


# Seeing -----------------------------------------------------------------------------------------------


def seen_map(model: Any, ask: Annotate) -> Annotation:
    """Return the map of what a model sees in a picture."""

    def see(levels: Levels, options: MapOptions) -> Levels:
        return SEERS[model.config.model_type].levels(answer_to(model, levels), levels.shape[:2])

    return Annotation(in_resolution(see)(ask.pixels, MapOptions(ask.resolution)))


def normals_of_depth(model: Any, ask: Annotate) -> Annotation:
    """Return the map of normals that a depth has: z, y and x as red, green and blue.

    Of the question, `a` is the nearness from 0 to 1 below which a place is background, and faces the eye.
    """
    from scipy.ndimage import sobel  # slow to import

    def see(levels: Levels, options: MapOptions) -> Levels:
        near = brought_to(answer_to(model, levels).predicted_depth, levels.shape[:2])
        share = (near - near.min()) / max(float(np.ptp(near)), 1e-9)
        slopes = [np.where(share < options.a, 0, sobel(near, axis, mode="mirror")) for axis in (0, 1)]
        normals = np.stack([np.full_like(near, DEPTH_OF_NORMALS), *slopes], 2)
        return checked_levels((normals / np.linalg.norm(normals, axis=2, keepdims=True) + 1) / 2)

    return Annotation(in_resolution(see)(ask.pixels, MapOptions(ask.resolution, ask.a)))


def answer_to(model: Any, levels: Levels) -> Any:
    """Return what a model says of a picture, shown in the size and the scale it was taught with."""
    seer = SEERS[model.config.model_type]
    x = seen_pixels(levels, model) / 255
    size = frame_of(seer, model.config, levels.shape[:2])
    if size != levels.shape[:2]:
        x = interpolate(x, size, mode="bicubic", antialias=True).clamp(0, 1)
    return model(standardised(x, seer.scale), **{name: each.to(x.device) for name, each in seer.more().items()})


def frame_of(seer: Seer, config: Any, shape: tuple[int, int]) -> tuple[int, int]:
    """Return the height and width of what a model sees of a picture of that shape."""
    if seer.square:
        return config.image_size, config.image_size
    if not seer.side:
        return shape
    scale = seer.side / min(shape)
    height, width = (
        min(max(seer.cell, round(side * scale / seer.cell) * seer.cell), LONGEST_FRAME * seer.side) for side in shape
    )
    return height, width


def nearness(answer: Any, size: tuple[int, int]) -> Levels:
    """Return a map of how near things are: what is nearest is white."""
    near = brought_to(answer.predicted_depth, size)
    least, most = float(near.min()), float(near.max())
    return in_three(checked_levels((near - least) / max(most - least, 1e-9)))


def nearness_of_metres(answer: Any, size: tuple[int, int]) -> Levels:
    """Return a map of how near things are, from their distances; most of these get most of the levels."""
    far = brought_to(answer.predicted_depth, size)
    least, most = np.percentile(far, [NEAREST_SHARE, FURTHEST_SHARE])
    return in_three(checked_levels(1 - (far - least) / max(most - least, 1e-9)))


def segments(answer: Any, size: tuple[int, int]) -> Levels:
    """Return a map of what things there are, in ADE20K's colours."""
    return coloured(strongest(answer.logits, size))


def semantic_task() -> Mapping[str, Tensor]:
    """Return the task that a OneFormer is given in words: which thing each place belongs to."""
    tokens = torch.zeros(1, TASK_LENGTH)
    tokens[0, : len(SEMANTIC_TASK)] = torch.tensor(SEMANTIC_TASK)
    return {"task_inputs": tokens}


def segments_by_masks(answer: Any, size: tuple[int, int]) -> Levels:
    """Return a map of what things there are, by masks of which each is some thing or none, the last of its shares."""
    shares = answer.class_queries_logits.softmax(-1)[..., :-1]
    scores = torch.einsum("bqc, bqhw -> bchw", shares, answer.masks_queries_logits.sigmoid())
    colours = COCO_COLOURS if scores.shape[1] == len(COCO_COLOURS) else ADE20K_COLOURS
    return coloured(strongest(scores, size), colours)


def strongest(scores: Tensor, size: tuple[int, int]) -> np.ndarray:
    """Return the numbers (H, W) of the things whose scores (1, C, h, w) are highest. Raises FloatingPointError."""
    scores = interpolate(scores, size, mode="bilinear")[0]
    if not scores.isfinite().all():
        raise FloatingPointError
    found: np.ndarray = scores.argmax(0).cpu().numpy()
    return found


def brought_to(values: Tensor, size: tuple[int, int]) -> np.ndarray:
    """Return (1, h, w) as (H, W). Raises FloatingPointError for what is no number."""
    brought: np.ndarray = finite_map(interpolate(values[None].float(), size, mode="bicubic"))[0]
    return brought


# by `model_type`
SEERS: Mapping[str, Seer] = {
    "dpt": Seer("DPTForDepthEstimation", CENTRED, nearness, square=True),
    "depth_anything": Seer("DepthAnythingForDepthEstimation", IMAGENET, nearness, side=518, cell=14),
    "zoedepth": Seer("ZoeDepthForDepthEstimation", CENTRED, nearness_of_metres, side=384, cell=32),
    "upernet": Seer("UperNetForSemanticSegmentation", IMAGENET, segments),
    "segformer": Seer("SegformerForSemanticSegmentation", IMAGENET, segments),
    "oneformer": Seer("OneFormerForUniversalSegmentation", IMAGENET, segments_by_masks, more=semantic_task),
}
