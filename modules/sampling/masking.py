"""A layer within `guided`: where the mask does not paint, the sampler is shown the picture there is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import sqrt
from typing import TYPE_CHECKING, TypeAlias

from modules.sampling.flows import Denoise, Flow

if TYPE_CHECKING:
    from torch import Tensor

Mix: TypeAlias = "Callable[[Tensor, float], Tensor]"      # (latent, noise level) → the latent with the picture in it


@dataclass(frozen=True, slots=True)
class Softness:
    """How a mask of greys is painted: differential diffusion as A1111's soft inpainting has it, under its names."""

    power: float            # "schedule bias": how the noise level counts
    scale: float            # "preservation strength"
    preservation: float     # "transition contrast boost": which power mean of the magnitudes is kept


@dataclass(frozen=True, slots=True, eq=False)
class Hole:
    """What is painted and what is kept, both on the clean latent's scale."""

    picture: Tensor                     # (C, h, w)
    mask: Tensor | None = None          # (h, w) in [0, 1]; 1 is painted; None: all of it is
    softness: Softness | None = None

    def mix(self, latent: Tensor, clock: float) -> Tensor:
        """`latent` in the hole, the picture around it; `clock` is the noise level as the sampler counts it, σ or timestep."""
        if not self.softness:
            return latent * self.mask + self.picture * (1 - self.mask)
        painted = self.mask ** (clock**self.softness.power * self.softness.scale)
        return evenly_mixed(self.picture, latent, painted, self.softness.preservation)

    def closed(self, latent: Tensor) -> Tensor:
        """The finished latent; a soft one was mixed on the way."""
        return latent if self.mask is None or self.softness else self.mix(latent, 0.0)


def evenly_mixed(a: Tensor, b: Tensor, share: Tensor, power: float) -> Tensor:
    """(C, h, w) vectors from `a` to `b` at `share` (h, w), of a length between the two.

    A straight mix of unlike vectors is shorter than both, which looks flat: its length is made the power mean of theirs.
    """
    mixed = a * (1 - share) + b * share
    long_a, long_b, is_long = (vectors.norm(dim=0).double() for vectors in (a, b, mixed))
    wanted = (long_a**power * (1 - share) + long_b**power * share) ** (1 / power)
    return mixed * (wanted / (is_long + 1e-5)).to(mixed.dtype)


def kept_after(flow: Flow, mix: Mix) -> Flow:
    """The picture is put into each estimate: how A1111's k-diffusion samplers inpaint."""

    def answered(ask: Denoise, estimate: Tensor) -> Tensor:
        return mix(estimate, ask.sigma)

    return layered(flow, lambda ask: ask, answered)


def kept_before(flow: Flow, mix: Mix, timestep: Callable[[float], float]) -> Flow:
    """The clean picture is put into each question, on the training scale √ᾱ·x: how its DDIM family inpaints.

    The model's ε for that is taken for the ε of the sampler's own latent.
    """

    def asked(ask: Denoise) -> Denoise:
        scale = sqrt(1 + ask.sigma**2)
        return replace(ask, x=mix(ask.x / scale, timestep(ask.sigma)) * scale)

    def answered(ask: Denoise, estimate: Tensor) -> Tensor:
        return estimate + (ask.x - asked(ask).x)

    return layered(flow, asked, answered)


def layered(flow: Flow, asked: Callable[[Denoise], Denoise], answered: Callable[[Denoise, Tensor], Tensor]) -> Flow:
    """`flow` with its questions and the answers to them changed."""
    try:
        ask = next(flow)
        while True:
            answer = yield asked(ask)
            ask = flow.send(tuple(answered(ask, each) for each in answer) if ask.apart else answered(ask, answer))
    except StopIteration as done:
        return done.value
