"""Super-resolution networks, their sizes read from their weights.

RRDBNet       Wang et al. 2018, ESRGAN, arXiv:1809.00219; Wang et al. 2021, Real-ESRGAN, arXiv:2107.10833
SRVGGNet      the compact network of Real-ESRGAN's video and "general" models

Pictures are (batch, 3, h, w), 0–1.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import isqrt
from types import ModuleType

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, pad, pixel_shuffle, pixel_unshuffle

from modules.base.errors import ModelMismatch, ModelUnsupported
from modules.models.layers import RGB_CHANNELS, conv3x3, leaky

RESIDUAL = 0.2      # share of a block's result that is added to its input
# the input's sides are padded to multiples of it before an unshuffle by 2 or 4: A1111's pictures depend on it
UNSHUFFLE_MULTIPLE = 4
# errors from weights of unlikely shapes and names
UNFIT = (RuntimeError, ValueError, LookupError, TypeError, ArithmeticError)

State = Mapping[str, Tensor]


@dataclass(frozen=True, slots=True)
class Net:
    """A network on `device` in `dtype`: (1, 3, h, w) → (1, 3, h · scale, w · scale)."""

    run: Callable[[Tensor], Tensor]
    scale: int
    device: torch.device
    dtype: torch.dtype


class DenseBlock(nn.Module):
    """Five convolutions, each of which sees the output of all before it (arXiv:1809.00219, section 3.1).

    plus: with the two residuals of ESRGAN+ inside (arXiv:2001.08073)
    """

    def __init__(self, features: int, growth: int, plus: bool) -> None:
        super().__init__()
        inputs = (features + number * growth for number in range(4))
        self.conv1, self.conv2, self.conv3, self.conv4 = (conv3x3(each, growth) for each in inputs)
        self.conv5 = conv3x3(features + 4 * growth, features)
        self.conv1x1 = nn.Conv2d(features, growth, 1, bias=False) if plus else None

    def forward(self, x: Tensor) -> Tensor:
        one = leaky(self.conv1(x))
        two = leaky(self.conv2(torch.cat((x, one), 1)))
        if self.conv1x1:
            two = two + self.conv1x1(x)
        three = leaky(self.conv3(torch.cat((x, one, two), 1)))
        four = leaky(self.conv4(torch.cat((x, one, two, three), 1)))
        if self.conv1x1:
            four = four + two
        return x + RESIDUAL * self.conv5(torch.cat((x, one, two, three, four), 1))


class ResidualBlock(nn.Module):
    """The residual-in-residual dense block: three dense blocks and a shortcut."""

    def __init__(self, features: int, growth: int, plus: bool) -> None:
        super().__init__()
        self.rdb1, self.rdb2, self.rdb3 = (DenseBlock(features, growth, plus) for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        return x + RESIDUAL * self.rdb3(self.rdb2(self.rdb1(x)))


@dataclass(frozen=True, slots=True)
class RRDBSizes:
    features: int
    growth: int
    blocks: int
    doublings: int      # ×2 steps after the blocks
    unshuffle: int      # the input is first reduced by this factor: 2 in Real-ESRGAN ×2, 4 in ×1
    plus: bool

    @property
    def scale(self) -> int:
        return 2**self.doublings // self.unshuffle

    @classmethod
    def of(cls, state: State) -> RRDBSizes:
        """Return the sizes of `state`, which has this program's names."""
        first = state["conv_first.weight"].shape
        return cls(
            features=first[0],
            growth=state["body.0.rdb1.conv1.weight"].shape[0],
            blocks=len({name.split(".")[1] for name in state if name.startswith("body.")}),
            doublings=sum(bool(re.fullmatch(r"ups\.\d+\.weight", name)) for name in state),
            unshuffle=isqrt(first[1] // RGB_CHANNELS),
            plus="body.0.rdb1.conv1x1.weight" in state,
        )


class RRDBNet(nn.Module):
    """Residual-in-residual dense blocks at the input's size, then nearest-neighbour doublings with convolutions."""

    def __init__(self, sizes: RRDBSizes) -> None:
        super().__init__()
        features = sizes.features
        self.sizes = sizes
        self.conv_first = conv3x3(RGB_CHANNELS * sizes.unshuffle**2, features)
        self.body = nn.Sequential(*(ResidualBlock(features, sizes.growth, sizes.plus) for _ in range(sizes.blocks)))
        self.conv_body = conv3x3(features, features)
        self.ups = nn.ModuleList(conv3x3(features, features) for _ in range(sizes.doublings))
        self.conv_hr = conv3x3(features, features)
        self.conv_last = conv3x3(features, RGB_CHANNELS)

    def forward(self, x: Tensor) -> Tensor:
        height, width = (side * self.sizes.scale for side in x.shape[-2:])
        if self.sizes.unshuffle > 1:
            x = pixel_unshuffle(pad_to_multiple(x), self.sizes.unshuffle)
        x = self.conv_first(x)
        x = x + self.conv_body(self.body(x))
        for up in self.ups:
            x = leaky(up(interpolate(x, scale_factor=2, mode="nearest")))
        return self.conv_last(leaky(self.conv_hr(x)))[..., :height, :width]


class SRVGGNet(nn.Module):
    """A plain stack of convolutions; its result is added to the picture enlarged by nearest neighbour."""

    def __init__(self, features: int, layers: int, scale: int) -> None:
        """layers: convolutions between the first and the last"""
        super().__init__()
        self.scale = scale
        inner = [layer for _ in range(layers) for layer in (conv3x3(features, features), nn.PReLU(features))]
        self.body = nn.Sequential(
            conv3x3(RGB_CHANNELS, features), nn.PReLU(features), *inner, conv3x3(features, RGB_CHANNELS * scale**2)
        )

    def forward(self, x: Tensor) -> Tensor:
        return pixel_shuffle(self.body(x), self.scale) + interpolate(x, scale_factor=self.scale, mode="nearest")


def pad_to_multiple(x: Tensor) -> Tensor:
    """Return `x` padded to multiples: its edge mirrored, or repeated if there is too little of it."""
    height, width = x.shape[-2:]
    mode = "reflect" if min(height, width) >= UNSHUFFLE_MULTIPLE else "replicate"
    return pad(x, (0, -width % UNSHUFFLE_MULTIPLE, 0, -height % UNSHUFFLE_MULTIPLE), mode)


def rrdb(state: State) -> tuple[nn.Module, State, int]:
    state = rename_rrdb_keys(state)
    sizes = RRDBSizes.of(state)
    scale = sizes.scale
    return RRDBNet(sizes), state, scale


def srvgg(state: State) -> tuple[nn.Module, State, int]:
    numbers = [int(name.split(".")[1]) for name in state if name.startswith("body.")]
    last = state[f"body.{max(numbers)}.weight"]
    scale = isqrt(last.shape[0] // RGB_CHANNELS)
    return SRVGGNet(last.shape[1], max(numbers) // 2 - 1, scale), state, scale


def rename_rrdb_keys(state: State) -> dict[str, Tensor]:
    """Convert the names of any of ESRGAN's three layouts to this program's."""
    tail = [int(match[1]) for name in state if (match := re.fullmatch(r"model\.(\d+)\.weight", name))]
    numbered = {str(number): name for number, name in zip(sorted(tail), tail_names(len(tail)), strict=True)}
    return {renamed_key(name, numbered): tensor for name, tensor in state.items()}


def tail_names(count: int) -> list[str]:
    """Return the names of the first layout's numbered convolutions: all but three double the size."""
    return ["conv_first", *(f"ups.{number}" for number in range(count - 3)), "conv_hr", "conv_last"][:count]


def renamed_key(name: str, numbered: Mapping[str, str]) -> str:
    if match := re.fullmatch(r"model\.(\d+)\.(\w+)", name):
        return f"{numbered[match[1]]}.{match[2]}"
    if match := re.fullmatch(r"(?:conv_up|upconv)(\d)\.(\w+)", name):
        return f"ups.{int(match[1]) - 1}.{match[2]}"
    for pattern, replacement in RENAMED:
        name = re.sub(pattern, replacement, name)
    return name


def build_upscaler(name: str, state: State, device: torch.device, dtype: torch.dtype) -> Net:
    """Return the network of `state`'s weights; `name` is the file's, for messages.

    Raises ModelMismatch, or ModelUnsupported for an architecture that neither Easel nor an installed spandrel knows.
    """
    for marks, make in ARCHITECTURES:
        if marks <= state.keys():
            try:
                module, scale = build_and_load(make, state)
            except UNFIT as error:
                raise upscaler_mismatch(name) from error
            return Net(module.to(device, dtype), scale, device, dtype)
    return foreign(name, state, device, dtype)


def build_and_load(make: Callable[[State], tuple[nn.Module, State, int]], state: State) -> tuple[nn.Module, int]:
    """Make the network without memory, then give it the file's own tensors."""
    with torch.device("meta"):
        module, state, scale = make(state)
    if scale < 1:
        raise ValueError("it would make pictures smaller")
    module.load_state_dict(state, assign=True)
    return module.requires_grad_(False).eval(), scale


def upscaler_mismatch(name: str) -> ModelMismatch:
    return ModelMismatch(
        f"{name} resembles an ESRGAN upscaler for RGB pictures, but its weights do not fit together.",
        "Download it again, or use another.",
    )


def foreign(name: str, state: State, device: torch.device, dtype: torch.dtype) -> Net:
    """Return SwinIR, DAT, HAT and the like, by the spandrel library if it is installed."""
    spandrel = installed_spandrel(name)
    try:
        model = spandrel.ModelLoader().load_from_state_dict(dict(state))
    except (spandrel.UnsupportedModelError, *UNFIT) as error:
        raise ModelUnsupported(
            f"{name} is of a kind that spandrel does not know either.", "Use an ESRGAN model."
        ) from error
    if not isinstance(model, spandrel.ImageModelDescriptor) or (model.input_channels, model.output_channels) != (
        RGB_CHANNELS,
        RGB_CHANNELS,
    ):
        raise ModelUnsupported(f"{name} is no upscaler for RGB pictures.", "Use an ESRGAN model.")
    return Net(model.to(device, dtype).eval(), model.scale, device, dtype)


def installed_spandrel(name: str) -> ModuleType:
    """Import spandrel, which is no requirement; torchvision, which it needs, may be missing or broken."""
    try:
        return importlib.import_module("spandrel")
    except (ImportError, RuntimeError) as error:
        raise ModelUnsupported(
            f"{name} is not an ESRGAN or Real-ESRGAN model.",
            "Run `pip install spandrel` (it needs torchvision) for other kinds of upscalers, or use an ESRGAN model.",
        ) from error


RENAMED = (
    (r"^model\.1\.sub\.(\d+)\.(weight|bias)$", r"conv_body.\2"),
    (r"^(?:model\.1\.sub|RRDB_trunk)\.", "body."),
    (r"\.RDB(\d)\.conv(1x1|\d)(?:\.0)?\.", r".rdb\1.conv\2."),
    (r"^trunk_conv\.", "conv_body."),
    (r"^HRconv\.", "conv_hr."),
)
ARCHITECTURES = (
    ({"model.0.weight", "model.1.sub.0.RDB1.conv1.0.weight"}, rrdb),         # ESRGAN's first layout
    ({"conv_first.weight", "RRDB_trunk.0.RDB1.conv1.weight"}, rrdb),         # its second layout
    ({"conv_first.weight", "body.0.rdb1.conv1.weight"}, rrdb),               # Real-ESRGAN
    ({"body.0.weight", "body.0.bias", "body.1.weight", "body.2.weight"}, srvgg),
)
