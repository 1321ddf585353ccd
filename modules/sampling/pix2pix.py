"""Guidance of models that edit a picture by instruction: towards the text and towards the picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from modules.sampling.cond_extras import SHOWN_IMAGE
from modules.sampling.guidance import Guidance, never
from modules.sampling.questions import Cond

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class Pix2PixGuidance(Guidance):
    """InstructPix2Pix, Brooks et al. 2023, arXiv:2211.09800, eq. 3.

    Its third row has neither the picture nor a prompt.
    """

    image_scale: float

    def conds(self, evaluation: int, sigma: float, step: int = 0) -> tuple[Cond, ...]:
        *positive, negative = Guidance.conds(self, evaluation, sigma, step)
        blank = {name: extra.blank() for name, extra in negative.extras.items() if name == SHOWN_IMAGE}
        return *positive, negative, negative.with_extras(blank)

    def combine(self, estimates: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Return nothing + image_scale · (picture − nothing) + Σ weight · scale · (text − picture)."""
        *with_picture, nothing = estimates
        guided, picture = Guidance.combine(self, with_picture)
        return guided + (nothing - picture) * (1 - self.image_scale), nothing


def pix2pix_guidance(guidance: Guidance, image_scale: float) -> Pix2PixGuidance:
    """Return the same guidance, towards the picture as well.

    The negative prompt is never skipped: the picture's effect is measured with it.
    """
    own = {each.name: getattr(guidance, each.name) for each in fields(Guidance)}
    return Pix2PixGuidance(**own | {"alone": never}, image_scale=image_scale)
