"""One picture of a request, decided."""

from __future__ import annotations

from dataclasses import dataclass, replace

from modules.library.catalog import ModelFile
from modules.params.hires import second_pass, target
from modules.params.txt2img import Txt2Img, counted_on
from modules.pipelines.networks import Networks
from modules.prompts import grammar
from modules.prompts.network_tags import network_times, take_networks
from modules.sampling.guidance import Timeline
from modules.sampling.questions import Facts
from modules.sampling.samplers import SAMPLERS, Sampler
from modules.sampling.weights import Fp8, Hypertile, Weights
from modules.settings.options import Settings


@dataclass(frozen=True)
class Files:
    """The model files of a job, each with its hash."""

    checkpoint: ModelFile
    vae: ModelFile | None = None          # beside the checkpoint's own
    refiner: ModelFile | None = None
    networks: Networks = Networks()
    hires: Files | None = None            # those of the second pass, if there is one
    notes: tuple[str, ...] = ()           # what was meant and is not here


@dataclass(frozen=True)
class Plan:
    """Its own seeds, and what it shares with its siblings."""

    params: Txt2Img          # with this picture's seed and subseed
    settings: Settings
    files: Files

    @property
    def weights(self) -> Weights:
        """With every network of the prompt."""
        return self._weights(self.files.checkpoint, self.files.vae)

    @property
    def facts(self) -> Facts:
        """The question what model draws, and whether its pictures can be decoded."""
        return Facts(self.weights, decodes=self.settings.sd_vae_decode_method == "Full")

    @property
    def refiner(self) -> Weights | None:
        """What takes over at `refiner_switch_at`."""
        return self.files.refiner and self._weights(self.files.refiner)

    def _weights(self, checkpoint: ModelFile, vae: ModelFile | None = None) -> Weights:
        networks = self.files.networks
        return Weights(
            checkpoint.sha256 or "", (vae and vae.sha256) or "", self.params.tiling, networks.uses, networks.strengths, self.token_merging,
            self.hypertile, vae_tiles(self.settings), fp8(self.settings), self.settings.cross_attention_optimization,
        )

    def over_time(self, weights: Weights) -> Timeline[Weights]:
        """With those networks, at each time, that the prompt wants then."""
        networks = self.files.networks.over_time(self._tags_over_time(), self.sampler.evaluations)
        some = tuple(replace(weights, networks=each.uses, hypernetworks=each.strengths) for each in networks.entries)
        return Timeline(networks.ends, some)

    def _tags_over_time(self) -> Timeline[frozenset[int]]:
        """The places of tags that prompt editing leaves in the prompt; of all, where the settings do not want that."""
        prompt = grammar.strip_comments(self.params.prompt)
        if not self.settings.scheduled_networks:
            return Timeline.always(frozenset(range(len(take_networks(prompt)[1]))))
        return Timeline(*zip(*network_times(prompt, *self.clock), strict=True))

    @property
    def without_networks(self) -> Plan:
        """The same with neither LoRAs nor hypernetworks; embeddings are words."""
        return replace(self, files=replace(self.files, networks=replace(self.files.networks, loras=(), hypernetworks=())))

    @property
    def token_merging(self) -> float:
        """The share of the UNet's tokens that are merged."""
        return self.settings.token_merging_ratio

    @property
    def hypertile(self) -> Hypertile | None:
        """The tiles of the UNet's self-attention."""
        return unet_tiles(self.settings) if self.settings.hypertile_enable_unet else None

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

    @property
    def hires(self) -> SecondPass | None:
        """Hires fix, which goes on from what this one makes."""
        return self.files.hires and SecondPass(second_pass(self.params), self.settings, self.files.hires, self)

    @property
    def passes(self) -> list[Plan]:
        return [self, self.hires] if self.hires else [self]

    @property
    def moves_before(self) -> int:
        """Steps of the passes before this one."""
        return 0

    @property
    def frame(self) -> tuple[int, int]:
        """Width and height in pixels of all that is drawn, before anything is cut off."""
        return self.params.width, self.params.height

    @property
    def clock(self) -> tuple[int, int | None, bool]:
        """What prompt editing counts by: model calls of the first pass, those of hires fix if this is that, and whether as before 1.6."""
        return self.evaluations, None, self.settings.use_old_scheduling

    def reader(self, weights: Timeline[Weights]) -> Timeline[Weights]:
        """Whose text encoders read for `weights`."""
        return weights


@dataclass(frozen=True)
class SecondPass(Plan):
    """Hires fix's: prompts count on from where the first pass ended."""

    first: Plan

    @property
    def moves_before(self) -> int:
        return self.first.moves

    @property
    def token_merging(self) -> float:
        return self.settings.token_merging_ratio_hr or self.settings.token_merging_ratio

    @property
    def hypertile(self) -> Hypertile | None:
        return unet_tiles(self.settings) if self.settings.hypertile_enable_unet_secondpass else self.first.hypertile

    @property
    def frame(self) -> tuple[int, int]:
        found = target(self.first.params)
        return found.width, found.height

    @property
    def clock(self) -> tuple[int, int | None, bool]:
        return self.first.evaluations, self.evaluations, self.settings.use_old_scheduling

    def reader(self, weights: Timeline[Weights]) -> Timeline[Weights]:
        """The first pass's, with its networks, if the settings want that and the checkpoint is the same."""
        same = weights == self.over_time(self.weights) and self.files.checkpoint == self.first.files.checkpoint
        return Timeline.always(self.first.weights) if same and self.settings.hires_fix_use_firstpass_conds else weights


def plans(first: Plan) -> list[Plan]:
    """One plan a picture. Seeds count up; with a variation, its seed does instead."""
    params, varied = first.params, first.params.subseed_strength > 0
    return [
        replace(first, params=replace(params, seed=counted_on(params.seed, 0 if varied else index), subseed=counted_on(params.subseed, index)))
        for index in range(params.pictures)
    ]


def unet_tiles(s: Settings) -> Hypertile:
    return Hypertile(s.hypertile_max_depth_unet, s.hypertile_max_tile_unet, s.hypertile_swap_size_unet)


def vae_tiles(s: Settings) -> Hypertile | None:
    return Hypertile(s.hypertile_max_depth_vae, s.hypertile_max_tile_vae, s.hypertile_swap_size_vae) if s.hypertile_enable_vae else None


def fp8(s: Settings) -> Fp8 | None:
    return None if s.fp8_storage == "Disable" else Fp8(s.fp8_storage == "Enable for SDXL", s.cache_fp16_weight)
