"""Weights stored in 8 bits, and converted for each computation: half the memory, slightly different images.

The format is E4M3 of Micikevicius et al. 2022, "FP8 Formats for Deep Learning", arXiv:2209.05433. As in A1111, matrices
and convolutions of the UNet and the text encoders are stored so, with their biases; norms and embeddings are not, nor
is the VAE.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from modules.models.checkpoint.family import Family
from modules.models.checkpoint.loaded_model import LoadedModel
from modules.models.lora.patcher import parameters_of, text_name
from modules.sampling.weights import Fp8

FP8 = torch.float8_e4m3fn


class Fp8Linear(nn.Linear):
    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight.to(x.dtype), None if self.bias is None else self.bias.to(x.dtype))


class Fp8Conv2d(nn.Conv2d):
    def forward(self, x: Tensor) -> Tensor:
        return self._conv_forward(x, self.weight.to(x.dtype), None if self.bias is None else self.bias.to(x.dtype))


FP8_LAYERS = {nn.Linear: Fp8Linear, nn.Conv2d: Fp8Conv2d}      # other layers stay as they are
PROJECTION = "text_projection"      # OpenCLIP's: no layer in A1111


def working(module: nn.Module) -> Tensor:
    """Return a parameter on the module's device and in its precision of computation."""
    return next(parameter for parameter in module.parameters() if parameter.dtype != FP8)


@dataclass(frozen=True)
class Stored:
    """The weights of a model that are stored in 8 bits.

    kept: original weights in their precision, in the computer's memory, by the paths that networks use
    """

    dtypes: Mapping[str, torch.dtype]      # of the computation, by path
    kept: Mapping[str, Tensor] = field(default_factory=dict)

    def wide(self, path: str, weight: Tensor) -> Tensor:
        """Return the weight that networks are added to: the original, if it was kept."""
        if path not in self.dtypes:
            return weight
        return self.kept[path].to(weight.device) if path in self.kept else weight.to(self.dtypes[path])


def applied(wanted: Fp8 | None, family: Family) -> Fp8 | None:
    """Return the storage that a setting means for a model of that family."""
    if wanted is None or (wanted.only_sdxl and not family.large):
        return None
    return Fp8(keep=wanted.keep)


def store(model: LoadedModel, wanted: Fp8 | None) -> Stored:
    """Store in place, one tensor at a time: the peak is the model's memory before, and one tensor."""
    if wanted is None:
        return Stored({})
    parameters, dtypes, kept = parameters_of(model), {}, {}
    for path in stored_paths(model):
        parameter = parameters[path]
        dtypes[path] = parameter.dtype
        if wanted.keep:
            kept[path] = parameter.data.cpu()
        parameter.data = parameter.data.to(FP8)
    return Stored(dtypes, kept)


def stored_paths(model: LoadedModel) -> list[str]:
    """Return the paths of all parameters stored so; their modules are made to compute with them."""
    parts = {"unet": model.unet} | {text_name(i): text.module for i, text in enumerate(model.texts)}
    paths = []
    for part, whole in parts.items():
        for name, module in whole.named_modules():
            if (kind := FP8_LAYERS.get(type(module))) and name != PROJECTION:
                module.__class__ = kind
                paths += [f"{part}.{name}.{parameter}" for parameter, _ in module.named_parameters(recurse=False)]
    return paths
