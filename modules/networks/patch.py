"""The patch: how one parameter of a model changes, the value that every kind of network is read into."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, fields, replace
from math import prod
from typing import Any

import torch
from torch import Tensor

Shape = tuple[int, ...]
# torch's errors for tensors with other axes than expected
MISSHAPEN = (IndexError, RuntimeError, TypeError, ValueError, ZeroDivisionError)
COMPUTE_DTYPES = (torch.float32, torch.float64)      # precisions to compute in


class Patch(ABC):
    """A change of one parameter. An immutable value: the same patch serves any number of models and strengths."""

    __slots__ = ()

    @abstractmethod
    def delta(self, weight: Tensor) -> Tensor:
        """ΔW for `weight`, (out, in), (out, in, kh, kw) or (channels,), in float32 or more; of the same shape."""

    @abstractmethod
    def fits(self, shape: Shape) -> bool:
        """Return whether it is complete and for a parameter of this shape."""

    def apply(self, weight: Tensor, strength: float) -> Tensor:
        """Return the changed weight as a new tensor, with the weight's shape, precision and device."""
        wide = weight if weight.dtype in COMPUTE_DTYPES else weight.float()
        return (wide + strength * self.delta(wide)).to(weight.dtype)

    def apply_into(self, weight: Tensor, strength: float, out: Tensor) -> None:
        """Write `apply`'s result to `out`, which may be `weight` itself."""
        out.copy_(self.apply(weight, strength))

    def to(self, device: torch.device) -> Patch:
        """Return the patch with its tensors on another device."""
        value: Any = self      # every kind of patch is a dataclass
        return replace(value, **{field.name: moved(getattr(value, field.name), device) for field in fields(value)})

    def truncated(self, rank: int) -> Patch:
        """Return the patch with its first `rank` directions if a low-rank update orders them, else itself."""
        return self


@dataclass(frozen=True, slots=True)
class FirstInputs(Patch):
    """A patch of a weight's first input channels: an inpainting model's first convolution has five more."""

    inner: Patch
    channels: int

    def delta(self, weight: Tensor) -> Tensor:
        change = torch.zeros_like(weight)
        change[:, : self.channels] = self.inner.delta(weight[:, : self.channels])
        return change

    def fits(self, shape: Shape) -> bool:
        return len(shape) > 1 and shape[1] > self.channels and self.inner.fits((shape[0], self.channels, *shape[2:]))

    def truncated(self, rank: int) -> FirstInputs:
        return replace(self, inner=self.inner.truncated(rank))


def moved(value: Any, device: torch.device) -> Any:
    if isinstance(value, tuple):
        return tuple(moved(part, device) for part in value)
    return value.to(device) if isinstance(value, Tensor | Patch) else value


def flat(shape: Shape) -> Shape:
    """Return a weight's shape as a matrix, (out, in · kh · kw); that of a vector stays."""
    return (shape[0], prod(shape[1:])) if len(shape) > 1 else tuple(shape)


def along(vector: Tensor, weight: Tensor, axis: int) -> Tensor:
    """Return one number a channel, shaped to multiply the weight's outputs (axis 0) or inputs (axis 1)."""
    shape = [1] * weight.ndim
    shape[axis] = weight.shape[axis]
    return vector.to(weight).reshape(shape)


def product(like: Tensor, a: Tensor, b: Tensor | None = None, *, core: Tensor | None = None) -> Tensor:
    """Return (out, in · kh · kw), the product of two factors and perhaps a core, or `a` alone.

    It has the device and the precision of `like`.
    """
    if b is None:
        return a.to(like).flatten(1)
    if core is None:
        return a.to(like).flatten(1) @ b.to(like).flatten(1)
    return torch.einsum("n m k l, n o, m i -> o i k l", core.to(like), a.to(like), b.to(like)).flatten(1)


def product_shape(a: Tensor, b: Tensor | None = None, *, core: Tensor | None = None) -> Shape:
    """Return the shape of `product`'s result; None if the factors do not fit."""
    if b is None:
        return flat(a.shape)
    if core is None:
        return (len(a), b[0].numel()) if a[0].numel() == len(b) else ()
    return (a.shape[1], b.shape[1] * taps(core)) if core.shape[:2] == (len(a), len(b)) and a.ndim == b.ndim == 2 else ()


def taps(core: Tensor) -> int:
    """Return kh · kw of a core (rank, rank, kh, kw)."""
    return core[0, 0].numel() if core.ndim == 4 else 0
