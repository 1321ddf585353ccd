"""Flows: a sampler is a generator that yields questions about its latent and is sent clean estimates.

Progress, preview, interrupt, batching and devices belong to the code that drives the generator.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from modules.sampling.parametrization import EPSILON, Parametrization

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, slots=True)
class Denoise:
    """The question a sampler asks: what is `x` without its noise?"""

    x: Tensor        # (C, h, w) noisy latent of one image
    sigma: float     # its noise level, in standard deviations of the clean latent
    step: int        # the interval of the schedule that this belongs to; two questions may share one
    apart: bool = False      # answer (2, C, h, w), guided and unprompted: CFG++ takes its direction from the second


@dataclass(frozen=True, slots=True)
class Tuning:
    """The samplers' own parameters, under the names papers and A1111 give them."""

    eta: float = 1.0                  # share of ancestral noise (DDIM: Song et al.'s η)
    s_churn: float = 0.0              # Karras et al. 2022, Algorithm 2
    s_tmin: float = 0.0
    s_tmax: float = float("inf")
    s_noise: float = 1.0
    order: int = 3                    # UniPC's
    variant: str = "bh1"
    lower_order_final: bool = True
    parametrization: Parametrization = EPSILON      # for samplers that end on the network's scale


# yields questions, is sent (C, h, w) estimates, returns the latent
Flow: TypeAlias = "Generator[Denoise, Tensor, Tensor]"
Noise: TypeAlias = "Callable[[float, float], Tensor]"       # fresh unit noise for the move sigma → sigma_next
