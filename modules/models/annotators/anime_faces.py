"""Parts of drawn faces by a U-Net over MobileNetV2: hair, face, eyes, mouth, skin and clothes.

MobileNetV2 is Sandler et al. 2018, arXiv:1801.04381. Names are those of the file `UNet.pth` of
https://github.com/siyeong0/Anime-Face-Segmentation, which sees pixels of 0 to 1 as they are.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn.functional import instance_norm, interpolate, leaky_relu

from modules.imaging.control.maps import MapOptions, in_resolution
from modules.imaging.control.resampling import NEAREST, Levels, resampled
from modules.models.annotators.building import annotator_network, finite_map
from modules.models.annotators.straight_lines import FIRST_CHANNELS, CappedConv, InvertedBlock
from modules.models.layers import conv3x3, seen_pixels
from modules.sampling.annotation import Annotate, Annotation

SEEN_SIDE = 512      # the shorter side of what it sees
# channels of MobileNetV2's blocks in each level after the first
FACE_LEVELS = ([24] * 2, [32] * 3, [64] * 4 + [96] * 3, [160] * 3)
FIRST_LEVEL, WIDER_INSIDE = 16, 6      # channels of the first level, and how much wider blocks are inside
MADE_OF_LEVEL = (16, 24, 32, 96)       # channels of what is made of all smaller levels, for each but the smallest
FACE_SLOPE = 0.1
# RGB of the background, hair, eyes, mouth, face, skin and clothes
FACE_COLOURS = np.array([
    (255, 255, 0), (0, 0, 255), (255, 0, 0), (255, 255, 255), (0, 255, 0), (0, 255, 255), (255, 0, 255),
], np.uint8)


class FaceParts(nn.Module):
    """The network."""

    def __init__(self) -> None:
        super().__init__()
        first = CappedConv(3, FIRST_CHANNELS, stride=2, even=True)
        self.en_block0 = nn.Sequential(first, InvertedBlock(FIRST_CHANNELS, FIRST_LEVEL, 1, 1))
        width = FIRST_LEVEL
        for number, level in enumerate(FACE_LEVELS, 1):
            widths = pairwise([width, *level])
            self.add_module(f"en_block{number}", nn.Sequential(*(
                InvertedBlock(one, two, 1 if place else 2, WIDER_INSIDE, even=True)
                for place, (one, two) in enumerate(widths)
            )))
            width = level[-1]
        made = (*MADE_OF_LEVEL, width)
        for number, outputs in enumerate((len(FACE_COLOURS), *MADE_OF_LEVEL)):
            seen = 1 if number == len(MADE_OF_LEVEL) else 2      # beside the same from the level's own features
            self.add_module(f"de_block{number}", nn.Sequential(nn.Identity(), conv3x3(seen * made[number], outputs)))

    def forward(self, x: Tensor) -> Tensor:
        """(1, 3, H, W) of 0 to 1 → (1, 7, H, W), more where a pixel is rather of that part."""
        seen = []
        for number in range(len(FACE_LEVELS) + 1):
            x = self.get_submodule(f"en_block{number}")(x)
            seen.append(x)
        for number in range(len(FACE_LEVELS), 0, -1):
            made = self.get_submodule(f"de_block{number}")(interpolate(x, scale_factor=2))
            made = leaky_relu(instance_norm(made), FACE_SLOPE)
            beside = seen[number - 1]
            made = interpolate(made, beside.shape[2:], mode="bilinear", align_corners=True)
            x = torch.cat([made, beside], 1)
        parts: Tensor = self.get_submodule("de_block0")(interpolate(x, scale_factor=2))
        return parts


def load_face_parts(path: Path, device: torch.device) -> FaceParts:
    """Return the network in a file. Raises ModelError, naming it."""
    return annotator_network(path, FaceParts, device)


def parts_of_faces(net: Any, ask: Annotate) -> Annotation:
    """Return the map of what each pixel of a drawn face is, each part in its colour."""

    def parts(levels: Levels, options: MapOptions) -> Levels:
        height, width = levels.shape[:2]
        scale = SEEN_SIDE / min(height, width)
        size = int(width * scale), int(height * scale)
        small = np.asarray(Image.fromarray(levels).resize(size, Image.Resampling.BICUBIC))
        found = FACE_COLOURS[finite_map(net(seen_pixels(small, net) / 255)).argmax(0)]
        return resampled(found, (width, height), NEAREST)

    return Annotation(in_resolution(parts)(ask.pixels, MapOptions(ask.resolution)))
