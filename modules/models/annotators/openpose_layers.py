"""What OpenPose's networks have in common: VGG's first layers, and convolutions that lie side by side under names."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from torch import Tensor, nn
from torch.nn.functional import max_pool2d, relu

# name and outputs of each layer; "" halves the size
VGG_LAYERS = (
    ("conv1_1", 64), ("conv1_2", 64), ("", 0), ("conv2_1", 128), ("conv2_2", 128), ("", 0), ("conv3_1", 256),
    ("conv3_2", 256), ("conv3_3", 256), ("conv3_4", 256), ("", 0), ("conv4_1", 512), ("conv4_2", 512),
)

NamedLayer = tuple[str, int, int, int]      # name, inputs, outputs and kernel


class OpenPoseNet(nn.Module):
    """Layers by name, as in the files: those that it begins with, each of 3 × 3, and those of its stages."""

    def __init__(self, begin: Sequence[tuple[str, int]], stages: Iterable[NamedLayer]) -> None:
        super().__init__()
        self.begin, width = begin, 3
        for name, outputs in filter(all, begin):
            self.add_layer(name, width, outputs, 3)
            width = outputs
        for layer in stages:
            self.add_layer(*layer)

    def add_layer(self, name: str, inputs: int, outputs: int, kernel: int) -> None:
        self.add_module(name, nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2))

    def begun(self, x: Tensor) -> Tensor:
        """Return what the first layers give, which all stages see."""
        for name, _ in self.begin:
            x = relu(self.get_submodule(name)(x)) if name else max_pool2d(x, 2)
        return x

    def through(self, names: Iterable[str], x: Tensor) -> Tensor:
        """Return what layers give one after another, the last without a ReLU."""
        *inner, last = names
        for name in inner:
            x = relu(self.get_submodule(name)(x))
        found: Tensor = self.get_submodule(last)(x)
        return found
