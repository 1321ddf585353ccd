"""A1111's `modules.masking`."""

from __future__ import annotations

from typing import Any

from modules.imaging import masks


def get_crop_region_v2(mask: Any, pad: int = 0) -> tuple[int, int, int, int] | None:
    """Return the box around what is masked; None if nothing is."""
    return masks.region(mask.convert("L"), pad)


def get_crop_region(mask: Any, pad: int = 0) -> tuple[int, int, int, int]:
    """Return the box around what is masked; the whole picture, inside out, if nothing is."""
    from PIL import Image

    image = mask if hasattr(mask, "convert") else Image.fromarray(mask)
    return get_crop_region_v2(image, pad) or (image.width, image.height, 0, 0)


def expand_crop_region(
    crop_region: Any, processing_width: int, processing_height: int, image_width: int, image_height: int
) -> tuple[int, int, int, int]:
    """Return the box in the shape of what is drawn."""
    box = (int(crop_region[0]), int(crop_region[1]), int(crop_region[2]), int(crop_region[3]))
    return masks.in_shape(box, (processing_width, processing_height), (image_width, image_height))


def fill(image: Any, mask: Any) -> Any:
    """Fill the masked part with the colours around it."""
    return masks.fill_masked(image.convert("RGB"), mask)
