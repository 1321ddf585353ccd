"""An image plan: what one image of a request is, and the passes of a sampler that make it, as data.

Each task computes its passes once, when a job is planned. Conditioning and sampling read a `Pass`; generation data,
manifest, file names and progress read the `ImagePlan`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Generic, TypeVar

from modules.library.catalog import ModelFile
from modules.params.txt2img import Generation, counted_on
from modules.pipelines.networks import PromptNetworks
from modules.prompts import grammar
from modules.prompts.grammar import Clock
from modules.prompts.network_tags import network_times, take_networks
from modules.sampling.guidance import Timeline
from modules.sampling.questions import Facts, Task
from modules.sampling.samplers import SAMPLERS, Sampler
from modules.sampling.weights import Fp8, Hypertile, Weights
from modules.settings.options import Settings

if TYPE_CHECKING:
    from modules.pipelines.result import Result

P = TypeVar("P", bound=Generation)      # the declared class of the request
S = TypeVar("S")                        # what a task begins with beside the request


@dataclass(frozen=True)
class Files:
    """The model files of a job, each with its hash."""

    checkpoint: ModelFile
    vae: ModelFile | None = None          # beside the checkpoint's own
    refiner: ModelFile | None = None
    networks: PromptNetworks = PromptNetworks()
    hires: Files | None = None            # those of the second pass, if there is one
    notes: tuple[str, ...] = ()           # what was meant and is not here


@dataclass(frozen=True)
class Pass(Generic[P]):
    """One run of a sampler."""

    # the request as this pass has it: hires fix's second has its own prompt, sampler and size
    params: P
    settings: Settings
    files: Files
    weights: Weights                      # the checkpoint's, with every network of the prompt
    networks: Timeline[PromptNetworks]          # those that the prompt wants at each model evaluation
    clock: Clock                          # counts the model evaluations of prompt editing
    frame: tuple[int, int]                # width and height in pixels of all that is drawn, before anything is cut off
    schedule_steps: int                   # steps of the whole noise schedule
    # the last so many of them are taken; of all where there is nothing to start from
    steps: int
    first_step: int = 0                   # steps of the passes before this one
    noise_multiplier: float = 1.0         # of the noise on a picture to start from
    # weights whose text encoders encode the prompts, if not the checkpoint's of that time
    encoder: Timeline[Weights] | None = None

    @property
    def sampler(self) -> Sampler:
        return SAMPLERS[self.params.sampler_name]

    @property
    def evaluations(self) -> int:
        """Model evaluations of the steps taken."""
        return self.steps * self.sampler.evaluations

    @property
    def facts(self) -> Facts:
        """The question about the model, and whether its latents can be decoded."""
        return Facts(self.weights, decodes=self.settings.sd_vae_decode_method == "Full")

    @cached_property
    def over_time(self) -> Timeline[Weights]:
        """The checkpoint's weights, at each time with the networks of that time."""
        return with_networks(self.weights, self.networks)

    def refined_by(self, refiner: ModelFile) -> Weights:
        """The weights that take over at `refiner_switch_at`, with every network of the prompt."""
        return replace(self.weights, checkpoint=refiner.sha256 or "", vae="")


@dataclass(frozen=True)
class ImagePlan(Generic[P, S]):
    """One image of a request: its own seeds, and what it shares with its siblings."""

    params: P                                               # with this image's seed and subseed
    settings: Settings
    files: Files
    passes: tuple[Pass[P], ...]                             # in their order
    generate: Callable[[ImagePlan[P, S]], Task[Result]]     # the task that makes it
    source: S                                               # what the task begins with: a picture, a script's run

    def task(self) -> Task[Result]:
        """The making of the image."""
        return self.generate(self)

    @property
    def steps(self) -> int:
        """Sampling steps of all passes."""
        return sum(each.steps for each in self.passes)

    @property
    def hires(self) -> Pass[P] | None:
        """The second pass of hires fix."""
        return self.passes[1] if self.files.hires else None


# Passes ----------------------------------------------------------------------------------------------


def base_pass(params: P, settings: Settings, files: Files, clock: Clock | None = None) -> Pass[P]:
    """The pass from pure noise. Tasks with other passes replace what is different in theirs."""
    clock = clock or Clock(evaluations_of(params), None, settings.use_old_scheduling)
    networks = networks_over_time(params, settings, files.networks, clock)
    size, weights = (params.width, params.height), weights_of(params, settings, files)
    return Pass(params, settings, files, weights, networks, clock, size, params.steps, params.steps)


def evaluations_of(params: Generation) -> int:
    """Model evaluations of a whole schedule, as prompt editing counts them."""
    return params.steps * SAMPLERS[params.sampler_name].evaluations


def weights_of(params: Generation, settings: Settings, files: Files) -> Weights:
    """The checkpoint's weights with every network of the prompt."""
    return Weights(
        files.checkpoint.sha256 or "",
        (files.vae and files.vae.sha256) or "",
        params.tiling,
        files.networks.uses,
        files.networks.strengths,
        settings.token_merging_ratio,
        unet_tiles(settings) if settings.hypertile_enable_unet else None,
        vae_tiles(settings),
        fp8(settings),
        settings.cross_attention_optimization,
    )


def networks_over_time(
    params: Generation, settings: Settings, networks: PromptNetworks, clock: Clock
) -> Timeline[PromptNetworks]:
    """The networks whose tags prompt editing leaves in the prompt; all of them where the settings do not want that."""
    prompt = grammar.strip_comments(params.prompt)
    if "<" not in prompt:
        return Timeline.always(networks)
    if settings.scheduled_networks:
        times = Timeline(*zip(*network_times(prompt, clock), strict=True))
    else:
        times = Timeline.always(frozenset(range(len(take_networks(prompt)[1]))))
    return networks.over_time(times, SAMPLERS[params.sampler_name].evaluations)


def with_networks(weights: Weights, networks: Timeline[PromptNetworks]) -> Timeline[Weights]:
    """The weights, at each time with the networks of that time."""
    return networks.map(lambda each: replace(weights, networks=each.uses, hypernetworks=each.strengths))


def resolved_schedule(params: Generation) -> str:
    """The noise schedule's name; "Automatic" is the sampler's usual one."""
    return SAMPLERS[params.sampler_name].schedule if params.scheduler == "Automatic" else params.scheduler


def unet_tiles(s: Settings) -> Hypertile:
    return Hypertile(s.hypertile_max_depth_unet, s.hypertile_max_tile_unet, s.hypertile_swap_size_unet)


def vae_tiles(s: Settings) -> Hypertile | None:
    return (
        Hypertile(s.hypertile_max_depth_vae, s.hypertile_max_tile_vae, s.hypertile_swap_size_vae)
        if s.hypertile_enable_vae
        else None
    )


def fp8(s: Settings) -> Fp8 | None:
    return None if s.fp8_storage == "Disable" else Fp8(s.fp8_storage == "Enable for SDXL", s.cache_fp16_weight)


# Images ----------------------------------------------------------------------------------------------


def each_image(first: ImagePlan[P, S]) -> list[ImagePlan[P, S]]:
    """One plan an image of the request. Seeds count up; with a variation, the subseed does instead."""
    params, varied = first.params, first.params.subseed_strength > 0
    return [
        with_seeds(first, counted_on(params.seed, 0 if varied else index), counted_on(params.subseed, index))
        for index in range(params.pictures)
    ]


def with_seeds(plan: ImagePlan[P, S], seed: int, subseed: int) -> ImagePlan[P, S]:
    passes = tuple(replace(each, params=replace(each.params, seed=seed, subseed=subseed)) for each in plan.passes)
    return replace(plan, params=replace(plan.params, seed=seed, subseed=subseed), passes=passes)
