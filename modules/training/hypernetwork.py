"""Hypernetworks in training: small networks before attention's keys and values, in A1111's format."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from math import sqrt
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from modules.base.errors import Invalid
from modules.base.streams import stream
from modules.networks.hypernetwork import ACTIVATIONS
from modules.training.student import UNET, DrawPlaces, Student, TrainableModel, leaf

FOR_KEYS, FOR_VALUES = 0, 1
NORMAL_DEVIATION = 0.01      # of "Normal" first weights
MOST_MULTIPLE = 1_000        # of a layer's width
MOST_WEIGHTS = 2**30         # of all its networks: 4 GB in a file


@dataclass(frozen=True, slots=True)
class HypernetworkShape:
    """How a hypernetwork is made. Names as A1111's.

    widths: of the contexts it is for; () is every width that the model's attention has
    structure: the width of each layer as a multiple, the first and last 1
    """

    structure: tuple[float, ...] = (1.0, 2.0, 1.0)
    activation: str = "relu"
    first_weights: str = "Normal"
    layer_norm: bool = False
    dropout: tuple[float, ...] = ()
    widths: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if len(self.structure) < 2 or (self.structure[0], self.structure[-1]) != (1, 1):
            raise Invalid("A layer structure begins and ends with 1.", "The usual one is 1, 2, 1.", "layer_structure")
        if not all(0 < multiple < MOST_MULTIPLE for multiple in self.structure):
            raise Invalid(f"A layer's width is a multiple above 0, and below {MOST_MULTIPLE}.",
                          "The usual structure is 1, 2, 1.", "layer_structure")
        if self.activation.lower() not in ACTIVATIONS:
            raise Invalid(f"There is no activation {self.activation!r:.80}.", f"There are: {', '.join(ACTIVATIONS)}.",
                          "activation_func")

    def numbers(self) -> list[tuple[int, int | None]]:
        """Return each linear layer's number in files, and its norm's: activations, norms, drop-outs have one too."""
        found, number = [], 0
        for layer in range(len(self.structure) - 1):
            linear, number = number, number + 1
            last = layer == len(self.structure) - 2
            number += int(self.activation != "linear" and not last)
            norm = number if self.layer_norm else None
            number += int(self.layer_norm)
            number += int(bool(self.dropout_at(layer)) and not last)
            found.append((linear, norm))
        return found

    def sizes(self, width: int) -> list[int]:
        """Return the width of each layer for contexts of that width."""
        return [int(width * multiple) for multiple in self.structure]

    def check_weights(self, widths: Iterable[int]) -> None:
        """Raise Invalid if networks for contexts of these widths have an empty layer, or more weights than may be."""
        layers = [pair for width in widths for pair in pairwise(self.sizes(width))]
        weights = sum(inputs * outputs for inputs, outputs in layers) * len((FOR_KEYS, FOR_VALUES))
        if weights > MOST_WEIGHTS or not all(map(all, layers)):
            raise Invalid(f"A hypernetwork of that structure has {weights:,} weights.",
                          f"Choose smaller layers: at most {MOST_WEIGHTS:,}, and none empty.", "layer_structure")

    def dropout_at(self, layer: int) -> float:
        """Return the share left out after a layer."""
        return self.dropout[layer + 1] if layer + 1 < len(self.dropout) else 0.0


def shape_in_file(content: Mapping[Any, Any]) -> HypernetworkShape:
    """Return how a file's hypernetwork is made. Raises Invalid for a structure that no training can go on with."""
    dropout = content.get("dropout_structure") if content.get("use_dropout") else None
    return HypernetworkShape(
        tuple(content.get("layer_structure") or (1.0, 2.0, 1.0)), content.get("activation_func") or "linear",
        content.get("weight_initialization") or "Normal", bool(content.get("is_layer_norm")), tuple(dropout or ()),
        tuple(sorted(width for width in content if isinstance(width, int))),
    )


class HypernetworkStudent(Student):
    """A hypernetwork in training: c + MLP(c) in place of the context c of keys and of values."""

    def __init__(self, model: TrainableModel, shape: HypernetworkShape, seed: int) -> None:
        self.shape = shape
        self.widths = shape.widths or attention_widths(model.networks[UNET])
        shape.check_weights(self.widths)
        device, self.tensors = next(model.networks[UNET].parameters()).device, {}
        for number, width in enumerate((width, which) for width in self.widths for which in (FOR_KEYS, FOR_VALUES)):
            self._add(*width, stream(seed, "init", 0, number), device)

    def _add(self, width: int, which: int, draws: np.random.Generator, device: torch.device) -> None:
        layers = pairwise(self.shape.sizes(width))
        for (inputs, outputs), (linear, norm) in zip(layers, self.shape.numbers(), strict=True):
            weight = first_weight(self.shape.first_weights, draws, outputs, inputs, self.shape.activation)
            self._put(width, which, linear, weight, bias_like(self.shape.first_weights, draws, outputs), device)
            if norm is not None:
                self._put(width, which, norm, np.ones(outputs), np.zeros(outputs), device)

    def _put(
        self, width: int, which: int, number: int, weight: np.ndarray, bias: np.ndarray, device: torch.device
    ) -> None:
        for ending, values in (("weight", weight), ("bias", bias)):
            tensor = leaf(torch.from_numpy(values).float().to(device))
            self.tensors[f"{width}/{which}/linear.{number}.{ending}"] = tensor

    def begin_with(self, content: Mapping[Any, Any]) -> None:
        """Begin with the weights of a file. Raises Invalid if they are made in another way than the file says."""
        known = {f"{width}/{which}/{name}": tensor for width in self.widths
                 for which, state in enumerate(content[width]) for name, tensor in state.items()}
        if any(name not in known or known[name].shape != tensor.shape for name, tensor in self.tensors.items()):
            raise Invalid("The hypernetwork to begin with is made in a way that Easel cannot train.",
                          "Create a new one.", "network_weights")
        with torch.no_grad():
            for name, tensor in self.tensors.items():
                tensor.copy_(known[name])

    def part(self, name: str) -> str:
        return UNET

    @contextmanager
    def attached(self, model: TrainableModel, places: DrawPlaces) -> Iterator[None]:
        with ExitStack() as hooks:
            for number, (path, module) in enumerate(model.networks[UNET].named_modules()):
                if (ending := path.rpartition(".")[2]) in ("to_k", "to_v"):
                    hook = partial(self._changed, FOR_KEYS if ending == "to_k" else FOR_VALUES, number, places)
                    hooks.enter_context(module.register_forward_pre_hook(hook))
            yield

    def _changed(
        self, which: int, number: int, places: DrawPlaces, module: nn.Module, args: tuple[Any, ...]
    ) -> tuple[Any, ...]:
        context, *others = args
        width = context.shape[-1]
        if width not in self.widths:
            return args
        out = self.mlp(width, which, context.float(), partial(self._dropped, number, places))
        return (context + out.to(context.dtype), *others)

    def mlp(self, width: int, which: int, x: Tensor, drop: Callable[[Tensor, int], Tensor]) -> Tensor:
        """Return the network's output, (…, width)."""
        numbers = self.shape.numbers()
        for layer, (linear, norm) in enumerate(numbers):
            x = F.linear(x, *self._layer(width, which, linear))
            if layer < len(numbers) - 1:
                x = ACTIVATIONS[self.shape.activation.lower()](x)
            if norm is not None:
                weight, bias = self._layer(width, which, norm)
                x = F.layer_norm(x, weight.shape, weight, bias)
            if layer < len(numbers) - 1:
                x = drop(x, layer)
        return x

    def _layer(self, width: int, which: int, number: int) -> tuple[Tensor, Tensor]:
        name = f"{width}/{which}/linear.{number}"
        return self.tensors[f"{name}.weight"], self.tensors[f"{name}.bias"]

    def _dropped(self, number: int, places: DrawPlaces, x: Tensor, layer: int) -> Tensor:
        rate = self.shape.dropout_at(layer)
        if not rate or not places:
            return x
        kept = [stream(place.seed, f"dropout {number}/{layer}", place.step, place.slot).random(x.shape[1:])
                for place in places[: len(x)]]
        return x * (torch.from_numpy(np.stack(kept)) >= rate).to(x) / (1 - rate)

    def file_content(self, name: str, step: int, model: tuple[str, str]) -> dict[Any, Any]:
        """Return the object of A1111's `.pt` file; model: the short hash and the name of the checkpoint."""
        pairs: dict[Any, Any] = {width: tuple(self._state(width, which) for which in (FOR_KEYS, FOR_VALUES))
                                 for width in self.widths}
        return pairs | {
            "step": step,
            "name": name,
            "layer_structure": list(self.shape.structure),
            "activation_func": self.shape.activation,
            "is_layer_norm": self.shape.layer_norm,
            "weight_initialization": self.shape.first_weights,
            "sd_checkpoint": model[0],
            "sd_checkpoint_name": model[1],
            "activate_output": False,
            "use_dropout": any(self.shape.dropout),
            "dropout_structure": list(self.shape.dropout) or None,
            "last_layer_dropout": False,
            "optional_info": None,
        }

    def _state(self, width: int, which: int) -> dict[str, Tensor]:
        prefix = f"{width}/{which}/"
        return {name.removeprefix(prefix): tensor.detach().cpu().clone()
                for name, tensor in self.tensors.items() if name.startswith(prefix)}


def attention_widths(unet: nn.Module) -> tuple[int, ...]:
    """Return the widths of all contexts of the UNet's attention, ascending."""
    layers = (module for path, module in unet.named_modules() if path.rpartition(".")[2] in ("to_k", "to_v"))
    return tuple(sorted({layer.in_features for layer in layers if isinstance(layer, nn.Linear)}))


def first_weight(kind: str, draws: np.random.Generator, outputs: int, inputs: int, activation: str) -> np.ndarray:
    """Return a layer's first weight (outputs, inputs). Glorot & Bengio 2010; He et al. 2015, arXiv:1502.01852."""
    gain = sqrt(2) if activation.lower() in ("relu", "leakyrelu") else 1.0
    spreads = {
        "Normal": NORMAL_DEVIATION,
        "XavierUniform": sqrt(6 / (inputs + outputs)),
        "XavierNormal": sqrt(2 / (inputs + outputs)),
        "KaimingUniform": gain * sqrt(3 / inputs),
        "KaimingNormal": gain * sqrt(1 / inputs),
    }
    if kind not in spreads:
        raise Invalid(f"Weights cannot begin as {kind!r:.80}.", f"There are: {', '.join(spreads)}.", "weight_init")
    spread, shape = spreads[kind], (outputs, inputs)
    return draws.uniform(-spread, spread, shape) if "Uniform" in kind else draws.normal(0, spread, shape)


def bias_like(kind: str, draws: np.random.Generator, outputs: int) -> np.ndarray:
    """Return a layer's first bias: drawn with "Normal", else nothing."""
    return draws.normal(0, NORMAL_DEVIATION / 2, outputs) if kind == "Normal" else np.zeros(outputs)
