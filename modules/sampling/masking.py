"""Guidance layers for masks: outside the mask, the sampler is shown the original picture."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeAlias

from modules.sampling.flows import Denoise
from modules.sampling.schedules import ModelSigmas

if TYPE_CHECKING:
    from torch import Tensor

Mix: TypeAlias = "Callable[[Tensor, float], Tensor]"      # (latent, noise level) → the latent with the picture in it


@dataclass(frozen=True, slots=True)
class Softness:
    """Soft inpainting with a grey mask: differential diffusion, under the names of A1111's soft inpainting."""

    power: float            # "schedule bias": how the noise level counts
    scale: float            # "preservation strength"
    preservation: float     # "transition contrast boost": the power mean of the magnitudes that is kept


@dataclass(frozen=True, slots=True, eq=False)
class Inpainting:
    """The picture to keep and the mask to paint, on the clean latent's scale."""

    picture: Tensor                     # (C, h, w)
    mask: Tensor | None = None          # (h, w) in [0, 1]; 1 is painted; None: everything is painted
    softness: Softness | None = None

    def mix(self, latent: Tensor, clock: float) -> Tensor:
        """Return `latent` inside the mask and the picture outside it.

        clock: the noise level as the sampler counts it, σ or timestep
        """
        if self.mask is None:
            return latent
        if not self.softness:
            return latent * self.mask + self.picture * (1 - self.mask)
        painted = self.mask ** (clock**self.softness.power * self.softness.scale)
        return evenly_mixed(self.picture, latent, painted, self.softness.preservation)

    def closed(self, latent: Tensor) -> Tensor:
        """Return the finished latent with the picture outside the mask; a soft one was mixed on the way."""
        return latent if self.softness else self.mix(latent, 0.0)


def evenly_mixed(a: Tensor, b: Tensor, share: Tensor, power: float) -> Tensor:
    """Interpolate the (C, h, w) vectors of `a` and `b` at `share` (h, w), with a length between theirs.

    A straight mix of unlike vectors is shorter than both, which looks flat: its length is made the power mean of
    theirs.
    """
    mixed = a * (1 - share) + b * share
    long_a, long_b, is_long = (vectors.norm(dim=0).double() for vectors in (a, b, mixed))
    wanted = (long_a**power * (1 - share) + long_b**power * share) ** (1 / power)
    return mixed * (wanted / (is_long + 1e-5)).to(mixed.dtype)


@dataclass(frozen=True, slots=True, eq=False)
class KeepAfter:
    """A layer that puts the picture into each estimate: how A1111's k-diffusion samplers inpaint."""

    mix: Mix

    def ask(self, ask: Denoise) -> Denoise:
        return ask

    def answer(self, ask: Denoise, estimate: Tensor) -> Tensor:
        return self.mix(estimate, ask.sigma)


@dataclass(frozen=True, slots=True, eq=False)
class KeepBefore:
    """A layer that puts the clean picture into each question, on the network's scale: how A1111's DDIM family inpaints.

    The model's ε for it is used as the ε of the sampler's own latent.
    """

    mix: Mix
    levels: ModelSigmas

    def ask(self, ask: Denoise) -> Denoise:
        scale = self.levels.parametrization.scale(ask.sigma)
        return replace(ask, x=self.mix(ask.x / scale, self.levels.timestep(ask.sigma)) * scale)

    def answer(self, ask: Denoise, estimate: Tensor) -> Tensor:
        return estimate + (ask.x - self.ask(ask).x)
