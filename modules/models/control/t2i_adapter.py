"""T2I-Adapters: features of a hint alone, added within a UNet's encoder. They are the same at every step.

Mou et al. 2023, arXiv:2302.08453. Full, XL and light ones, with the names of TencentARC's files or diffusers'.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, conv2d, pixel_unshuffle, relu
from torch.utils.weak import WeakIdKeyDictionary

from modules.base.errors import ModelMismatch
from modules.models.checkpoint.key_mapping import count
from modules.models.checkpoint.loaded_model import LoadedModel, config_of
from modules.models.control.weighing import another_family, bytes_of

FULL_MARK = "body.0.block1.weight"
ADAPTER_MARKS = (FULL_MARK, "body.0.in_conv.weight", "body.0.resnets.0.block1.weight")
LIGHT_LAYER = re.compile(r"body\.([0-9]{1,2})\.body\.([0-9]{1,2})\.")
FULL_LAYER = re.compile(r"body\.([0-9]{1,2})\.(block[12]|in_conv)\.")
RESNETS = 2                        # of a level in TencentARC's full adapters, whose layers are counted through
UNSHUFFLED, UNSHUFFLED_XL = 8, 16              # pixels a side that become channels
HALVED, HALVED_XL = (1, 2, 3), (2,)      # levels that begin with half the size
CHOOSE_ADAPTER = "Choose an adapter for this checkpoint's family in the unit."


def is_t2i_adapter(keys: Collection[str]) -> bool:
    return any(mark in keys or f"adapter.{mark}" in keys for mark in ADAPTER_MARKS)


@dataclass(frozen=True, eq=False)
class T2iAdapter:
    """An adapter in memory: its tensors by diffusers' names without `adapter.`, and the features of hints in use."""

    name: str
    tensors: Mapping[str, Tensor]
    seen: WeakIdKeyDictionary = field(default_factory=WeakIdKeyDictionary)

    asked_beside: ClassVar[bool] = False

    @property
    def size(self) -> int:
        """Its weights in bytes."""
        return bytes_of(self.tensors.values())

    def to(self, device: torch.device, dtype: torch.dtype) -> T2iAdapter:
        return T2iAdapter(self.name, {name: tensor.to(device, dtype) for name, tensor in self.tensors.items()})

    def features(self, hint: Tensor) -> list[Tensor]:
        """Return the features (C, h, w) of a hint (3, H, W) in [0, 1], level by level; computed once for a hint."""
        if hint not in self.seen:
            self.seen[hint] = [each[0] for each in self.computed(hint)]
        found: list[Tensor] = self.seen[hint]
        return found

    def computed(self, hint: Tensor) -> list[Tensor]:
        first = self.tensors.get("conv_in.weight", self.tensors.get("body.0.in_conv.weight"))
        assert first is not None
        x = hint[None].clamp(min=0).to(first)
        if first.shape[1] in (UNSHUFFLED**2, UNSHUFFLED_XL**2):      # of grey hints
            x = x[:, :1]
        wide = first.shape[1] >= UNSHUFFLED_XL**2
        x = pixel_unshuffle(x, UNSHUFFLED_XL if wide else UNSHUFFLED)
        if "conv_in.weight" in self.tensors:
            x = self.convolved("conv_in", x)
        found = []
        for level in range(count(self.tensors, "body")):
            if level in (HALVED_XL if wide else HALVED):
                x = avg_pool2d(x, 2, 2, ceil_mode=True)
            x = self.level(f"body.{level}", x)
            found.append(x)
        return found

    def level(self, name: str, x: Tensor) -> Tensor:
        if f"{name}.in_conv.weight" in self.tensors:
            x = self.convolved(f"{name}.in_conv", x)
        for resnet in range(count(self.tensors, f"{name}.resnets")):
            inner = relu(self.convolved(f"{name}.resnets.{resnet}.block1", x))
            x = x + self.convolved(f"{name}.resnets.{resnet}.block2", inner)
        return self.convolved(f"{name}.out_conv", x) if f"{name}.out_conv.weight" in self.tensors else x

    def convolved(self, name: str, x: Tensor) -> Tensor:
        weight = self.tensors[f"{name}.weight"]
        return conv2d(x, weight, self.tensors.get(f"{name}.bias"), padding=weight.shape[2] // 2)


def load_t2i_adapter(name: str, tensors: Mapping[str, Tensor], model: LoadedModel) -> T2iAdapter:
    """Return the adapter in a file's tensors. Raises ModelMismatch for another family's than the checkpoint's."""
    named = adapter_names(tensors)
    adapter = T2iAdapter(name, {named[key]: tensor for key, tensor in tensors.items()})
    config, whole = config_of(model.unet), adapter.to(torch.device("cpu"), torch.float32)
    try:
        with torch.inference_mode():
            shapes = [tuple(each.shape[1:]) for each in whole.computed(torch.zeros(3, 64, 64))]
    except (RuntimeError, LookupError, AssertionError) as error:
        raise ModelMismatch(f"{name}: its weights do not fit together.", CHOOSE_ADAPTER) from error
    if not all(each[0] == width for each, width in zip(shapes, config.block_out_channels, strict=False)):
        raise another_family(name, model, CHOOSE_ADAPTER)
    return adapter


def adapter_names(keys: Collection[str]) -> dict[str, str]:
    """Return each tensor's name as diffusers has it, without `adapter.`."""
    plain = {key: key.removeprefix("adapter.") for key in keys}
    through = FULL_MARK in plain.values()      # TencentARC's full ones count layers through all levels
    return {key: full_name(name) if through else LIGHT_LAYER.sub(r"body.\1.resnets.\2.", name)
            for key, name in plain.items()}


def full_name(name: str) -> str:
    found = FULL_LAYER.match(name)
    if not found:
        return name
    level, resnet = divmod(int(found[1]), RESNETS)
    inner = "" if found[2].startswith("in_conv") else f"resnets.{resnet}."
    return f"body.{level}.{inner}{found[2]}.{name[found.end():]}"
