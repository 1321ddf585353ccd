"""One picture of a request, decided."""

from __future__ import annotations

from dataclasses import dataclass, replace

from modules.models.catalog import ModelFile
from modules.params.txt2img import Txt2Img
from modules.sampling.questions import Weights
from modules.sampling.samplers import SAMPLERS, Sampler
from modules.settings.options import Settings
from modules.tasks.networks import Networks


@dataclass(frozen=True)
class Files:
    """The model files of a job, each with its hash."""

    checkpoint: ModelFile
    vae: ModelFile | None = None          # beside the checkpoint's own
    refiner: ModelFile | None = None
    networks: Networks = Networks()


@dataclass(frozen=True)
class Plan:
    """Its own seeds, and what it shares with its siblings."""

    params: Txt2Img          # with this picture's seed and subseed
    settings: Settings
    files: Files

    @property
    def weights(self) -> Weights:
        return self._weights(self.files.checkpoint, self.files.vae)

    @property
    def refiner(self) -> Weights | None:
        """What takes over at `refiner_switch_at`."""
        return self.files.refiner and self._weights(self.files.refiner)

    def _weights(self, checkpoint: ModelFile, vae: ModelFile | None = None) -> Weights:
        uses = tuple(mention.use for mention in self.files.networks.loras)
        hypernetworks, merging = self.files.networks.hypernetworks, self.settings.token_merging_ratio
        return Weights(checkpoint.sha256 or "", (vae and vae.sha256) or "", self.params.tiling, uses, hypernetworks, merging)

    @property
    def sampler(self) -> Sampler:
        return SAMPLERS[self.params.sampler_name]

    @property
    def schedule(self) -> str:
        """The schedule's name, or what "Automatic" comes to for this sampler."""
        return self.sampler.schedule if self.params.scheduler == "Automatic" else self.params.scheduler

    @property
    def moves(self) -> int:
        """Steps that are really taken."""
        return self.params.steps

    @property
    def calls(self) -> int:
        """Model calls these come to."""
        return self.moves * self.sampler.evaluations

    @property
    def evaluations(self) -> int:
        """Model calls as prompt editing counts them."""
        return self.params.steps * self.sampler.evaluations


def plans(first: Plan) -> list[Plan]:
    """One plan a picture. Seeds count up; with a variation, its seed does instead."""
    params, varied = first.params, first.params.subseed_strength > 0
    return [
        replace(first, params=replace(params, seed=params.seed + index * (not varied), subseed=params.subseed + index))
        for index in range(params.pictures)
    ]
