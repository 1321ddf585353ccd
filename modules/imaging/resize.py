"""A1111's resize modes, for pictures and masks alike."""

from __future__ import annotations

from PIL import Image

from modules.base.sizes import Size

# stretch; crop; fill; resize the latent
JUST_RESIZE, CROP_AND_RESIZE, RESIZE_AND_FILL, LATENT_RESIZE = range(4)
LANCZOS = Image.Resampling.LANCZOS



def resize_image(image: Image.Image, mode: int, size: Size) -> Image.Image:
    """Return `image` at `size`; mode 3 fills like mode 2 if there is no latent to resize."""
    if mode == JUST_RESIZE:
        return image.resize(size, LANCZOS)
    return cropped(image, size) if mode == CROP_AND_RESIZE else stretch_edges(image, size)


def scaled_size(mode: int, size: Size, frame: Size) -> Size:
    """Return the size that a picture is scaled to, before it is cropped or filled."""
    if mode == JUST_RESIZE:
        return frame
    return covering(size, frame) if mode == CROP_AND_RESIZE else contained(size, frame)


def cropped(image: Image.Image, size: Size) -> Image.Image:
    """Return the picture's middle, as large as fits the new aspect ratio."""
    return centre_on_black(image.resize(covering(image.size, size), LANCZOS), size)


def stretch_edges(image: Image.Image, size: Size) -> Image.Image:
    """Return the picture centred, with its edges stretched over the free space.

    If the space is odd, A1111 leaves the last row or column black, and so does this.
    """
    small = image.resize(contained(image.size, size), LANCZOS)
    out = centre_on_black(small, size)
    (width, height), (w, h) = size, small.size
    left, top = width // 2 - w // 2, height // 2 - h // 2
    if top > 0:
        out.paste(small.resize((width, top), box=(0, 0, w, 0)), (0, 0))
        out.paste(small.resize((width, top), box=(0, h, w, h)), (0, top + h))
    if left > 0:
        out.paste(small.resize((left, height), box=(0, 0, 0, h)), (0, 0))
        out.paste(small.resize((left, height), box=(w, 0, w, h)), (left + w, 0))
    return out


def centre_on_black(image: Image.Image, size: Size) -> Image.Image:
    """Return the picture centred on a black picture of that size, as RGB."""
    out = Image.new("RGB", size)
    out.paste(image, (size[0] // 2 - image.width // 2, size[1] // 2 - image.height // 2))
    return out


def covering(size: Size, frame: Size) -> Size:
    """Return the smallest size of the same aspect ratio that covers `frame`."""
    return fit_side(size, frame, wide=frame[0] / frame[1] > size[0] / size[1])


def contained(size: Size, frame: Size) -> Size:
    """Return the largest size of the same aspect ratio within `frame`."""
    return fit_side(size, frame, wide=frame[0] / frame[1] < size[0] / size[1])


def fit_side(size: Size, frame: Size, wide: bool) -> Size:
    """Return the size as wide as the frame, or else as high; the other side is rounded down to at least one pixel."""
    if wide:
        return frame[0], max(1, size[1] * frame[0] // size[0])
    return max(1, size[0] * frame[1] // size[1]), frame[1]
