"""The maps of ControlNet units: a unit's picture, cropped and preprocessed, brought to the size of a pass."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from modules.base.errors import Invalid
from modules.imaging.control.fitting import fitted_map, pixel_perfect_resolution
from modules.imaging.control.maps import MAPS, MapOptions, rgb_on_white
from modules.imaging.control.resampling import Levels
from modules.imaging.masks import Box
from modules.imaging.resize import RESIZE_AND_FILL, resize_image
from modules.params.control import FILL_MAP, MAP_RESIZE_MODES, ControlUnit
from modules.params.preprocessors import INPAINTING
from modules.pipelines.plan import Pass, PlannedUnit
from modules.sampling.annotation import Annotate
from modules.sampling.questions import Task
from modules.sampling.weights import Weights

NEARLY_EMPTY, NEARLY_FULL = 5, 250      # levels of a mask that is as good as none, or all of the picture
DRAWN_TYPES = {"Scribble", "Lineart"}   # of units whose mask is a drawing
KEPT_MAPS = 8                           # of one job


@dataclass(frozen=True, eq=False)
class StartPicture:
    """The picture that an img2img pass starts from, for units without one of their own.

    mask: L, as it is used, as large as the picture; box: the part that "Only masked" samples
    resize_mode: the request's, by place
    """

    image: Image.Image
    mask: Image.Image | None = None
    box: Box | None = None
    resize_mode: int = 0


@dataclass(eq=False)
class MapMaker:
    """Makes the maps of one job's units; the last ones are remembered.

    load: reads an input picture by its name; raises InvalidImage
    _maps: each with the picture that it was made of, whose identity stands for its content as long as it lives
    """

    load: Callable[[str], Image.Image]
    _maps: OrderedDict[Any, tuple[StartPicture | None, Levels]] = field(default_factory=OrderedDict)

    def of(self, planned: PlannedUnit, start: StartPicture | None, weights: Weights) -> Task[Levels]:
        """Return a unit's map before it is brought to a pass's size: (H, W, 3), or (H, W, 4) with a mask."""
        where = start and (id(start.image), id(start.mask), start.box, start.resize_mode)
        key = planned.unit, planned.frame, where
        if key not in self._maps:
            self._maps[key] = start, (yield from made_map(planned, start, self.load, weights))
            while len(self._maps) > KEPT_MAPS:
                self._maps.popitem(last=False)
        return self._maps[key][1]


def made_map(
    planned: PlannedUnit, start: StartPicture | None, load: Callable[[str], Image.Image], weights: Weights
) -> Task[Levels]:
    """Return a unit's map; a preprocessor that is a network is asked on the device, under the pass's weights."""
    unit, name = planned.unit, planned.unit.preprocessor.name
    source = own_picture(unit, load) if unit.image else start_picture(unit, start)
    crops = not unit.is_reference and (unit.inpaint_crop_input_image or not unit.image)
    if start and start.box and start.mask and crops:
        mode = MAP_RESIZE_MODES.index(unit.resize_mode) if unit.image else start.resize_mode % len(MAP_RESIZE_MODES)
        source = cropped_levels(source, start, mode, planned.frame)
    resolution, a, b = unit.sliders
    if unit.pixel_perfect:
        resolution = pixel_perfect_resolution(
            source.shape[1::-1], planned.frame, filled=mode_of(unit, start) == FILL_MAP
        )
    options = MapOptions(max(1, int(resolution)), a, b, unit.map_seed)
    if name not in MAPS:
        asked = Annotate(weights, np.ascontiguousarray(source[:, :, :3]), name, options.resolution, a, b)
        return (yield asked).levels
    made = MAPS[name](source[:, :, :3], options)
    return with_mask(made, source) if name in INPAINTING else made


def own_picture(unit: ControlUnit, load: Callable[[str], Image.Image]) -> Levels:
    """Return the unit's picture (H, W, 3), with its mask (H, W, 4) for inpainting; a drawing stands for the picture."""
    levels = rgb_on_white(load(unit.image))
    if not unit.mask:
        return levels
    drawn = rgb_on_white(load(unit.mask).resize((levels.shape[1], levels.shape[0])))
    if unit.preprocessor.name in INPAINTING:
        return np.concatenate([levels, drawn[:, :, :1]], axis=2)
    empty = drawn.max() <= NEARLY_EMPTY or drawn.min() >= NEARLY_FULL
    blank = levels.min() == levels.max()
    return drawn if not empty and (blank or DRAWN_TYPES & {*unit.preprocessor.types}) else levels


def start_picture(unit: ControlUnit, start: StartPicture | None) -> Levels:
    """Return img2img's picture (H, W, 3), with its mask (H, W, 4) for inpainting."""
    if start is None:
        raise Invalid("A ControlNet unit has no picture.", "Give it one, or turn the unit off.", field="control")
    levels = rgb_on_white(start.image)
    if start.mask is None or unit.preprocessor.name not in INPAINTING:
        return levels
    return np.concatenate([levels, np.asarray(start.mask)[:, :, None]], axis=2)


def cropped_levels(levels: Levels, start: StartPicture, mode: int, frame: tuple[int, int]) -> Levels:
    """Return the part of a picture that "Only masked" samples, each channel by itself."""
    assert start.mask is not None
    channels = []
    for channel in levels.transpose(2, 0, 1):
        whole = resize_image(Image.fromarray(channel), mode, start.mask.size)
        near = resize_image(whole.crop(start.box), RESIZE_AND_FILL, frame)
        channels.append(np.asarray(near.convert("L")))
    return np.stack(channels, axis=2)


def with_mask(made: Levels, source: Levels) -> Levels:
    """Return the map with its mask; without one everything is painted."""
    mask = source[:, :, 3:] if source.shape[2] == 4 else np.full_like(source[:, :, :1], 255)
    return np.concatenate([made, mask], axis=2)


def mode_of(unit: ControlUnit, start: StartPicture | None) -> str:
    """Return the unit's resize mode; for img2img's own picture it is the request's."""
    if unit.image or start is None:
        return unit.resize_mode
    return MAP_RESIZE_MODES[start.resize_mode % len(MAP_RESIZE_MODES)]


def map_for_pass(pass_: Pass[Any], planned: PlannedUnit, start: StartPicture | None, cell: int = 8) -> Task[Levels]:
    """Return a unit's map at the size of a pass, whole cells of its latent: (H, W, 3), or (H, W, 4) with a mask."""
    size = pass_.params.width // cell * cell, pass_.params.height // cell * cell
    levels = yield from planned.maps.of(planned, start, pass_.weights)
    return fitted_map(levels, size, mode_of(planned.unit, start))


def levels_tensor(levels: Levels) -> Tensor:
    """Convert (H, W, C) uint8 to (C, H, W) in [0, 1]."""
    return torch.from_numpy(levels.astype(np.float32) / 255).permute(2, 0, 1).contiguous()


def shown_map(levels: Levels) -> Image.Image:
    """Return a map as people are shown it."""
    return Image.fromarray(levels[:, :, :3])

