"""LaMa, which fills the hole of a picture: convolutions, of which most channels are seen as waves over the whole of it.

Suvorov et al. 2021, "Resolution-robust Large Mask Inpainting with Fourier Convolutions", arXiv:2109.07161, the large
variant. Names are those of the file `ControlNetLama.pth`.
"""

from __future__ import annotations

from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import relu

from modules.imaging.control.maps import MapOptions, in_resolution
from modules.imaging.control.resampling import BILINEAR, Levels, resampled
from modules.models.annotators.building import annotator_network, checked_levels
from modules.models.layers import FrozenNorm, seen_pixels
from modules.sampling.annotation import Annotate, Annotation

PICTURE_AND_MASK = 4     # channels of what it sees
LAMA_WIDTH, LAMA_HALVINGS, LAMA_BLOCKS = 64, 3, 18
WIDE_SHARE = 0.75        # of the channels of a block, those that are seen as waves
LAMA_SIDE = 256          # the shorter side of the pictures that it was taught with
HOLE = 127               # a pixel of a mask above this is filled


class WaveConv(nn.Module):
    """A convolution of a picture's waves: of the real and the imaginary part of each."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv_layer, self.bn = nn.Conv2d(2 * width, 2 * width, 1, bias=False), FrozenNorm(2 * width)

    def forward(self, x: Tensor) -> Tensor:
        waves = torch.view_as_real(torch.fft.rfft2(x, norm="ortho")).movedim(-1, 2)
        changed = relu(self.bn(self.conv_layer(waves.flatten(1, 2)))).unflatten(1, (-1, 2))
        whole = torch.view_as_complex(changed.movedim(2, -1).contiguous())
        made: Tensor = torch.fft.irfft2(whole, x.shape[2:], norm="ortho")
        return made


class WaveBranch(nn.Module):
    """Half the channels, their waves added, and all channels again."""

    def __init__(self, width: int) -> None:
        super().__init__()
        half = width // 2
        self.conv1 = nn.Sequential(nn.Conv2d(width, half, 1, bias=False), FrozenNorm(half), nn.ReLU())
        self.fu, self.conv2 = WaveConv(half), nn.Conv2d(half, width, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv1(x)
        changed: Tensor = self.conv2(x + self.fu(x))
        return changed


class FourierConv(nn.Module):
    """A convolution of channels that are seen near and, if there are any, of those that are seen wide, to both."""

    def __init__(self, near: int, wide: int, near_out: int, wide_out: int, kernel: int = 3, stride: int = 1) -> None:
        super().__init__()
        self.convl2l = mirrored_conv(near, near_out, kernel, stride)
        self.convl2g = mirrored_conv(near, wide_out, kernel, stride) if wide_out else None
        self.convg2l = mirrored_conv(wide, near_out, kernel, stride) if wide else None
        self.convg2g = WaveBranch(wide) if wide else None

    def forward(self, near: Tensor, wide: Tensor | None) -> tuple[Tensor, Tensor | None]:
        near_out, wide_out = self.convl2l(near), self.convl2g(near) if self.convl2g else None
        if self.convg2l and self.convg2g:
            near_out, wide_out = near_out + self.convg2l(wide), wide_out + self.convg2g(wide)
        return near_out, wide_out


class FourierLayer(nn.Module):
    """Such a convolution, normalised, and what is below zero cut off."""

    def __init__(self, near: int, wide: int, near_out: int, wide_out: int, kernel: int = 3, stride: int = 1) -> None:
        super().__init__()
        self.ffc = FourierConv(near, wide, near_out, wide_out, kernel, stride)
        self.bn_l, self.bn_g = FrozenNorm(near_out), FrozenNorm(wide_out) if wide_out else None

    def forward(self, near: Tensor, wide: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        near, wide = self.ffc(near, wide)
        return relu(self.bn_l(near)), relu(self.bn_g(wide)) if self.bn_g else None


class FourierBlock(nn.Module):
    """Two layers, and their input added."""

    def __init__(self, near: int, wide: int) -> None:
        super().__init__()
        self.conv1, self.conv2 = (FourierLayer(near, wide, near, wide) for _ in range(2))

    def forward(self, near: Tensor, wide: Tensor) -> tuple[Tensor, Tensor]:
        changed, changed_wide = self.conv2(*self.conv1(near, wide))
        return near + changed, wide + changed_wide


class Lama(nn.Module):
    """The network: the size is halved, blocks follow, it is doubled again. Layers are numbered as in the file."""

    def __init__(self) -> None:
        super().__init__()
        widths = [LAMA_WIDTH << halving for halving in range(LAMA_HALVINGS + 1)]
        wide = int(widths[-1] * WIDE_SHARE)
        near = widths[-1] - wide
        split: list[nn.Module] = [FourierLayer(PICTURE_AND_MASK, 0, LAMA_WIDTH, 0, kernel=7)]
        split += [FourierLayer(one, 0, two, 0, stride=2) for one, two in pairwise(widths[:-1])]
        split += [FourierLayer(widths[-2], 0, near, wide, stride=2)]
        split += [FourierBlock(near, wide) for _ in range(LAMA_BLOCKS)]
        self.model = nn.ModuleDict({str(place): layer for place, layer in enumerate(split, 1)})
        self.split = [*self.model]
        self.doubled = range(len(split) + 2, len(split) + 2 + 3 * LAMA_HALVINGS, 3)
        for place, (two, one) in zip(self.doubled, pairwise(reversed(widths)), strict=True):
            self.model[str(place)] = nn.ConvTranspose2d(two, one, 3, stride=2, padding=1, output_padding=1)
            self.model[str(place + 1)] = FrozenNorm(one)
        self.last = str(self.doubled.stop + 1)
        self.model[self.last] = nn.Conv2d(LAMA_WIDTH, 3, 7, padding=3, padding_mode="reflect")

    def forward(self, x: Tensor) -> Tensor:
        """(1, 4, H, W), a picture of 0 to 1 whose hole is 0 and its mask → (1, 3, H, W); sides are multiples of 8."""
        seen: Any = x, None      # near, and wide
        for name in self.split:
            seen = self.model[name](*seen)
        x = torch.cat(seen, 1)
        for place in self.doubled:
            x = relu(self.model[str(place + 1)](self.model[str(place)](x)))
        filled: Tensor = self.model[self.last](x).sigmoid()
        return filled


def mirrored_conv(inputs: int, outputs: int, kernel: int, stride: int) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False, padding_mode="reflect")


def load_lama(path: Path, device: torch.device) -> Lama:
    """Return the network in a file. Raises ModelError, naming it."""
    return annotator_network(path, Lama, device)


def filled_hole(net: Any, ask: Annotate) -> Annotation:
    """Return a picture (H, W, 4), the last channel its mask, with the hole filled, as coarse as the network sees it."""
    height, width = ask.pixels.shape[:2]
    small = in_resolution(partial(filled_small, net))(ask.pixels, MapOptions(LAMA_SIDE))
    coarse = resampled(small, (width, height), BILINEAR)
    share = ask.pixels[:, :, 3:].astype(np.float32) / 255
    return Annotation((coarse * share + ask.pixels[:, :, :3] * (1 - share)).clip(0, 255).astype(np.uint8))


def filled_small(net: Any, levels: Levels, options: MapOptions) -> Levels:
    """Return a picture (H, W, 4) as (H, W, 3), with what the network sees in its hole."""
    hole = (levels[:, :, 3:] > HOLE).astype(np.float32)
    x = seen_pixels(np.concatenate([levels[:, :, :3] * (1 - hole) / 255, hole], 2), net)
    filled = net(x)[0].permute(1, 2, 0).cpu().numpy()
    return checked_levels(filled * hole + levels[:, :, :3] / 255 * (1 - hole))
