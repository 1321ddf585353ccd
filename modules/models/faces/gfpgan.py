"""GFPGAN: a StyleGAN2 trained on faces, guided by a U-Net's features of the damaged face.

Wang et al. 2021, arXiv:2101.04061; StyleGAN2: Karras et al. 2019, arXiv:1912.04958. The "clean" form of versions 1.2 to
1.4, which has plain bilinear resizing and no equalised learning rates; names are those of `GFPGANv1.4.pth`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import sqrt

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, interpolate

from modules.models.layers import LEAKY_SLOPE, conv3x3, leaky

DEMODULATION_EPSILON = 1e-8          # avoids a division by 0
FIRST_SIDE = 4            # pixels: StyleGAN2's first side


@dataclass(frozen=True, slots=True)
class GfpganSizes:
    """Widths by resolution, from 4 pixels up to the picture's side."""

    unet: tuple[int, ...] = (256, 256, 256, 256, 256, 128, 64, 32)
    decoder: tuple[int, ...] = (512, 512, 512, 512, 512, 256, 128, 64)
    # number of the decoder's resolutions that the U-Net guides, from 8 pixels
    guided: tuple[int, ...] = (256, 256, 256, 256, 128, 64, 32)
    style: int = 512
    # layers from noise to style, which are never run: the U-Net gives the style itself
    mapping: int = 8

    @classmethod
    def of(cls, state: Mapping[str, Tensor]) -> GfpganSizes:
        levels = sum(name.startswith("toRGB.") and name.endswith(".weight") for name in state)
        first = state["conv_body_first.weight"].shape[0]
        downs = [state[f"conv_body_down.{level}.skip.weight"].shape[0] for level in range(levels)]
        rgbs = [state[f"stylegan_decoder.to_rgbs.{level}.modulated_conv.weight"].shape[2] for level in range(levels)]
        return cls(
            unet=(*reversed(downs), first),
            decoder=(state["stylegan_decoder.constant_input.weight"].shape[1], *rgbs),
            guided=tuple(state[f"condition_scale.{level}.2.weight"].shape[0] for level in range(levels)),
            style=state["stylegan_decoder.style_conv1.modulated_conv.modulation.weight"].shape[1],
            mapping=sum(name.startswith("stylegan_decoder.style_mlp.") and name.endswith(".weight") for name in state),
        )

    @property
    def levels(self) -> int:
        """Doublings from the smallest side to the picture's."""
        return len(self.unet) - 1

    @property
    def styles(self) -> int:
        """The number of the decoder's layers with a style of their own: two a resolution."""
        return 2 * len(self.decoder)


class ResizeBlock(nn.Module):
    """A residual block that halves or doubles its input's sides."""

    def __init__(self, inputs: int, outputs: int, factor: float) -> None:
        super().__init__()
        self.factor = factor
        self.conv1, self.conv2 = conv3x3(inputs, inputs), conv3x3(inputs, outputs)
        self.skip = nn.Conv2d(inputs, outputs, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        inner = leaky(self.conv2(resize_features(leaky(self.conv1(x)), self.factor)))
        return inner + self.skip(resize_features(x, self.factor))


class ModulatedConv(nn.Module):
    """A convolution whose input channels are scaled by a style, with filters of unit length.

    arXiv:1912.04958, section 2.2.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, style: int, demodulate: bool) -> None:
        super().__init__()
        self.demodulate = demodulate
        self.modulation = nn.Linear(style, inputs)
        self.weight = nn.Parameter(torch.empty(1, outputs, inputs, kernel, kernel))

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        """x: (1, inputs, h, w); style: (1, style)"""
        weight = self.weight[0] * self.modulation(style)[0, :, None, None]
        if self.demodulate:
            weight = weight * (weight.square().sum((1, 2, 3), keepdim=True) + DEMODULATION_EPSILON).rsqrt()
        return conv2d(x, weight, padding=weight.shape[-1] // 2)


class StyledConv(nn.Module):
    """A modulated convolution with noise; `weight` is the noise's strength."""

    def __init__(self, inputs: int, outputs: int, style: int, doubles: bool) -> None:
        super().__init__()
        self.doubles = doubles
        self.modulated_conv = ModulatedConv(inputs, outputs, 3, style, demodulate=True)
        self.weight = nn.Parameter(torch.empty(1))
        self.bias = nn.Parameter(torch.empty(1, outputs, 1, 1))

    def forward(self, x: Tensor, style: Tensor, noise: Tensor) -> Tensor:
        x = self.modulated_conv(resize_features(x, 2) if self.doubles else x, style) * sqrt(2)
        return leaky(x + self.weight * noise + self.bias)


class ToRGB(nn.Module):
    def __init__(self, inputs: int, style: int) -> None:
        super().__init__()
        self.modulated_conv = ModulatedConv(inputs, 3, 1, style, demodulate=False)
        self.bias = nn.Parameter(torch.empty(1, 3, 1, 1))

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        return self.modulated_conv(x, style) + self.bias


class Constant(nn.Module):
    """The constant input of StyleGAN2."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(1, width, FIRST_SIDE, FIRST_SIDE))


class Noises(nn.Module):
    """The noise of each layer, stored with the weights: a face is always restored in the same way."""

    def __init__(self, layers: int) -> None:
        super().__init__()
        for layer in range(layers):
            side = FIRST_SIDE * 2 ** ((layer + 1) // 2)
            self.register_buffer(f"noise{layer}", torch.empty(1, 1, side, side))

    def __getitem__(self, layer: int) -> Tensor:
        return self.get_buffer(f"noise{layer}")


class Decoder(nn.Module):
    """StyleGAN2 with a spatial feature transform of part of its features (arXiv:2101.04061, section 3.4)."""

    def __init__(self, sizes: GfpganSizes) -> None:
        super().__init__()
        style, widths = sizes.style, sizes.decoder
        self.style_mlp = nn.Sequential(
            nn.Identity(),
            *(layer for _ in range(sizes.mapping) for layer in (nn.Linear(style, style), nn.LeakyReLU(LEAKY_SLOPE))),
        )
        self.constant_input = Constant(widths[0])
        self.style_conv1 = StyledConv(widths[0], widths[0], style, doubles=False)
        self.to_rgb1 = ToRGB(widths[0], style)
        self.style_convs, self.to_rgbs = nn.ModuleList(), nn.ModuleList()
        for before, width in zip(widths, widths[1:], strict=False):
            self.style_convs += [
                StyledConv(before, width, style, doubles=True),
                StyledConv(width, width, style, doubles=False),
            ]
            self.to_rgbs.append(ToRGB(width, style))
        self.noises = Noises(2 * sizes.levels + 1)

    def forward(self, styles: Tensor, scales: list[Tensor], shifts: list[Tensor]) -> Tensor:
        """styles: (layers, 1, style). Scales and shifts are by resolution, the smallest first."""
        x = self.style_conv1(self.constant_input.weight, styles[0], self.noises[0])
        picture = self.to_rgb1(x, styles[1])
        for level, to_rgb in enumerate(self.to_rgbs):
            first, last = 2 * level, 2 * level + 1      # of the convolutions; styles and noises are one ahead
            x = self.style_convs[first](x, styles[first + 1], self.noises[first + 1])
            x = feature_transform(x, scales[level], shifts[level])
            x = self.style_convs[last](x, styles[last + 1], self.noises[last + 1])
            picture = resize_features(picture, 2) + to_rgb(x, styles[last + 2])
        return picture


class GFPGANv1Clean(nn.Module):
    """(1, 3, side, side) RGB in [−1, 1] → the same face restored."""

    def __init__(self, sizes: GfpganSizes) -> None:
        super().__init__()
        self.sizes = sizes
        rising = list(zip(sizes.unet, sizes.unet[1:], strict=False))
        self.conv_body_first = nn.Conv2d(3, sizes.unet[-1], 1)
        self.conv_body_down = nn.ModuleList(ResizeBlock(large, small, 0.5) for small, large in reversed(rising))
        self.final_conv = conv3x3(sizes.unet[0], sizes.unet[0])
        self.conv_body_up = nn.ModuleList(ResizeBlock(small, large, 2) for small, large in rising)
        self.toRGB = nn.ModuleList(nn.Conv2d(width, 3, 1) for width in sizes.unet[1:])      # used only in training
        self.final_linear = nn.Linear(sizes.unet[0] * FIRST_SIDE**2, sizes.styles * sizes.style)
        self.stylegan_decoder = Decoder(sizes)
        widths = list(zip(sizes.unet[1:], sizes.guided, strict=True))
        self.condition_scale = nn.ModuleList(condition(*each) for each in widths)
        self.condition_shift = nn.ModuleList(condition(*each) for each in widths)

    @property
    def side(self) -> int:
        return FIRST_SIDE * 2**self.sizes.levels

    def forward(self, x: Tensor) -> Tensor:
        seen = [leaky(self.conv_body_first(x))]
        for down in self.conv_body_down:
            seen.append(down(seen[-1]))
        x = leaky(self.final_conv(seen[-1]))
        styles = self.final_linear(x.flatten(1)).view(self.sizes.styles, 1, self.sizes.style)
        scales, shifts = [], []
        for up, skip, scale, shift in zip(
            self.conv_body_up, reversed(seen[1:]), self.condition_scale, self.condition_shift, strict=True
        ):
            x = up(x + skip)
            scales.append(scale(x))
            shifts.append(shift(x))
        return self.stylegan_decoder(styles, scales, shifts)


def condition(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(conv3x3(inputs, inputs), nn.LeakyReLU(LEAKY_SLOPE), conv3x3(inputs, outputs))


def feature_transform(x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    """Transform the last channels by the U-Net's numbers, as many as it has; the first ones stay StyleGAN2's."""
    own, led = x.split((x.shape[1] - scale.shape[1], scale.shape[1]), 1)
    return torch.cat((own, led * scale + shift), 1)


def resize_features(x: Tensor, factor: float) -> Tensor:
    return interpolate(x, scale_factor=factor, mode="bilinear", align_corners=False)
