"""Buckets: sizes that training pictures are scaled and cropped to, by sd-scripts' rule."""

from __future__ import annotations

import math
from bisect import bisect_left
from dataclasses import dataclass
from functools import lru_cache

from modules.base.sizes import Size

LATENT_CELL = 8      # pixels of a latent's cell


@dataclass(frozen=True, slots=True)
class BucketRules:
    """How sizes are made.

    resolution: the size trained at; its area is what counts
    enabled: False crops every picture to the resolution
    shortest, longest: a bucket's least and greatest side, multiples of `step`
    no_upscale: True never enlarges; sizes then follow the pictures
    """

    resolution: Size
    enabled: bool = True
    shortest: int = 256
    longest: int = 1024
    step: int = 64
    no_upscale: bool = False

    @property
    def area(self) -> int:
        return self.resolution[0] * self.resolution[1]

    def sizes(self) -> tuple[Size, ...]:
        """Return all bucket sizes, sorted."""
        return bucket_sizes(self.area, self.shortest, self.longest, self.step)


@dataclass(frozen=True, slots=True)
class BucketPlacement:
    """What becomes of a picture: scaled to `scaled`, then cropped to `bucket`."""

    bucket: Size
    scaled: Size

    @property
    def spare(self) -> Size:
        """Pixels cut off, across and down."""
        return self.scaled[0] - self.bucket[0], self.scaled[1] - self.bucket[1]

    @property
    def centre(self) -> Size:
        """Where a crop in the middle begins."""
        return self.spare[0] // 2, self.spare[1] // 2

    @property
    def aspect_error(self) -> float:
        """The share of the scaled picture that is cut off."""
        return 1 - (self.bucket[0] * self.bucket[1]) / (self.scaled[0] * self.scaled[1])


@lru_cache(64)
def bucket_sizes(area: int, shortest: int, longest: int, step: int) -> tuple[Size, ...]:
    """Return the sizes of an area: for each width the greatest height that does not exceed it, both ways round."""
    side = int(math.sqrt(area) // step) * step
    sizes = {(side, side)} if side else set()
    for width in range(shortest, longest + 1, step):
        height = min(longest, int(area // width // step) * step)
        if height >= shortest:
            sizes |= {(width, height), (height, width)}
    return tuple(sorted(sizes)) or ((step, step),)


def place_picture(size: Size, rules: BucketRules) -> BucketPlacement:
    """Return the bucket of a picture's size, and the size it is scaled to.

    A bucket of exactly its size wins, else the one whose shape is nearest; the scaled picture covers it.
    """
    if not rules.enabled:
        return BucketPlacement(rules.resolution, cover(size, rules.resolution))
    if rules.no_upscale:
        return place_without_enlarging(size, rules)
    sizes = rules.sizes()
    bucket = size if in_sorted(size, sizes) else nearest_shape(size, sizes)
    return BucketPlacement(bucket, cover(size, bucket))


def place_without_enlarging(size: Size, rules: BucketRules) -> BucketPlacement:
    """Return the placement of a picture that may shrink, not grow.

    One within the area keeps its size; a larger one is scaled to the area, by the better of two roundings to the step.
    """
    width, height = size
    if width * height <= rules.area:
        return cut_to_step(size, rules.step)
    shape = width / height
    scaled_width, scaled_height = math.sqrt(rules.area * shape), math.sqrt(rules.area / shape)
    by_width = rounded(scaled_width, rules.step)
    by_height = rounded(scaled_height, rules.step)
    first = by_width, rounded(by_width / shape, rules.step)
    second = rounded(by_height * shape, rules.step), by_height
    if abs(first[0] / first[1] - shape) < abs(second[0] / second[1] - shape):
        scaled = by_width, int(by_width / shape + 0.5)
    else:
        scaled = int(by_height * shape + 0.5), by_height
    return cut_to_step(scaled, rules.step)


def cut_to_step(scaled: Size, step: int) -> BucketPlacement:
    """Return the placement of a scaled picture in the bucket just below it; a side below one step grows to it."""
    if min(scaled) < step:
        scaled = cover(scaled, (step, step))
    return BucketPlacement((scaled[0] - scaled[0] % step, scaled[1] - scaled[1] % step), scaled)


def cover(size: Size, frame: Size) -> Size:
    """Return the smallest size of a picture's shape that covers a frame, rounded half up."""
    scale = max(frame[0] / size[0], frame[1] / size[1])
    return max(frame[0], int(size[0] * scale + 0.5)), max(frame[1], int(size[1] * scale + 0.5))


def nearest_shape(size: Size, sizes: tuple[Size, ...]) -> Size:
    shape = size[0] / size[1]
    return min(sizes, key=lambda each: abs(each[0] / each[1] - shape))


def in_sorted(size: Size, sizes: tuple[Size, ...]) -> bool:
    at = bisect_left(sizes, size)
    return at < len(sizes) and sizes[at] == size


def rounded(length: float, step: int) -> int:
    """Return the multiple of a step at or below a length that is rounded half up, at least one."""
    whole = int(length + 0.5)
    return max(step, whole - whole % step)
