"""Layers that several image networks share."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn.functional import leaky_relu

RGB_CHANNELS = 3
LEAKY_SLOPE = 0.2         # of the leaky ReLUs in ESRGAN's, GFPGAN's and CodeFormer's files


def conv3x3(inputs: int, outputs: int) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, padding=1)


def leaky(x: Tensor) -> Tensor:
    return leaky_relu(x, LEAKY_SLOPE)
