"""Hypernetworks: small networks that change the input of attention's keys and values.

A file is a pickled dict: for each channel width a pair of state dicts, for keys and for values, and beside them how
they were made. No paper describes it: the format is that of the files which A1111 trains, and of older ones
(`linear1.weight`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from modules.base.errors import ModelCorrupt, ModelUnsupported
from modules.networks.embedding import value_as

PART = re.compile(r"linear\.?([0-9]{1,9})\.(weight|bias)")
HYPERNETWORK_HINT = "Only hypernetworks as A1111 trains them belong into models/hypernetworks."
COPY_HYPERNETWORK_AGAIN = "Download or copy the file again."

Activation = Callable[[Tensor], Tensor]


@dataclass(frozen=True, slots=True, eq=False)
class AffineLayer:
    """An affine map and its activation. weight: (out, in); bias: (out,)."""

    weight: Tensor
    bias: Tensor
    activation: Activation

    @property
    def widths(self) -> tuple[int, int]:
        """(in, out)"""
        return self.weight.shape[1], self.weight.shape[0]

    def __call__(self, x: Tensor) -> Tensor:
        return self.activation(F.linear(x, self.weight, self.bias))


@dataclass(frozen=True, slots=True, eq=False)
class Norm:
    """Layer normalisation (Ba et al. 2016, arXiv:1607.06450). weight, bias: (width,)."""

    weight: Tensor
    bias: Tensor

    @property
    def widths(self) -> tuple[int, int]:
        return self.weight.shape[0], self.weight.shape[0]

    def __call__(self, x: Tensor) -> Tensor:
        return F.layer_norm(x, self.weight.shape, self.weight, self.bias)


@dataclass(frozen=True, slots=True, eq=False)
class MLP:
    """Layers one after the other, (…, width) → (…, width). Dropout, used only in training, is left out."""

    layers: tuple[AffineLayer | Norm, ...]

    def __call__(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = layer(x)
        return x

    def to(self, device: torch.device | str, dtype: torch.dtype) -> MLP:
        return MLP(
            tuple(
                replace(layer, weight=layer.weight.to(device, dtype), bias=layer.bias.to(device, dtype))
                for layer in self.layers
            )
        )


@dataclass(frozen=True, slots=True, eq=False)
class Hypernetwork:
    """k = context + strength · MLP_k(context), and v likewise, by the networks for the context's width."""

    name: str                                   # as in <hypernet:name:1>
    mlps: Mapping[int, tuple[MLP, MLP]]         # channel width → for keys, for values
    step: int | None = None                     # training steps
    checkpoint: str | None = None               # the name of the checkpoint it was trained on
    checkpoint_hash: str | None = None

    @classmethod
    def read(cls, file: str, content: object) -> Hypernetwork:
        """Read the object of torch's `weights_only` reader for the file called `file`.

        Raises ModelUnsupported or ModelCorrupt.
        """
        if not isinstance(content, Mapping) or not any(type(key) is int for key in content):
            raise ModelUnsupported(f"{file} is not a hypernetwork: it has networks for no width.", HYPERNETWORK_HINT)
        activation = read_activation(file, content.get("activation_func"))
        end = activation if content.get("activate_output", True) else unchanged
        mlps = {
            width: read_pair(file, width, pair, (activation, end))
            for width, pair in content.items()
            if type(width) is int
        }
        stored = (
            value_as(content.get(key), kind)
            for key, kind in (("step", int), ("sd_checkpoint_name", str), ("sd_checkpoint", str))
        )
        return cls(PurePath(file).stem, mlps, *stored)

    def to(self, device: torch.device | str, dtype: torch.dtype) -> Hypernetwork:
        """Return the hypernetwork on the model's device and in its precision."""
        return replace(
            self, mlps={width: (k.to(device, dtype), v.to(device, dtype)) for width, (k, v) in self.mlps.items()}
        )

    def apply(self, context: Tensor, strength: float) -> tuple[Tensor, Tensor]:
        """Return the input of keys and of values, (…, width); the context itself for a width that the file lacks."""
        return self.apply_after(context, context, strength)

    def apply_after(self, k: Tensor, v: Tensor, strength: float) -> tuple[Tensor, Tensor]:
        """Return the inputs after another hypernetwork, whose outputs for keys and values differ."""
        if k.shape[-1] not in self.mlps:
            return k, v
        for_k, for_v = self.mlps[k.shape[-1]]
        return k + strength * for_k(k), v + strength * for_v(v)


def apply_in_turn(hypernetworks: Iterable[tuple[Hypernetwork, float]], context: Tensor) -> tuple[Tensor, Tensor]:
    """Apply several hypernetworks with their strengths, each to the output of the one before."""
    k = v = context
    for hypernetwork, strength in hypernetworks:
        k, v = hypernetwork.apply_after(k, v, strength)
    return k, v


def unchanged(x: Tensor) -> Tensor:
    return x


def read_activation(file: str, name: object) -> Activation:
    if name is None:
        return unchanged
    if not isinstance(name, str) or name.lower() not in ACTIVATIONS:
        raise ModelUnsupported(
            f"{file} uses the activation {name!r:.80}, which Easel does not know.",
            f"It knows {', '.join(ACTIVATIONS)}.",
        )
    return ACTIVATIONS[name.lower()]


def read_pair(file: str, width: int, pair: object, activations: tuple[Activation, Activation]) -> tuple[MLP, MLP]:
    if not isinstance(pair, tuple | list) or len(pair) != 2 or not all(isinstance(state, Mapping) for state in pair):
        raise ModelCorrupt(
            f"{file} lacks a network for keys and one for values of width {width}.", COPY_HYPERNETWORK_AGAIN
        )
    return read_mlp(file, width, pair[0], activations), read_mlp(file, width, pair[1], activations)


def read_mlp(file: str, width: int, state: Mapping[Any, Any], activations: tuple[Activation, Activation]) -> MLP:
    """Return the layers in the order of their numbers, which skip those without weights.

    activations: after each layer but the last, and after the last
    """
    weights = layer_weights(file, width, state)
    matrices = sum(weight.ndim == 2 for weight, _ in weights)
    layers: list[AffineLayer | Norm] = []
    for weight, bias in weights:
        matrices -= weight.ndim == 2
        layers.append(Norm(weight, bias) if weight.ndim == 1 else AffineLayer(weight, bias, activations[matrices == 0]))
    check_widths(file, width, layers)
    return MLP(tuple(layers))


def layer_weights(file: str, width: int, state: Mapping[Any, Any]) -> list[tuple[Tensor, Tensor]]:
    """Return (weight, bias) of each layer, float32: a matrix and a vector if linear, two vectors if normalising."""
    found: dict[int, dict[str, Tensor]] = {}
    for key, value in state.items():
        if not (match := PART.fullmatch(str(key))) or not isinstance(value, Tensor):
            raise ModelUnsupported(
                f"{file} has something Easel does not know for width {width}: {key!r:.80}.", HYPERNETWORK_HINT
            )
        found.setdefault(int(match[1]), {})[match[2]] = value.detach().float()
    parts = [part for _, part in sorted(found.items())]
    weights = [(part["weight"], part["bias"]) for part in parts if part.keys() >= {"weight", "bias"}]
    fits = all(weight.shape[:1] == bias.shape and weight.ndim in (1, 2) for weight, bias in weights)
    if not weights or len(weights) < len(parts) or not fits:
        raise ModelCorrupt(f"{file} lacks weights for width {width}.", COPY_HYPERNETWORK_AGAIN)
    return weights


def check_widths(file: str, width: int, layers: Iterable[AffineLayer | Norm]) -> None:
    """Check that each layer accepts the output of the one before it, and that the last one's width is the first's."""
    given = width
    for layer in layers:
        taken, gives = layer.widths
        if taken != given:
            raise ModelCorrupt(
                f"{file}: of the networks for width {width}, a layer takes {taken} channels and is given {given}.",
                COPY_HYPERNETWORK_AGAIN,
            )
        given = gives
    if given != width:
        raise ModelCorrupt(f"{file}: a network for width {width} ends with {given} channels.", COPY_HYPERNETWORK_AGAIN)


ACTIVATIONS: dict[str, Activation] = {  # "swish" is the hard one; the other names are torch's classes
    "linear": unchanged,
    "identity": unchanged,
    "relu": F.relu,
    "relu6": F.relu6,
    "leakyrelu": F.leaky_relu,
    "rrelu": F.rrelu,
    "elu": F.elu,
    "celu": F.celu,
    "selu": F.selu,
    "gelu": F.gelu,
    "silu": F.silu,
    "mish": F.mish,
    "swish": F.hardswish,
    "hardswish": F.hardswish,
    "hardtanh": F.hardtanh,
    "hardsigmoid": F.hardsigmoid,
    "hardshrink": F.hardshrink,
    "tanh": torch.tanh,
    "tanhshrink": F.tanhshrink,
    "sigmoid": torch.sigmoid,
    "logsigmoid": F.logsigmoid,
    "softplus": F.softplus,
    "softshrink": F.softshrink,
    "softsign": F.softsign,
}
