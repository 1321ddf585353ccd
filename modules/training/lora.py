"""LoRA: low-rank updates of linear layers and convolutions, in kohya-ss's names. Hu et al. 2021, arXiv:2106.09685."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from math import sqrt
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from modules.base.errors import Invalid
from modules.base.streams import stream
from modules.training.noise import DrawPlace
from modules.training.student import UNET, DrawPlaces, Student, TrainableModel, leaf

# classes of modules in which layers are trained; those of the second row with `conv_dim` alone
TRANSFORMERS = {"Transformer2DModel", "CLIPAttention", "CLIPMLP"}
CONVOLUTIONAL = {"ResnetBlock2D", "Downsample2D", "Upsample2D"}
DOWN, UP, ALPHA = "lora_down.weight", "lora_up.weight", "alpha"


@dataclass(frozen=True, slots=True)
class LoraShape:
    """The size of a LoRA and where it is. Names as sd-scripts'; an alpha of 0 is the rank.

    conv_dim: rank at convolutions of 3×3, 0 leaves them out
    largest_norm: of an update, to which it is scaled down after each step; 0 is off
    """

    dim: int = 16
    alpha: float = 0.0
    conv_dim: int = 0
    conv_alpha: float = 0.0
    dropout: float = 0.0
    largest_norm: float = 0.0
    unet: bool = True
    text: bool = True

    def at(self, module: nn.Module) -> tuple[int, float]:
        """Return the rank and alpha at a layer."""
        wide = isinstance(module, nn.Conv2d) and module.kernel_size != (1, 1)
        dim, alpha = (self.conv_dim, self.conv_alpha) if wide else (self.dim, self.alpha)
        return dim, alpha or dim


@dataclass(frozen=True, slots=True)
class LoraLayer:
    """One layer that is trained. name: as in files, `lora_unet_…`; part: of the model; path: the module's in it."""

    name: str
    part: str
    path: str
    scale: float
    rank: int


class Lora(Student):
    """A LoRA in training. Its files load as any LoRA."""

    def __init__(self, model: TrainableModel, shape: LoraShape, seed: int) -> None:
        """Begin as nothing: `up` is zero, `down` even in ±1/√inputs. Raises Invalid if there is nothing to train."""
        self.dropout, self.largest_norm = shape.dropout, shape.largest_norm
        self.layers, self.tensors = list[LoraLayer](), {}
        for place, (name, part, path, module) in enumerate(lora_targets(model, shape)):
            rank, alpha = shape.at(module)
            self.layers.append(LoraLayer(name, part, path, alpha / rank, rank))
            down, up = first_factors(module, rank, place, seed)
            self.tensors |= {f"{name}.{DOWN}": down, f"{name}.{UP}": up}
        if not self.layers:
            raise Invalid("No layer is left to train.", "Train the UNet, the text encoder, or both.", "network_args")
        self._parts = {layer.name: layer.part for layer in self.layers}

    def part(self, name: str) -> str:
        return self._parts[name.partition(".")[0]]

    @contextmanager
    def attached(self, model: TrainableModel, places: DrawPlaces) -> Iterator[None]:
        with ExitStack() as hooks:
            for number, layer in enumerate(self.layers):
                module = model.networks[layer.part].get_submodule(layer.path)
                factors = self.tensors[f"{layer.name}.{DOWN}"], self.tensors[f"{layer.name}.{UP}"]
                drop = partial(dropped, self.dropout, number, places) if self.dropout and places else None
                hook = partial(add_update, factors, layer.scale, drop)
                hooks.enter_context(module.register_forward_hook(hook))
            yield

    def file_tensors(self) -> dict[str, Tensor]:
        """Return the tensors of a file: the factors, and each layer's alpha."""
        alphas = {f"{layer.name}.{ALPHA}": torch.tensor(layer.scale * layer.rank) for layer in self.layers}
        return {name: tensor.detach().cpu() for name, tensor in self.tensors.items()} | alphas

    def after_step(self) -> None:
        if self.largest_norm:
            self._limit_norms(self.largest_norm)

    def _limit_norms(self, largest: float) -> None:
        """Scale each update down to a norm, sd-scripts' `scale_weight_norms`."""
        with torch.no_grad():
            for layer in self.layers:
                down, up = self.tensors[f"{layer.name}.{DOWN}"], self.tensors[f"{layer.name}.{UP}"]
                norm = float((up.flatten(1) @ down.flatten(1)).norm() * layer.scale)
                if norm > largest:
                    ratio = sqrt(largest / norm)
                    down.mul_(ratio)
                    up.mul_(ratio)


def lora_targets(model: TrainableModel, shape: LoraShape) -> Iterator[tuple[str, str, str, nn.Module]]:
    """Yield name, part, path and module of each layer to train, in the order of the model's modules."""
    classes = TRANSFORMERS | CONVOLUTIONAL if shape.conv_dim else TRANSFORMERS
    for part, network in model.networks.items():
        if not (shape.unet if part == UNET else shape.text):
            continue
        for path, module in network.named_modules():
            if is_target(network, path, module, classes, shape):
                yield file_name(model, part, path), part, path, module


def is_target(network: nn.Module, path: str, module: nn.Module, classes: set[str], shape: LoraShape) -> bool:
    """Return whether a layer is trained: by its own kind, and by a module that it is in."""
    wide = isinstance(module, nn.Conv2d) and module.kernel_size != (1, 1)
    if not isinstance(module, nn.Linear | nn.Conv2d) or (wide and not shape.conv_dim):
        return False
    parts = path.split(".")
    above = (network.get_submodule(".".join(parts[:end])) for end in range(len(parts)))
    return any(type(each).__name__ in classes for each in above)


def file_name(model: TrainableModel, part: str, path: str) -> str:
    """Return kohya-ss's name of a module. CLIP's have `text_model.` before them, which its modules no longer have."""
    if part == UNET:
        return f"lora_unet_{model.unet_names.get(path, path)}".replace(".", "_")
    several = len(model.networks) > 2
    prefix = f"lora_te{2 if part.endswith('_2') else 1}" if several else "lora_te"
    return f"{prefix}_text_model.{path.removeprefix('text_model.')}".replace(".", "_")


def first_factors(module: nn.Module, rank: int, number: int, seed: int) -> tuple[Tensor, Tensor]:
    """Return `down` (rank, inputs, …), Kaiming's uniform for a = √5, and `up` (outputs, rank, …), zero."""
    weight = module.weight
    assert isinstance(weight, Tensor)
    kernel = weight.shape[2:]
    shape = (rank, *weight.shape[1:])
    bound = 1 / sqrt(weight[0].numel())
    drawn = stream(seed, "init", 0, number).uniform(-bound, bound, shape)
    down, up = torch.from_numpy(drawn).float(), torch.zeros(weight.shape[0], rank, *(1 for _ in kernel))
    return leaf(down.to(weight.device)), leaf(up.to(weight.device))


def add_update(
    factors: tuple[Tensor, Tensor], scale: float, drop: Any, module: nn.Module, args: tuple[Any, ...], y: Tensor
) -> Tensor:
    """Return a layer's output with the update: y + scale · up (down x); a forward hook."""
    down, up = factors
    x = args[0]
    if not torch.is_autocast_enabled(x.device.type):
        x = x.to(down.dtype)
    if isinstance(module, nn.Conv2d):
        inner = F.conv2d(x, down, None, module.stride, module.padding, module.dilation)
        inner = drop(inner) if drop else inner
        return y + (F.conv2d(inner, up) * scale).to(y.dtype)
    inner = F.linear(x, down)
    inner = drop(inner) if drop else inner
    return y + (F.linear(inner, up) * scale).to(y.dtype)


def dropped(rate: float, number: int, places: tuple[DrawPlace, ...], inner: Tensor) -> Tensor:
    """Return values of which a share is zero and the others are larger by as much, the same at every call of a step."""
    kept = [
        torch.from_numpy(stream(place.seed, f"dropout {number}", place.step, place.slot).random(inner.shape[1:]))
        for place in places[: len(inner)]
    ]
    mask = (torch.stack(kept) >= rate).to(inner)
    return inner * mask / (1 - rate)


def file_metadata_of(shape: LoraShape) -> Mapping[str, str]:
    """Return what files say of a LoRA's size."""
    return {"ss_network_module": "networks.lora", "ss_network_dim": str(shape.dim),
            "ss_network_alpha": str(float(shape.alpha or shape.dim))}
