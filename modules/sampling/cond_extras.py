"""Extras of a row of a UNet call beside its latent and its text, such as a conditioning image.

Each kind is a class of values under a name in `Cond.extras`: its `key` tells which rows may share a call, and `apply`
changes the inputs of a call for all its rows. A new kind needs no field on `Cond` and no line in the UNet's code.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeAlias

if TYPE_CHECKING:
    from torch import Tensor

SHOWN_IMAGE = "shown image"
CondExtras: TypeAlias = "Mapping[str, CondExtra]"      # by the name of the extra's kind


@dataclass(frozen=True, slots=True, eq=False)
class UNetInputs:
    """The inputs of one UNet call, for all its rows."""

    latents: Tensor                                                 # (rows, C, h, w), on the network's scale
    # further arguments of the network by name, such as residuals
    arguments: Mapping[str, Any] = field(default_factory=dict)


class CondExtra(Protocol):
    """An extra of one row."""

    @property
    def key(self) -> Hashable:
        """Return the key: rows with equal keys may share a call; None: rows without this extra may share it too."""

    def apply(self, inputs: UNetInputs, extras: Sequence[Any]) -> UNetInputs:
        """Return the inputs with the extras of this kind added.

        extras: one for each row in order, None for a row without one. It is called on the first extra.
        """

    def blank(self) -> CondExtra:
        """Return the same extra without content, for guidance that measures an extra's effect."""


class ReadElsewhere:
    """An extra that something else than the network's inputs has: rows without it may share its call."""

    __slots__ = ()

    key: ClassVar[None] = None

    def apply(self, inputs: UNetInputs, extras: Sequence[Any]) -> UNetInputs:
        return inputs


@dataclass(frozen=True, slots=True, eq=False)
class ShownImage:
    """An image beside the latent, (c, h, w).

    For an InstructPix2Pix model it is the picture, for an inpainting model the mask and the picture.
    """

    image: Tensor

    @property
    def key(self) -> Hashable:
        return tuple(self.image.shape)

    def apply(self, inputs: UNetInputs, extras: Sequence[ShownImage]) -> UNetInputs:
        from torch import cat, stack  # an image is a tensor, so torch is loaded already

        images = stack([each.image for each in extras]).to(inputs.latents)
        return replace(inputs, latents=cat([inputs.latents, images], dim=1))

    def blank(self) -> ShownImage:
        return replace(self, image=self.image * 0)
