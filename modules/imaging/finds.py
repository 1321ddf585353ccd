"""What a detector found in a picture: chosen, ordered, and made masks, which are L pictures, 255 where to paint."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import dist
from typing import Any, Protocol

import numpy as np
from PIL import Image, ImageChops, ImageDraw

from modules.base.sizes import Size

FRAME = (255, 64, 64)      # colour of a find's frame in a preview
TINT = 0.35                # of that colour over its mask


class Found(Protocol):
    """A find: its box in pixels, its centre, its mask (H, W) bool if it has one."""

    @property
    def box(self) -> tuple[float, float, float, float]: ...
    @property
    def score(self) -> float: ...
    @property
    def area(self) -> float: ...
    @property
    def centre(self) -> tuple[float, float]: ...
    @property
    def mask(self) -> np.ndarray | None: ...


@dataclass(frozen=True)
class FindFilter:
    """Which finds count: those of a share of the picture, and of these the first `most` by a measure; 0 is all."""

    least_share: float = 0.0
    largest_share: float = 1.0
    most: int = 0
    by_confidence: bool = False

    def chosen(self, finds: Sequence[Any], size: Size) -> list[Any]:
        whole = size[0] * size[1]
        left = [find for find in finds if self.least_share <= find.area / whole <= self.largest_share]
        if not self.most:
            return left
        return sorted(left, key=lambda find: -(find.score if self.by_confidence else find.area))[:self.most]


def ordered_finds(finds: Sequence[Any], order: str, size: Size) -> list[Any]:
    """Return the finds in the order of that name; others leave them as they are."""
    middle = size[0] / 2, size[1] / 2
    keys: Mapping[str, Callable[[Any], float]] = {
        "Position (left to right)": lambda find: find.box[0],
        "Position (center to edge)": lambda find: dist(find.centre, middle),
        "Area (large to small)": lambda find: -find.area,
    }
    return sorted(finds, key=keys[order]) if order in keys else list(finds)


def find_mask(find: Found, size: Size) -> Image.Image:
    """Return the find's shape, or its box if it has none."""
    if find.mask is not None:
        return Image.fromarray(find.mask.astype(np.uint8) * 255)
    mask = Image.new("L", size)
    left, top, right, bottom = (round(edge) for edge in find.box)
    ImageDraw.Draw(mask).rectangle((left, top, right, bottom), 255)
    return mask


@dataclass(frozen=True)
class MaskChange:
    """What becomes of masks: moved by so many pixels to the right and up, grown (or shrunk), then perhaps merged."""

    right: int = 0
    up: int = 0
    growth: int = 0
    merged: bool = False
    inverted: bool = False

    def applied(self, masks: Sequence[Image.Image]) -> list[Image.Image]:
        """Return the changed masks that still have anything to paint; merged, they are one."""
        changed = (grown(moved_mask(mask, self.right, -self.up), self.growth) for mask in masks)
        left = [mask for mask in changed if mask.getbbox()]
        if not self.merged or not left:
            return left
        whole = left[0]
        for mask in left[1:]:
            whole = ImageChops.lighter(whole, mask)
        return [ImageChops.invert(whole) if self.inverted else whole]


def moved_mask(mask: Image.Image, right: int, down: int) -> Image.Image:
    """Return the mask moved_mask; what leaves the picture is gone."""
    if not (right or down):
        return mask
    place = Image.new("L", mask.size)
    place.paste(mask, (right, down))
    return place


def grown(mask: Image.Image, pixels: int) -> Image.Image:
    """Dilate by a square of so many pixels, as OpenCV's is centred, or erode if they are negative."""
    if not pixels:
        return mask
    from scipy.ndimage import maximum_filter, minimum_filter  # slow to import, seldom used

    levels = np.asarray(mask)
    if pixels > 0:
        return Image.fromarray(maximum_filter(levels, pixels, mode="constant", cval=0))
    return Image.fromarray(minimum_filter(levels, -pixels, mode="constant", cval=255))


def meets(mask: Image.Image, other: Image.Image) -> bool:
    """Return whether two masks share a pixel."""
    return ImageChops.darker(mask, other.resize(mask.size)).getbbox() is not None


def drawn_finds(image: Image.Image, finds: Sequence[Found]) -> Image.Image:
    """Return the RGB picture with each find's mask tinted, its frame and its score."""
    shown = image.convert("RGB")
    for find in finds:
        if find.mask is not None:
            shown.paste(Image.blend(shown, Image.new("RGB", shown.size, FRAME), TINT), mask=find_mask(find, shown.size))
    pen = ImageDraw.Draw(shown)
    for find in finds:
        left, top, right, bottom = find.box
        pen.rectangle((left, top, right, bottom), outline=FRAME, width=max(1, min(shown.size) // 200))
        pen.text((left + 3, top + 2), f"{find.score:.2f}", fill=FRAME)
    return shown
