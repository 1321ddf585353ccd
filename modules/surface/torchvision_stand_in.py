"""What extensions use of torchvision's `transforms`, where torchvision is not installed; all else of it is hollow."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from modules.plugins.hollow import HollowModule

WantedSize = int | Sequence[int]


class InterpolationMode(Enum):
    NEAREST = "nearest"
    NEAREST_EXACT = "nearest-exact"
    BILINEAR = "bilinear"
    BICUBIC = "bicubic"
    BOX = "box"
    HAMMING = "hamming"
    LANCZOS = "lanczos"


BILINEAR = InterpolationMode.BILINEAR
PIL_FILTERS = {
    InterpolationMode.NEAREST: Image.Resampling.NEAREST, InterpolationMode.NEAREST_EXACT: Image.Resampling.NEAREST,
    InterpolationMode.BILINEAR: Image.Resampling.BILINEAR, InterpolationMode.BICUBIC: Image.Resampling.BICUBIC,
    InterpolationMode.BOX: Image.Resampling.BOX, InterpolationMode.HAMMING: Image.Resampling.HAMMING,
    InterpolationMode.LANCZOS: Image.Resampling.LANCZOS,
}


def pil_to_tensor(pic: Image.Image) -> Tensor:
    """Return a picture as (C, H, W) of bytes."""
    array = np.array(pic)
    return torch.from_numpy(array[None] if array.ndim == 2 else array.transpose(2, 0, 1).copy())


def to_tensor(pic: Any) -> Tensor:
    """Return a picture, or an array (H, W, C), as (C, H, W); bytes become 0 … 1."""
    if isinstance(pic, np.ndarray):
        found = torch.from_numpy(np.ascontiguousarray((pic[..., None] if pic.ndim == 2 else pic).transpose(2, 0, 1)))
    else:
        found = pil_to_tensor(pic)
    return found.float() / 255 if found.dtype == torch.uint8 else found


def to_pil_image(pic: Any, mode: str | None = None) -> Image.Image:
    """Return a tensor (C, H, W) of 0 … 1 or of bytes, or an array (H, W, C), as a picture."""
    if isinstance(pic, Tensor):
        pic = pic[None] if pic.ndim == 2 else pic
        pic = (pic.mul(255).byte() if pic.is_floating_point() else pic).cpu().numpy().transpose(1, 2, 0)
    array = pic[..., 0] if pic.ndim == 3 and pic.shape[2] == 1 else pic
    found = Image.fromarray(array)
    return found.convert(mode) if mode else found


def wanted_size(size: WantedSize, width: int, height: int) -> tuple[int, int]:
    """Return (height, width): of one number the shorter side has it."""
    if not isinstance(size, int) and len(size) == 2:
        return int(size[0]), int(size[1])
    side = size if isinstance(size, int) else int(size[0])
    if width <= height:
        return int(side * height / width), side
    return side, int(side * width / height)


def resize(
    img: Any, size: WantedSize, interpolation: InterpolationMode = BILINEAR, max_size: int | None = None,
    antialias: bool | None = True,
) -> Any:
    """Return a picture or tensor (…, H, W) at (height, width), or with its shorter side of that length."""
    if isinstance(img, Image.Image):
        high, wide = wanted_size(size, *img.size)
        return img.resize((wide, high), PIL_FILTERS[interpolation])
    high, wide = wanted_size(size, img.shape[-1], img.shape[-2])
    batch = img.float().reshape(-1, *img.shape[-3:])
    smooth = {"antialias": bool(antialias)} if interpolation.value in ("bilinear", "bicubic") else {}
    found = torch.nn.functional.interpolate(batch, (high, wide), mode=interpolation.value, **smooth)
    return found.reshape(*img.shape[:-2], high, wide).to(img.dtype)


def normalize(tensor: Tensor, mean: Sequence[float], std: Sequence[float], inplace: bool = False) -> Tensor:
    """Return (tensor − mean) / std for each channel of (…, C, H, W)."""
    shape = (-1, 1, 1)
    return (tensor - torch.as_tensor(mean).to(tensor).view(shape)) / torch.as_tensor(std).to(tensor).view(shape)


def pad(img: Any, padding: Any, fill: Any = 0, padding_mode: str = "constant") -> Any:
    """Return a picture or tensor with a border: one width, (sides, top and bottom), or left, top, right, bottom."""
    edges = [padding] * 4 if isinstance(padding, int) else list(padding)
    left, top, right, bottom = edges * (4 // len(edges)) if len(edges) < 4 else edges
    if isinstance(img, Image.Image):
        return ImageOps.expand(img, (left, top, right, bottom), fill)
    mode = {"edge": "replicate"}.get(padding_mode, padding_mode)
    how = {"value": fill} if mode == "constant" else {}
    return torch.nn.functional.pad(img, (left, right, top, bottom), mode=mode, **how)


def cropped_at(img: Any, top: int, left: int, height: int, width: int) -> Any:
    if isinstance(img, Image.Image):
        return img.crop((left, top, left + width, top + height))
    return img[..., top : top + height, left : left + width]


def height_and_width(img: Any) -> tuple[int, int]:
    return (img.height, img.width) if isinstance(img, Image.Image) else (img.shape[-2], img.shape[-1])


class Compose:
    def __init__(self, transforms: Sequence[Callable[[Any], Any]]) -> None:
        self.transforms = transforms

    def __call__(self, img: Any) -> Any:
        for transform in self.transforms:
            img = transform(img)
        return img


class ToTensor:
    def __call__(self, pic: Any) -> Tensor:
        return to_tensor(pic)


class ToPILImage:
    def __init__(self, mode: str | None = None) -> None:
        self.mode = mode

    def __call__(self, pic: Any) -> Image.Image:
        return to_pil_image(pic, self.mode)


class Normalize:
    def __init__(self, mean: Sequence[float], std: Sequence[float], inplace: bool = False) -> None:
        self.mean, self.std = mean, std

    def __call__(self, tensor: Tensor) -> Tensor:
        return normalize(tensor, self.mean, self.std)


class Resize:
    def __init__(self, size: WantedSize, interpolation: InterpolationMode = BILINEAR, **how: Any) -> None:
        self.size, self.interpolation, self.how = size, interpolation, how

    def __call__(self, img: Any) -> Any:
        return resize(img, self.size, self.interpolation, **self.how)


class CenterCrop:
    def __init__(self, size: WantedSize) -> None:
        self.height, self.width = (size, size) if isinstance(size, int) else size

    def __call__(self, img: Any) -> Any:
        high, wide = height_and_width(img)
        return cropped_at(img, round((high - self.height) / 2), round((wide - self.width) / 2), self.height, self.width)


class RandomCrop(CenterCrop):
    def __call__(self, img: Any) -> Any:
        high, wide = height_and_width(img)
        top = int(torch.randint(0, high - self.height + 1, ()))
        return cropped_at(img, top, int(torch.randint(0, wide - self.width + 1, ())), self.height, self.width)


TRANSFORM_FUNCTIONS = (pil_to_tensor, to_tensor, to_pil_image, resize, normalize, pad)
TRANSFORM_CLASSES = (InterpolationMode, Compose, ToTensor, ToPILImage, Normalize, Resize, CenterCrop, RandomCrop)


def torchvision_module(name: str) -> HollowModule:
    """Return the module of torchvision of that name: hollow, but for what is here."""
    module = HollowModule(name)
    here: dict[str, tuple[Any, ...]] = {
        "torchvision.transforms": TRANSFORM_CLASSES,
        "torchvision.transforms.functional": (*TRANSFORM_FUNCTIONS, InterpolationMode),
    }
    for each in here.get(name, ()):
        setattr(module, each.__name__, each)
    return module
