"""One picture of a request, decided."""

from __future__ import annotations

from dataclasses import dataclass, replace

from modules.params.txt2img import Txt2Img
from modules.sampling.questions import Weights
from modules.sampling.samplers import SAMPLERS, Sampler
from modules.settings.options import Settings


@dataclass(frozen=True)
class Plan:
    """Its own seeds, and what it shares with its siblings."""

    params: Txt2Img          # with this picture's seed and subseed
    settings: Settings
    weights: Weights

    @property
    def sampler(self) -> Sampler:
        return SAMPLERS[self.params.sampler_name]

    @property
    def schedule(self) -> str:
        """The schedule's name, or what "Automatic" comes to for this sampler."""
        return self.sampler.schedule if self.params.scheduler == "Automatic" else self.params.scheduler

    @property
    def evaluations(self) -> int:
        """Model calls as prompt editing counts them."""
        return self.params.steps * self.sampler.evaluations


def plans(params: Txt2Img, settings: Settings, weights: Weights) -> list[Plan]:
    """One plan a picture. Seeds count up; with a variation, its seed does instead."""
    varied = params.subseed_strength > 0
    return [
        Plan(replace(params, seed=params.seed + index * (not varied), subseed=params.subseed + index), settings, weights)
        for index in range(params.pictures)
    ]
