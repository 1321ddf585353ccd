"""Layers that several image networks share."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import batch_norm, interpolate, leaky_relu

RGB_CHANNELS = 3
LEAKY_SLOPE = 0.2         # of the leaky ReLUs in ESRGAN's, GFPGAN's and CodeFormer's files


class FrozenNorm(nn.Module):
    """Batch normalisation of a network that no longer learns: by the mean and variance that its file has.

    Names are those of `BatchNorm2d` without its counter of batches, which older files lack.
    """

    def __init__(self, width: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.eps = eps
        self.weight, self.bias = nn.Parameter(torch.ones(width)), nn.Parameter(torch.zeros(width))
        self.running_mean, self.running_var = nn.Buffer(torch.zeros(width)), nn.Buffer(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        return batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps)


def conv3x3(inputs: int, outputs: int) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, padding=1)


def twice_as_large(x: Tensor) -> Tensor:
    """Return features (N, C, H, W) as (N, C, 2H, 2W); the corners stay the corners."""
    return interpolate(x, scale_factor=2, mode="bilinear", align_corners=True)


def leaky(x: Tensor) -> Tensor:
    return leaky_relu(x, LEAKY_SLOPE)


def seen_pixels(levels: np.ndarray, network: nn.Module) -> Tensor:
    """Return a picture (H, W, 3) uint8 as (1, 3, H, W) of 0 to 255, where a network is and in its precision."""
    like = next(network.parameters())
    return torch.tensor(np.ascontiguousarray(levels)).to(like).permute(2, 0, 1)[None]
