"""RetinaFace: detection of faces with eyes, tip of the nose and corners of the mouth.

Deng et al. 2019, arXiv:1905.00641, on a ResNet-50 (He et al. 2015, arXiv:1512.03385) with a feature pyramid and, on
each of its levels, a context module (SSH, Najibi et al. 2017, arXiv:1708.03979). Names are those of
`detection_Resnet50_Final.pth`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, relu

ANCHORS = 2         # of each place
EXPANSION = 4       # ratio of a stage's features to its bottleneck's
PYRAMID_LEVELS = 3          # number of the last stages, which the pyramid uses


@dataclass(frozen=True, slots=True)
class RetinaFaceSizes:
    """The sizes of a RetinaFace network.

    stem: features before the first stage; blocks: of each stage; pyramid: features of each of its levels
    """

    stem: int = 64
    blocks: tuple[int, ...] = (3, 4, 6, 3)
    pyramid: int = 256

    @classmethod
    def of(cls, state: Mapping[str, Tensor]) -> RetinaFaceSizes:
        stages = [
            {name.split(".")[2] for name in state if name.startswith(f"body.layer{stage}.")} for stage in range(1, 5)
        ]
        return cls(state["body.conv1.weight"].shape[0], tuple(map(len, stages)), state["fpn.output1.0.weight"].shape[0])


class Bottleneck(nn.Module):
    """Convolutions 1 × 1, 3 × 3 and 1 × 1, with a shortcut."""

    def __init__(self, inputs: int, inner: int, stride: int) -> None:
        super().__init__()
        outputs = EXPANSION * inner
        self.conv1, self.bn1 = nn.Conv2d(inputs, inner, 1, bias=False), nn.BatchNorm2d(inner)
        self.conv2, self.bn2 = nn.Conv2d(inner, inner, 3, stride, 1, bias=False), nn.BatchNorm2d(inner)
        self.conv3, self.bn3 = nn.Conv2d(inner, outputs, 1, bias=False), nn.BatchNorm2d(outputs)
        same = stride == 1 and inputs == outputs
        self.downsample = (
            None if same else nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))
        )

    def forward(self, x: Tensor) -> Tensor:
        inner = relu(self.bn1(self.conv1(x)))
        inner = relu(self.bn2(self.conv2(inner)))
        return relu(self.bn3(self.conv3(inner)) + (self.downsample(x) if self.downsample else x))


class ResNet(nn.Module):
    """The features of its last three stages, at 1/8, 1/16 and 1/32 of the picture's size."""

    def __init__(self, sizes: RetinaFaceSizes) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, sizes.stem, 7, 2, 3, bias=False), nn.BatchNorm2d(sizes.stem)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        inner = sizes.stem
        self.layer1 = stage(inner, inner, 1, sizes.blocks[0])
        self.layer2 = stage(EXPANSION * inner, 2 * inner, 2, sizes.blocks[1])
        self.layer3 = stage(EXPANSION * 2 * inner, 4 * inner, 2, sizes.blocks[2])
        self.layer4 = stage(EXPANSION * 4 * inner, 8 * inner, 2, sizes.blocks[3])

    def forward(self, x: Tensor) -> list[Tensor]:
        x = self.layer1(self.maxpool(relu(self.bn1(self.conv1(x)))))
        found = []
        for layer in (self.layer2, self.layer3, self.layer4):
            x = layer(x)
            found.append(x)
        return found


def stage(inputs: int, inner: int, stride: int, blocks: int) -> nn.Sequential:
    """Return a stage of so many blocks; the first one reduces the features' sides."""
    first = Bottleneck(inputs, inner, stride)
    return nn.Sequential(first, *(Bottleneck(EXPANSION * inner, inner, 1) for _ in range(blocks - 1)))


def normed(inputs: int, outputs: int, kernel: int = 3) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False), nn.BatchNorm2d(outputs))


class Pyramid(nn.Module):
    """A feature pyramid: each level is merged with the coarser one above it, and the coarsest with none."""

    def __init__(self, inputs: list[int], features: int) -> None:
        super().__init__()
        self.output1, self.output2, self.output3 = (normed(each, features, 1) for each in inputs)
        self.merge1, self.merge2 = normed(features, features), normed(features, features)

    def forward(self, levels: list[Tensor]) -> list[Tensor]:
        fine, middle, coarse = (
            relu(output(x)) for output, x in zip((self.output1, self.output2, self.output3), levels, strict=True)
        )
        middle = relu(self.merge2(middle + interpolate(coarse, middle.shape[-2:], mode="nearest")))
        fine = relu(self.merge1(fine + interpolate(middle, fine.shape[-2:], mode="nearest")))
        return [fine, middle, coarse]


class Context(nn.Module):
    """SSH: windows of 3, 5 and 7 side by side, the wider ones made of narrow convolutions."""

    def __init__(self, features: int) -> None:
        super().__init__()
        half, quarter = features // 2, features // 4
        self.conv3X3 = normed(features, half)
        self.conv5X5_1, self.conv5X5_2 = normed(features, quarter), normed(quarter, quarter)
        self.conv7X7_2, self.conv7x7_3 = normed(quarter, quarter), normed(quarter, quarter)

    def forward(self, x: Tensor) -> Tensor:
        shared = relu(self.conv5X5_1(x))
        widest = self.conv7x7_3(relu(self.conv7X7_2(shared)))
        return relu(torch.cat((self.conv3X3(x), self.conv5X5_2(shared), widest), 1))


class Head(nn.Module):
    """An output layer with so many numbers for each anchor of a level."""

    def __init__(self, features: int, numbers: int) -> None:
        super().__init__()
        self.numbers = numbers
        self.conv1x1 = nn.Conv2d(features, ANCHORS * numbers, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(1, features, h, w) → (h · w · anchors, numbers)."""
        return self.conv1x1(x).permute(0, 2, 3, 1).reshape(-1, self.numbers)


class RetinaFace(nn.Module):
    """(1, 3, h, w) blue, green, red less their means → for each anchor: its score 0–1, (n,); box, (n, 4); landmarks,
    (n, 10).
    """

    def __init__(self, sizes: RetinaFaceSizes) -> None:
        super().__init__()
        features = sizes.pyramid
        self.body = ResNet(sizes)
        self.fpn = Pyramid([EXPANSION * sizes.stem * 2**stage for stage in range(1, PYRAMID_LEVELS + 1)], features)
        self.ssh1, self.ssh2, self.ssh3 = (Context(features) for _ in range(PYRAMID_LEVELS))
        self.ClassHead, self.BboxHead, self.LandmarkHead = (
            nn.ModuleList(Head(features, numbers) for _ in range(PYRAMID_LEVELS)) for numbers in (2, 4, 10)
        )

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        levels = self.fpn(self.body(x))
        levels = [context(level) for context, level in zip((self.ssh1, self.ssh2, self.ssh3), levels, strict=True)]
        classes, boxes, landmarks = (
            torch.cat([head(level) for head, level in zip(heads, levels, strict=True)])
            for heads in (self.ClassHead, self.BboxHead, self.LandmarkHead)
        )
        return classes.softmax(1)[:, 1], boxes, landmarks
