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
from modules.base.sizes import Size
from modules.imaging.control.fitting import filled_map, fitted_map, pixel_perfect_resolution
from modules.imaging.control.maps import MAPS, MapOptions, rgb_on_white, with_drawn_mask
from modules.imaging.control.resampling import Levels
from modules.imaging.masks import Box
from modules.imaging.resize import RESIZE_AND_FILL, resize_image
from modules.params.control import FILL_MAP, MAP_RESIZE_MODES, ControlUnit
from modules.params.preprocessors import FILLS_HOLE, INPAINTING
from modules.pipelines.plan import Pass, PicturePart, PlannedUnit
from modules.sampling.annotation import Annotate
from modules.sampling.questions import Task

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

    def of(self, planned: PlannedUnit, start: StartPicture | None, pass_: Pass[Any]) -> Task[Levels]:
        """Return a unit's map before it is brought to a pass's size: (H, W, 3), or (H, W, 4) with a mask."""
        where = start and (id(start.image), id(start.mask), start.box, start.resize_mode)
        key = planned.unit, planned.frame, planned.tile, where
        if key not in self._maps:
            self._maps[key] = start, (yield from made_map(planned, start, self.load, pass_))
            while len(self._maps) > KEPT_MAPS:
                self._maps.popitem(last=False)
        return self._maps[key][1]


def made_map(
    planned: PlannedUnit, start: StartPicture | None, load: Callable[[str], Image.Image], pass_: Pass[Any]
) -> Task[Levels]:
    """Return a unit's map; a preprocessor that is a network is asked on the device, under the pass's weights."""
    unit, name = planned.unit, planned.unit.preprocessor.name
    ignores = pass_.settings.controlnet_ignore_noninpaint_mask
    source = own_picture(unit, load, ignores) if unit.image else start_picture(unit, start)
    if part := seen_part(planned, start):
        mode = MAP_RESIZE_MODES.index(unit.resize_mode) if unit.image else start_mode(start)
        source = cropped_levels(source, part, mode, planned.frame)
    resolution, a, b = unit.sliders
    if unit.pixel_perfect:
        resolution = pixel_perfect_resolution(
            source.shape[1::-1], planned.frame, filled=mode_of(unit, start) == FILL_MAP
        )
    options = MapOptions(max(1, int(resolution)), a, b, unit.map_seed)
    if name == FILLS_HOLE and mode_of(unit, start) == FILL_MAP:      # what is beside the picture is filled as well
        source = filled_map(with_mask(source[:, :, :3], source), planned.largest or planned.frame)
    pixels = with_mask(source[:, :, :3], source) if name == FILLS_HOLE else source[:, :, :3]
    if name in MAPS:
        made = MAPS[name](pixels, options)
    else:
        made = (yield Annotate(pass_.weights, np.ascontiguousarray(pixels), name, options.resolution, a, b)).levels
    return with_mask(made, source) if name in INPAINTING else made


def seen_part(planned: PlannedUnit, start: StartPicture | None) -> PicturePart | None:
    """Return the part of a unit's picture that it sees: the one that "Only masked" samples, or a tile; None is all."""
    unit = planned.unit
    if unit.is_reference:
        return None
    if planned.tile and unit.image:
        return planned.tile
    if start and start.box and start.mask and (unit.inpaint_crop_input_image or not unit.image):
        return PicturePart(start.box, start.mask.size)
    return None


def own_picture(unit: ControlUnit, load: Callable[[str], Image.Image], ignores: bool = False) -> Levels:
    """Return the unit's picture (H, W, 3), with its mask (H, W, 4) for inpainting; a drawing stands for the picture.

    ignores: a mask counts for inpainting alone
    """
    levels = rgb_on_white(load(unit.image))
    if not unit.mask:
        return levels
    if unit.preprocessor.name in INPAINTING:
        return with_drawn_mask(levels, load(unit.mask))
    if ignores:
        return levels
    drawn = rgb_on_white(load(unit.mask).resize((levels.shape[1], levels.shape[0])))
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


def cropped_levels(levels: Levels, part: PicturePart, mode: int, frame: Size) -> Levels:
    """Return a part of a picture that is first brought to the whole's size, each channel by itself."""
    channels = []
    for channel in levels.transpose(2, 0, 1):
        whole = resize_image(Image.fromarray(channel), mode, part.whole)
        near = resize_image(whole.crop(part.box), RESIZE_AND_FILL, frame)
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
    return MAP_RESIZE_MODES[start_mode(start)]


def start_mode(start: StartPicture | None) -> int:
    """Return the request's resize mode, by place."""
    return start.resize_mode % len(MAP_RESIZE_MODES) if start else 0


def map_for_pass(pass_: Pass[Any], planned: PlannedUnit, start: StartPicture | None, cell: int = 8) -> Task[Levels]:
    """Return a unit's map at the size of a pass, whole cells of its latent: (H, W, 3), or (H, W, 4) with a mask."""
    size = pass_.params.width // cell * cell, pass_.params.height // cell * cell
    levels = yield from planned.maps.of(planned, start, pass_)
    return fitted_map(levels, size, mode_of(planned.unit, start))


def levels_tensor(levels: Levels) -> Tensor:
    """Convert (H, W, C) uint8 to (C, H, W) in [0, 1]."""
    return torch.from_numpy(levels.astype(np.float32) / 255).permute(2, 0, 1).contiguous()


def shown_map(levels: Levels) -> Image.Image:
    """Return a map as people are shown it."""
    return Image.fromarray(levels[:, :, :3])

