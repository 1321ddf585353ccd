"""ControlLLLite: small modules that change what attention projections of single rows are given, by a hint's features.

x' = x + strength · up(mid(hint's features ⧺ down(x))), with ReLUs after down and mid; kohya-ss/sd-scripts'
`ControlNet-LLLite`. A file has one such module for each projection, under the projection's name.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn.functional import conv2d, interpolate, linear, relu
from torch.utils.weak import WeakIdKeyDictionary

from modules.base.errors import ModelMismatch
from modules.models.checkpoint.loaded_model import LoadedModel
from modules.models.control.weighing import bytes_of

LLLITE_MARK, LLLITE_PREFIX = "lllite", "lllite_unet_"
CHOOSE_LLLITE = "Choose a ControlLLLite for this checkpoint's family in the unit."
LAYERS = ("down.0", "mid.0", "up.0")


def is_lllite(keys: Collection[str]) -> bool:
    return any(key.startswith(LLLITE_MARK) for key in keys)


@dataclass(frozen=True, eq=False)
class Lllite:
    """A ControlLLLite in memory: the tensors of each module, by the path of the projection in the UNet."""

    name: str
    modules: Mapping[str, Mapping[str, Tensor]]
    seen: WeakIdKeyDictionary = field(default_factory=WeakIdKeyDictionary)

    asked_beside: ClassVar[bool] = False

    @property
    def size(self) -> int:
        """Its weights in bytes."""
        return bytes_of(each for own in self.modules.values() for each in own.values())

    def to(self, device: torch.device, dtype: torch.dtype) -> Lllite:
        return Lllite(self.name, {
            path: {name: each.to(device, dtype) for name, each in own.items()} for path, own in self.modules.items()
        })

    def features(self, path: str, hint: Tensor) -> Tensor:
        """Return a module's features (C, h, w) of a hint (3, H, W) in [0, 1]; computed once for a hint."""
        known: dict[str, Tensor] = self.seen.setdefault(hint, {})
        if path not in known:
            known[path] = self.computed(path, hint)
        return known[path]

    def computed(self, path: str, hint: Tensor) -> Tensor:
        own = self.modules[path]
        x, place = (hint.clamp(min=0) * 2 - 1)[None].to(own["conditioning1.0.weight"]), 0
        while (weight := own.get(f"conditioning1.{place}.weight")) is not None:
            x = conv2d(relu(x) if place else x, weight, own.get(f"conditioning1.{place}.bias"), weight.shape[2:])
            place += 2
        return x[0]

    def change(self, path: str, x: Tensor, hint: Tensor, cells: tuple[int, int]) -> Tensor:
        """Return what is added to one row's input (tokens, width) at strength 1; cells: of its picture."""
        own, found = self.modules[path], self.features(path, hint)
        if found.shape[1:] != cells:      # a size that the hint's strides do not divide
            found = interpolate(found[None], cells, mode="bilinear")[0]
        seen = found.flatten(1).T
        down, mid = (
            (own[f"{name}.weight"].flatten(1), own.get(f"{name}.bias")) for name in LAYERS[:2]
        )
        inner = relu(linear(torch.cat([seen, relu(linear(x, *down))], dim=-1), *mid))
        return linear(inner, own["up.0.weight"].flatten(1), own.get("up.0.bias"))


def load_lllite(name: str, tensors: Mapping[str, Tensor], model: LoadedModel) -> Lllite:
    """Return the ControlLLLite in a file's tensors. Raises ModelMismatch for another family's, or a damaged one."""
    paths = {
        f"{LLLITE_PREFIX}{spelling.replace('.', '_')}": theirs
        for ours, theirs in projections(model).items() for spelling in (ours, theirs)
    }
    found: dict[str, dict[str, Tensor]] = defaultdict(dict)
    for key, tensor in tensors.items():
        module, _, part = key.partition(".")
        if module in paths:
            found[paths[module]][part] = tensor
        elif key.startswith(LLLITE_MARK):
            raise ModelMismatch(f"{name} does not fit {model.checkpoint.model_name}: {module} is not there.",
                                CHOOSE_LLLITE)
    adapter = Lllite(name, dict(found))
    unet = dict(model.unet.named_modules())
    try:
        with torch.inference_mode():
            for path in adapter.modules:
                whole = Lllite(name, {path: {part: each.float() for part, each in adapter.modules[path].items()}})
                width = unet[path].in_features
                whole.change(path, torch.zeros(4, width), torch.zeros(3, 32, 32), (2, 2))
    except (RuntimeError, LookupError, ValueError) as error:
        raise ModelMismatch(f"{name}: its weights do not fit together, or not {model.checkpoint.model_name}.",
                            CHOOSE_LLLITE) from error
    return adapter


def projections(model: LoadedModel) -> dict[str, str]:
    """Return the attention projections of a UNet: name in checkpoints → path."""
    paths = (path for path, _ in model.unet.named_modules() if path.endswith((".to_q", ".to_k", ".to_v")))
    ours = {theirs: own.rpartition(".")[0] for own, theirs in model.unet_names.items()}
    return {ours.get(f"{path}.weight", path): path for path in paths}
