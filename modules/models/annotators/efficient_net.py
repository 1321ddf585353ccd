"""EfficientNet-B5 as the encoder of other networks: the features of its stages, with TensorFlow's padding.

Tan and Le 2019, arXiv:1905.11946. Names are those of files of gen-efficientnet's `tf_efficientnet_b5`.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn.functional import pad, silu

from modules.models.layers import FrozenNorm

STEM_WIDTH, HEAD_WIDTH = 48, 2048
# how much wider inside, kernel, stride of the first block, channels, blocks
EFFICIENT_STAGES = (
    (1, 3, 1, 24, 3), (6, 3, 2, 40, 5), (6, 5, 2, 64, 5), (6, 3, 2, 128, 7), (6, 5, 1, 176, 7), (6, 5, 2, 304, 9),
    (6, 3, 1, 512, 3),
)
SEEN_STAGES = (0, 1, 2, 4)      # whose features are wanted, from half of the size to a sixteenth
SQUEEZED = 4                    # how much narrower the channels are by whose means a block weighs its own
EFFICIENT_EPS = 1e-3


class SameConv(nn.Conv2d):
    """A convolution that is padded as TensorFlow does: what is odd, at the right and the bottom."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> None:
        super().__init__(inputs, outputs, kernel, stride, groups=groups, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        kernel, stride = self.kernel_size[0], self.stride[0]
        down, right = (max((-(-side // stride) - 1) * stride + kernel - side, 0) for side in x.shape[2:])
        return super().forward(pad(x, (right // 2, right - right // 2, down // 2, down - down // 2)))


class SqueezeExcite(nn.Module):
    """Each channel's weight by the means of all."""

    def __init__(self, width: int, squeezed: int) -> None:
        super().__init__()
        self.conv_reduce, self.conv_expand = nn.Conv2d(width, squeezed, 1), nn.Conv2d(squeezed, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        means = x.mean((2, 3), keepdim=True)
        weighed: Tensor = x * self.conv_expand(silu(self.conv_reduce(means))).sigmoid()
        return weighed


class PlainBlock(nn.Module):
    """Of the first stage: in each channel alone, weighed, and across channels."""

    def __init__(self, inputs: int, outputs: int, kernel: int) -> None:
        super().__init__()
        self.conv_dw, self.bn1 = SameConv(inputs, inputs, kernel, groups=inputs), FrozenNorm(inputs, EFFICIENT_EPS)
        self.se = SqueezeExcite(inputs, inputs // SQUEEZED)
        self.conv_pw, self.bn2 = SameConv(inputs, outputs, 1), FrozenNorm(outputs, EFFICIENT_EPS)
        self.adds = inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        changed: Tensor = self.bn2(self.conv_pw(self.se(silu(self.bn1(self.conv_dw(x))))))
        return x + changed if self.adds else changed


class WideBlock(nn.Module):
    """Of all further stages: wider, in each channel alone, weighed, and narrow again."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, inner: int) -> None:
        super().__init__()
        self.conv_pw, self.bn1 = SameConv(inputs, inner, 1), FrozenNorm(inner, EFFICIENT_EPS)
        self.conv_dw, self.bn2 = SameConv(inner, inner, kernel, stride, inner), FrozenNorm(inner, EFFICIENT_EPS)
        self.se = SqueezeExcite(inner, inputs // SQUEEZED)
        self.conv_pwl, self.bn3 = SameConv(inner, outputs, 1), FrozenNorm(outputs, EFFICIENT_EPS)
        self.adds = inputs == outputs and stride == 1

    def forward(self, x: Tensor) -> Tensor:
        wide = silu(self.bn2(self.conv_dw(silu(self.bn1(self.conv_pw(x))))))
        changed: Tensor = self.bn3(self.conv_pwl(self.se(wide)))
        return x + changed if self.adds else changed


class EfficientNet(nn.Module):
    """The network up to its last convolution, which is not normalised here."""

    def __init__(self) -> None:
        super().__init__()
        self.conv_stem, self.bn1 = SameConv(3, STEM_WIDTH, 3, 2), FrozenNorm(STEM_WIDTH, EFFICIENT_EPS)
        stages, width = [], STEM_WIDTH
        for wider, kernel, stride, outputs, count in EFFICIENT_STAGES:
            inputs = [width, *[outputs] * (count - 1)]
            stages.append(nn.Sequential(*(
                WideBlock(own, outputs, kernel, 1 if place else stride, own * wider) if wider > 1
                else PlainBlock(own, outputs, kernel)
                for place, own in enumerate(inputs)
            )))
            width = outputs
        self.blocks = nn.Sequential(*stages)
        self.conv_head = SameConv(width, HEAD_WIDTH, 1)

    def forward(self, x: Tensor) -> tuple[list[Tensor], Tensor]:
        """(1, 3, H, W) → four stages' features, each of half the size of the one before, and the last (1, 2048, …)."""
        x, seen = silu(self.bn1(self.conv_stem(x))), []
        for place, stage in enumerate(self.blocks):
            x = stage(x)
            if place in SEEN_STAGES:
                seen.append(x)
        return seen, self.conv_head(x)
