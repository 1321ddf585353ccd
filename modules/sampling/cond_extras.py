"""What a row of a UNet call carries beside its latent and its text: a picture to see,
later a control image or an image prompt.

Each kind is a class of values under a name in `Cond.extras`: its `key` tells which rows may share a call, and `apply`
changes the inputs of a call for all its rows. A new kind needs no field on `Cond` and no line in the UNet's code.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

if TYPE_CHECKING:
    from torch import Tensor

SHOWN_IMAGE = "shown image"
CondExtras: TypeAlias = "Mapping[str, CondExtra]"      # by the name of their kind


@dataclass(frozen=True, slots=True, eq=False)
class UNetInputs:
    """The inputs of one call, for all its rows."""

    latents: Tensor                                                 # (rows, C, h, w), scaled as the network sees them
    # further arguments of the network by name, such as residuals
    arguments: Mapping[str, Any] = field(default_factory=dict)


class CondExtra(Protocol):
    """An extra of one row."""

    @property
    def key(self) -> Hashable:
        """Rows share a call if their keys are equal; None means that rows without this extra may share it too."""

    def apply(self, inputs: UNetInputs, extras: Sequence[Any]) -> UNetInputs:
        """The inputs with the extras of this kind of all rows in order, None for a row without one;
        asked of the first there is.
        """

    def blank(self) -> CondExtra:
        """The same with nothing in it, for guidance that tells apart what an extra does."""


@dataclass(frozen=True, slots=True, eq=False)
class ShownImage:
    """(c, h, w) beside the latent: the picture that an editing model sees,
    or the mask and picture of an inpainting model.
    """

    image: Tensor

    @property
    def key(self) -> Hashable:
        return tuple(self.image.shape)

    def apply(self, inputs: UNetInputs, extras: Sequence[ShownImage]) -> UNetInputs:
        from torch import cat, stack  # whoever has an image has torch

        images = stack([each.image for each in extras]).to(inputs.latents)
        return replace(inputs, latents=cat([inputs.latents, images], dim=1))

    def blank(self) -> ShownImage:
        return replace(self, image=self.image * 0)
