"""Changes of the model's estimates that ControlNet's preprocessors ask for, row by row before guidance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from torch import Tensor


class EstimateChange(Protocol):
    """A change of one row's clean estimate (C, h, w)."""

    def change(self, estimate: Tensor, negative: bool) -> Tensor:
        """Return the estimate as it goes on; `negative` is true for the negative prompt's."""


@dataclass(frozen=True, slots=True, eq=False)
class ColourFix:
    """The coarse colours of a picture in the place of the estimate's: tile_colorfix.

    picture: (C, h, w), its latent; reach: latent cells to each side that are coarse
    sharpness: share of the coarse colours in the negative prompt's estimate, which sharpens the result
    """

    picture: Tensor
    reach: int
    weight: float
    sharpness: float = 0.0

    def change(self, estimate: Tensor, negative: bool) -> Tensor:
        fixed = estimate - coarse(estimate, self.reach) + coarse(self.picture, self.reach)
        if negative and self.sharpness:
            fixed = self.sharpness * coarse(fixed, self.reach) + (1 - self.sharpness) * fixed
        return fixed * self.weight + estimate * (1 - self.weight)


@dataclass(frozen=True, slots=True, eq=False)
class KeptAround:
    """The picture around what an inpainting unit paints: inpaint_only.

    picture: (C, h, w), its latent; painted: (h, w), 1 where it is painted
    """

    picture: Tensor
    painted: Tensor
    weight: float

    def change(self, estimate: Tensor, negative: bool) -> Tensor:
        kept = estimate * self.painted + self.picture * (1 - self.painted)
        return kept * self.weight + estimate * (1 - self.weight)


def coarse(latent: Tensor, reach: int) -> Tensor:
    """Return the mean over a square around each cell, its edges repeated; (C, h, w)."""
    from torch.nn.functional import avg_pool2d, pad  # a latent is a tensor, so torch is loaded already

    padded = pad(latent[None], (reach,) * 4, mode="replicate")
    return avg_pool2d(padded, 2 * reach + 1, stride=1)[0]
