"""LoRA: low-rank updates of linear layers and convolutions, in kohya-ss's names. Hu et al. 2021, arXiv:2106.09685."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from math import sqrt
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from modules.base.errors import Invalid
from modules.base.streams import stream
from modules.training.lora_blocks import LoraBlocks
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
    rank_dropout: the share of ranks, module_dropout: of layers, that a step leaves out
    largest_norm: of an update, to which it is scaled down after each step; 0 is off
    up_rates: part of the model → how much faster `up` learns (Hayou et al. 2024, arXiv:2402.12354)
    sizes: rank and alpha of layers by name, which go before all others; of other layers none is trained
    """

    dim: int = 16
    alpha: float = 0.0
    conv_dim: int = 0
    conv_alpha: float = 0.0
    dropout: float = 0.0
    largest_norm: float = 0.0
    unet: bool = True
    text: bool = True
    rank_dropout: float = 0.0
    module_dropout: float = 0.0
    blocks: LoraBlocks = LoraBlocks()
    up_rates: Mapping[str, float] = field(default_factory=dict)
    sizes: Mapping[str, tuple[int, float]] = field(default_factory=dict)

    @property
    def convolutional(self) -> bool:
        """True if convolutions of 3×3 are trained."""
        return bool(self.conv_dim or self.blocks.conv_dims or self.sizes)

    def at(self, name: str, module: nn.Module) -> tuple[int, float]:
        """Return the rank and alpha at a layer; a rank of 0 leaves it out."""
        if self.sizes:
            return self.sizes.get(name, (0, 0.0))
        if not self.blocks.rate(name):
            return 0, 0.0
        wide = isinstance(module, nn.Conv2d) and module.kernel_size != (1, 1)
        usual = (self.conv_dim, self.conv_alpha) if wide else (self.dim, self.alpha)
        dim, alpha = self.blocks.size(name, wide, usual)
        return dim, alpha or dim


@dataclass(frozen=True, slots=True)
class LoraLayer:
    """One layer that is trained. name: as in files, `lora_unet_…`; part: of the model; path: the module's in it."""

    name: str
    part: str
    path: str
    scale: float
    rank: int
    rate: float = 1.0
    up_rate: float = 1.0


class Lora(Student):
    """A LoRA in training. Its files load as any LoRA."""

    def __init__(self, model: TrainableModel, shape: LoraShape, seed: int) -> None:
        """Begin as nothing: `up` is zero, `down` even in ±1/√inputs. Raises Invalid if there is nothing to train."""
        self.shape, self.largest_norm = shape, shape.largest_norm
        self.layers, self.tensors = list[LoraLayer](), {}
        for place, (name, part, path, module) in enumerate(lora_targets(model, shape)):
            rank, alpha = shape.at(name, module)
            if not rank:
                continue
            up_rate = shape.up_rates.get(UNET if part == UNET else "text_encoder", 1.0)
            rate = shape.blocks.rate(name)
            self.layers.append(LoraLayer(name, part, path, alpha / rank, rank, rate, rate * up_rate))
            down, up = first_factors(module, rank, place, seed)
            self.tensors |= {f"{name}.{DOWN}": down, f"{name}.{UP}": up}
        if not self.layers:
            raise Invalid("No layer is left to train.", "Train the UNet, the text encoder, or both.", "network_args")
        self._by_name = {layer.name: layer for layer in self.layers}

    def part(self, name: str) -> str:
        return self._by_name[name.partition(".")[0]].part

    def rate_factor(self, name: str) -> float:
        layer = self._by_name[name.partition(".")[0]]
        return layer.up_rate if name.endswith(UP) else layer.rate

    def begin_with(self, known: Mapping[str, Tensor]) -> None:
        """Begin with the factors of a file, where it has them. Raises Invalid if none fits."""
        fitting = {name: known[name] for name, tensor in self.tensors.items()
                   if name in known and known[name].shape == tensor.shape}
        if not fitting:
            raise Invalid("Nothing in the LoRA to begin with has this rank, or is for this model.",
                          "Set dim_from_weights, or give its rank.", "network_weights")
        with torch.no_grad():
            for name, tensor in fitting.items():
                self.tensors[name].copy_(tensor)

    @contextmanager
    def attached(self, model: TrainableModel, places: DrawPlaces) -> Iterator[None]:
        with ExitStack() as hooks:
            for number, layer in enumerate(self.layers):
                module = model.networks[layer.part].get_submodule(layer.path)
                factors = self.tensors[f"{layer.name}.{DOWN}"], self.tensors[f"{layer.name}.{UP}"]
                if places and left_out(self.shape.module_dropout, number, places[0]):
                    continue
                drop = partial(dropped, self.shape, number, places) if drops(self.shape) and places else None
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
    classes = TRANSFORMERS | CONVOLUTIONAL if shape.convolutional else TRANSFORMERS
    for part, network in model.networks.items():
        if not (shape.unet if part == UNET else shape.text):
            continue
        for path, module in network.named_modules():
            if is_target(network, path, module, classes, shape):
                yield file_name(model, part, path), part, path, module


def is_target(network: nn.Module, path: str, module: nn.Module, classes: set[str], shape: LoraShape) -> bool:
    """Return whether a layer is trained: by its own kind, and by a module that it is in."""
    wide = isinstance(module, nn.Conv2d) and module.kernel_size != (1, 1)
    if not isinstance(module, nn.Linear | nn.Conv2d) or (wide and not shape.convolutional):
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


def drops(shape: LoraShape) -> bool:
    return bool(shape.dropout or shape.rank_dropout)


def left_out(rate: float, number: int, place: DrawPlace) -> bool:
    """Return whether a step leaves a layer out, the same for all its pictures."""
    return bool(rate) and bool(stream(place.seed, f"module dropout {number}", place.step).random() < rate)


def dropped(shape: LoraShape, number: int, places: tuple[DrawPlace, ...], inner: Tensor) -> Tensor:
    """Return values (rows, …, rank) of which a share is zero and the others are larger by as much.

    The same at every call of a step. Ranks of a convolution stand in its second dimension.
    """
    for rate, purpose, whole in ((shape.dropout, "dropout", False), (shape.rank_dropout, "rank dropout", True)):
        if not rate:
            continue
        ranks = (inner.shape[1], 1, 1) if inner.ndim == 4 else (*(1 for _ in inner.shape[1:-1]), inner.shape[-1])
        size = ranks if whole else tuple(inner.shape[1:])
        kept = [torch.from_numpy(stream(place.seed, f"{purpose} {number}", place.step, place.slot).random(size))
                for place in places[: len(inner)]]
        inner = inner * (torch.stack(kept) >= rate).to(inner) / (1 - rate)
    return inner


def file_metadata_of(shape: LoraShape) -> Mapping[str, str]:
    """Return what files say of a LoRA's size."""
    return {"ss_network_module": "networks.lora", "ss_network_dim": str(shape.dim),
            "ss_network_alpha": str(float(shape.alpha or shape.dim))}
