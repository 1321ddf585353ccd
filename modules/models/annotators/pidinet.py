"""PiDiNet, soft edges by convolutions of differences between pixels: 16 of them in four stages, each with a map.

Su et al. 2021, "Pixel Difference Networks for Efficient Edge Detection", arXiv:2108.07009; the variant CARV4 with 60
channels, as in the file `table5_pidinet.pth`. A convolution of differences is a plain one with another kernel, so that
is what is computed: `plain_kernel` makes it of the file's.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, max_pool2d, relu

from modules.imaging.control.maps import MapOptions, in_resolution, in_three
from modules.imaging.control.resampling import Levels
from modules.models.annotators.building import annotator_network, checked_levels, names_without_module
from modules.models.annotators.edges import few_levels, scribbled
from modules.models.layers import seen_pixels
from modules.sampling.annotation import Annotate, Annotation

FIRST_WIDTH, DILATED_WIDTH, ATTENTION_WIDTH = 60, 24, 4
STAGE_WIDTHS, BLOCKS_OF_STAGE = (60, 120, 240, 240), (3, 4, 4, 4)
DILATIONS = (5, 7, 9, 11)
# in turn: differences to the middle, around it, outwards from it, and none
CENTRAL, ANGULAR, RADIAL, NO_DIFFERENCE = DIFFERENCES = ("central", "angular", "radial", "plain")
TURNED = [3, 0, 1, 6, 4, 2, 7, 8, 5]      # each place of 3 × 3 → the one before it around the middle
OUTER_RING, INNER_RING = [0, 2, 4, 10, 14, 20, 22, 24], [6, 7, 8, 11, 13, 16, 17, 18]      # places of 5 × 5: two rings
SURE_EDGE = 0.5


class DifferenceBlock(nn.Module):
    """A convolution of differences in each channel, one across channels, and their input added."""

    def __init__(self, kernel: int, inputs: int, outputs: int, halved: bool) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, inputs, kernel, padding=kernel // 2, groups=inputs, bias=False)
        self.conv2 = nn.Conv2d(inputs, outputs, 1, bias=False)
        self.shortcut = nn.Conv2d(inputs, outputs, 1) if halved else None

    def forward(self, x: Tensor) -> Tensor:
        if self.shortcut is None:
            return x + self.conv2(relu(self.conv1(x)))
        x = max_pool2d(x, 2)
        changed: Tensor = self.shortcut(x) + self.conv2(relu(self.conv1(x)))
        return changed


class Dilated(nn.Module):
    """What four convolutions of growing reach see, summed."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, DILATED_WIDTH, 1)
        for number, reach in enumerate(DILATIONS, 1):
            layer = nn.Conv2d(DILATED_WIDTH, DILATED_WIDTH, 3, padding=reach, dilation=reach, bias=False)
            self.add_module(f"conv2_{number}", layer)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv1(relu(x))
        reached = [self.get_submodule(f"conv2_{number}")(x) for number in range(1, len(DILATIONS) + 1)]
        return torch.stack(reached).sum(0)


class PlaceAttention(nn.Module):
    """Its input times how much each place counts."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(DILATED_WIDTH, ATTENTION_WIDTH, 1)
        self.conv2 = nn.Conv2d(ATTENTION_WIDTH, 1, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        counts: Tensor = self.conv2(self.conv1(relu(x))).sigmoid()
        return x * counts


class Reduced(nn.Module):
    """One channel of many."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(DILATED_WIDTH, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.conv(x)
        return found


class PiDiNet(nn.Module):
    """The network, with plain convolutions."""

    def __init__(self) -> None:
        super().__init__()
        self.init_block = nn.Conv2d(3, FIRST_WIDTH, 3, padding=1, bias=False)
        width = FIRST_WIDTH
        for name, stage, first in block_places():
            outputs = STAGE_WIDTHS[stage]
            kernel = 5 if difference_of(name) == RADIAL else 3
            self.add_module(name, DifferenceBlock(kernel, width, outputs, halved=first and stage > 0))
            width = outputs
        self.dilations = nn.ModuleList(map(Dilated, STAGE_WIDTHS))
        self.attentions = nn.ModuleList(PlaceAttention() for _ in STAGE_WIDTHS)
        self.conv_reduces = nn.ModuleList(Reduced() for _ in STAGE_WIDTHS)
        self.classifier = nn.Conv2d(len(STAGE_WIDTHS), 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(1, 3, H, W) in blue, green, red of 0 to 1 → (1, 1, H, W) of 0 to 1."""
        size, maps = x.shape[2:], []
        x, places = self.init_block(x), block_places()
        for stage in range(len(STAGE_WIDTHS)):
            for name in (name for name, own, _ in places if own == stage):
                x = self.get_submodule(name)(x)
            seen = self.conv_reduces[stage](self.attentions[stage](self.dilations[stage](x)))
            maps.append(interpolate(seen, size, mode="bilinear"))
        edges: Tensor = self.classifier(torch.cat(maps, 1)).sigmoid()
        return edges


def block_places() -> list[tuple[str, int, bool]]:
    """Return each block's name, its stage, and whether it is its stage's first."""
    return [
        (f"block{stage + 1}_{block + 1}", stage, block == 0)
        for stage, blocks in enumerate(BLOCKS_OF_STAGE) for block in range(blocks)
    ]


def difference_of(name: str) -> str:
    """Return the kind of differences of a block, or of the first convolution."""
    names = ["init_block", *(name for name, *_ in block_places())]
    return DIFFERENCES[names.index(name) % len(DIFFERENCES)]


def plain_kernel(weight: Tensor, kind: str) -> Tensor:
    """Return the kernel (…, 3, 3), or (…, 5, 5) of radial ones, of a plain convolution that does the same."""
    if weight.ndim != 4 or weight.shape[2:] != (3, 3):
        return weight
    flat = weight.float().flatten(2).clone()
    if kind == CENTRAL:
        flat[..., 4] -= flat.sum(-1)
    elif kind == ANGULAR:
        flat = flat - flat[..., TURNED]
    elif kind == RADIAL:
        wide = flat.new_zeros(*flat.shape[:2], 25)
        ring = flat[..., 1:]      # the first weight has no part in it
        wide[..., OUTER_RING], wide[..., INNER_RING] = ring, -ring
        flat = wide
    side = 5 if kind == RADIAL else 3
    return flat.unflatten(-1, (side, side))


def plain_kernels(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return a file's tensors with plain kernels in the place of those of differences."""
    kinds = {f"{name}.conv1.weight": difference_of(name) for name, *_ in block_places()}
    kinds["init_block.weight"] = difference_of("init_block")
    return {
        name: plain_kernel(tensors[name], kinds[own]) if own in kinds else tensors[name]
        for name, own in names_without_module(tensors).items()
    }


def load_pidinet(path: Path, device: torch.device) -> PiDiNet:
    """Return the network in a file. Raises ModelError, naming it."""
    return annotator_network(path, PiDiNet, device, plain_kernels)


def pixel_edges(net: Any, ask: Annotate) -> Annotation:
    """Return the map of a picture's edges: soft, in few levels, those that are sure, or as a scribble."""

    def edges(levels: Levels, options: MapOptions) -> Levels:
        share = net(seen_pixels(levels[:, :, ::-1], net) / 255)[0, 0].cpu().numpy()
        if ask.name.endswith("_sketch"):
            share = np.where(np.isfinite(share), share > SURE_EDGE, share)
        if ask.name.endswith("_safe"):
            share = few_levels(share)
        return in_three(checked_levels(share))

    found = in_resolution(edges)(ask.pixels, MapOptions(ask.resolution))
    return Annotation(scribbled(found) if ask.name.endswith("_scribble") else found)
