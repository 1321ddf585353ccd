"""An image plan: one image of a request, and the sampler's passes that make it, as data.

Each task computes its passes once, when a job is planned. Conditioning and sampling read a `Pass`; generation data,
manifest, file names and progress read the `ImagePlan`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from modules.base.sizes import Size
from modules.imaging.masks import Box
from modules.library.catalog import ModelFile
from modules.params.control import ControlUnit
from modules.params.txt2img import Generation, counted_on
from modules.pipelines.networks import Mention, PromptNetworks
from modules.prompts import grammar
from modules.prompts.grammar import Clock
from modules.prompts.network_tags import network_times, take_networks
from modules.sampling.guidance import Guidance, GuidanceLayer, Timeline
from modules.sampling.questions import Facts, Task
from modules.sampling.samplers import SAMPLERS, Sampler
from modules.sampling.weights import Fp8, Hypertile, Weights
from modules.settings.options import Settings

if TYPE_CHECKING:
    from pathlib import Path

    from PIL.Image import Image
    from torch import Tensor

    from modules.pipelines.control_maps import MapMaker
    from modules.pipelines.result import Result

P = TypeVar("P", bound=Generation)      # the declared class of the request
S = TypeVar("S")                        # the type of a task's input beside the request


@dataclass(frozen=True)
class PicturePart:
    """A part of a larger picture. whole: the larger one's width and height"""

    box: Box
    whole: Size


@dataclass(frozen=True)
class PlannedUnit:
    """A ControlNet unit that takes part, with its model and what makes its map.

    frame: the request's width and height, which the map's resolution may follow
    largest: those of hires fix's second pass, if there is one
    tile: the part of a larger picture that is painted, which is the part of its own picture that the unit sees
    """

    unit: ControlUnit
    model: ModelFile | None      # None: the unit needs none
    maps: MapMaker
    frame: Size
    tile: PicturePart | None = None
    largest: Size | None = None


@dataclass(frozen=True)
class Files:
    """The model files of a job, each with its hash."""

    checkpoint: ModelFile
    vae: ModelFile | None = None          # a VAE that replaces the checkpoint's own
    refiner: ModelFile | None = None
    networks: PromptNetworks = PromptNetworks()
    regions: tuple[PromptNetworks, ...] = ()      # the networks of each region's prompt
    hires: Files | None = None            # the second pass's files, if there is one
    control: tuple[PlannedUnit, ...] = ()
    pictures: Callable[[str], Image] | None = None      # reads the masks of regions by their names
    notes: tuple[str, ...] = ()           # remarks on files that are missing

    @property
    def all_loras(self) -> tuple[Mention, ...]:
        """The LoRAs of the prompt, and of its regions' prompts."""
        return (*self.networks.loras, *(each for region in self.regions for each in region.loras))


class PictureMoments(Protocol):
    """What extensions do to one picture: see `easel.moments`."""

    @property
    def asked(self) -> Mapping[str, Any]:
        """The fields of the request that extensions changed, as they were asked for."""

    @property
    def pairs(self) -> Mapping[str, object]:
        """Generation data that say which extensions took part, and with which arguments."""

    def conditioned(self, pass_: Pass[Any], guidance: Guidance) -> Guidance:
        """Return the guidance with the prompts that the model is to be shown."""

    def layers(self, pass_: Pass[Any]) -> tuple[GuidanceLayer, ...]:
        """Return the layers that change each look of the model."""

    def decoding(self, pass_: Pass[Any], latent: Tensor) -> Tensor:
        """Return the latent that a pass goes on from, once it has drawn this one."""

    def finished(self, making: Task[Result]) -> Task[Result]:
        """Return the task with what becomes of its picture."""

    def saved(self, path: Path, infotext: str) -> Sequence[str]:
        """Tell of the picture's file; returns what its owner is to be told."""


class AfterImage(Protocol):
    """What becomes of an image once it is made: see `pipelines.detailing`."""

    @property
    def passes(self) -> tuple[Pass[Any], ...]:
        """The passes over parts of the image, as far as they are known beforehand."""

    def applied(self, making: Task[Result], plan: ImagePlan[Any, Any]) -> Task[Result]:
        """Return the task with what follows it."""


@dataclass(frozen=True)
class Pass(Generic[P]):
    """One run of a sampler."""

    # the request as this pass has it: hires fix's second pass has its own prompt, sampler and size
    params: P
    settings: Settings
    files: Files
    weights: Weights                      # the checkpoint's, with every network of the prompt
    networks: Timeline[PromptNetworks]          # the active networks at each model evaluation
    clock: Clock                          # counts the model evaluations of prompt editing
    frame: tuple[int, int]                # width and height in pixels of the sampled image, before anything is cut off
    schedule_steps: int                   # steps of the whole noise schedule
    # the number of its last steps that are run: all of them in txt2img
    steps: int
    first_step: int = 0                   # steps of the passes before this one
    noise_multiplier: float = 1.0         # factor of the noise on an input picture
    # weights whose text encoders encode the prompts; None: those of `over_time`
    encoder: Timeline[Weights] | None = None
    moments: PictureMoments | None = None      # of extensions that take part; None: there is none
    control: tuple[PlannedUnit, ...] = ()
    second: bool = False                  # true for hires fix's second pass

    @property
    def sampler(self) -> Sampler:
        return SAMPLERS[self.params.sampler_name]

    @property
    def evaluations(self) -> int:
        """Model evaluations of the steps that are run."""
        return self.steps * self.sampler.evaluations

    @property
    def facts(self) -> Facts:
        """The question for the model's facts; it also checks that its latents can be decoded."""
        return Facts(self.weights, decodes=self.settings.sd_vae_decode_method == "Full")

    @cached_property
    def over_time(self) -> Timeline[Weights]:
        """The checkpoint's weights over time, each with the networks active then."""
        return with_networks(self.weights, self.networks)

    @property
    def readers(self) -> Timeline[Weights]:
        """The weights whose text encoders encode the prompts."""
        return self.encoder or self.over_time

    def refined_by(self, refiner: ModelFile) -> Weights:
        """Return the weights that take over at `refiner_switch_at`, with every network of the prompt."""
        return replace(self.weights, checkpoint=refiner.sha256 or "", vae="")


@dataclass(frozen=True)
class ImagePlan(Generic[P, S]):
    """One image of a request: its own seeds, and the data it shares with the request's other images."""

    params: P                                               # with this image's seed and subseed
    settings: Settings
    files: Files
    passes: tuple[Pass[P], ...]                             # in order
    generate: Callable[[ImagePlan[P, S]], Task[Result]]     # makes the image task
    source: S                                               # the task's input beside the request, such as a picture
    after: AfterImage | None = None                         # what parts of the image are painted anew, once it is made
    returns_maps: bool = False                              # the maps of its ControlNet units are returned with it

    def task(self) -> Task[Result]:
        """Return the image task."""
        return self.followed(self.generate(self))

    def followed(self, making: Task[Result]) -> Task[Result]:
        """Return the task of the image followed by what becomes of it."""
        if self.after:
            making = self.after.applied(making, self)
        return making if self.moments is None else self.moments.finished(making)

    @property
    def moments(self) -> PictureMoments | None:
        """What extensions do to the image; None: nothing."""
        return self.passes[-1].moments

    @property
    def asked(self) -> P:
        """The image's request as generation data tell it: without what extensions make of it, which follows from it."""
        return replace(self.params, **self.moments.asked) if self.moments else self.params

    @property
    def steps(self) -> int:
        """Sampling steps of all passes, and of those over parts of the image."""
        return sum(each.steps for each in self.all_passes)

    @property
    def all_passes(self) -> tuple[Pass[Any], ...]:
        """The image's passes, and those over parts of it."""
        return (*self.passes, *(self.after.passes if self.after else ()))

    @property
    def hires(self) -> Pass[P] | None:
        """The second pass of hires fix, if there is one."""
        return self.passes[1] if self.files.hires else None


# Passes ----------------------------------------------------------------------------------------------


def base_pass(params: P, settings: Settings, files: Files, clock: Clock | None = None) -> Pass[P]:
    """Return the pass from pure noise. Tasks with other passes replace the fields that differ."""
    clock = clock or Clock(evaluations_of(params), None, settings.use_old_scheduling)
    networks = networks_over_time(params, settings, files.networks, clock)
    size, weights = (params.width, params.height), weights_of(params, settings, files)
    control = files.control if files.hires is None else units_of_pass(files, second=False)
    return Pass(
        params, settings, files, weights, networks, clock, size, params.steps, params.steps, control=control
    )


def units_of_pass(files: Files, second: bool) -> tuple[PlannedUnit, ...]:
    """Return the units that take part in hires fix's first or second pass."""
    return tuple(each for each in files.control if each.unit.takes_part(second))


def evaluations_of(params: Generation) -> int:
    """Return the model evaluations of a whole schedule, as prompt editing counts them."""
    return params.steps * SAMPLERS[params.sampler_name].evaluations


def weights_of(params: Generation, settings: Settings, files: Files) -> Weights:
    """Return the checkpoint's weights with every network of the prompt."""
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
    """Return the networks active at each evaluation: those whose tags prompt editing leaves in the prompt.

    All of them are always active if the settings turn this off.
    """
    prompt = grammar.strip_comments(params.prompt)
    if "<" not in prompt:
        return Timeline.always(networks)
    if settings.scheduled_networks:
        times = Timeline(*zip(*network_times(prompt, clock), strict=True))
    else:
        times = Timeline.always(frozenset(range(len(take_networks(prompt)[1]))))
    return networks.over_time(times, SAMPLERS[params.sampler_name].evaluations)


def with_networks(weights: Weights, networks: Timeline[PromptNetworks]) -> Timeline[Weights]:
    """Return the weights over time, each with the networks of that time."""
    return networks.map(lambda each: replace(weights, networks=each.uses, hypernetworks=each.strengths))


def resolved_schedule(params: Generation) -> str:
    """Return the noise schedule's name; "Automatic" is the sampler's usual one."""
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
    """Return one plan for each image of the request. Seeds count up; with a variation, only subseeds do."""
    params, varied = first.params, first.params.subseed_strength > 0
    return [
        with_seeds(first, counted_on(params.seed, 0 if varied else index), counted_on(params.subseed, index))
        for index in range(params.pictures)
    ]


def with_seeds(plan: ImagePlan[P, S], seed: int, subseed: int) -> ImagePlan[P, S]:
    if (seed, subseed) == (plan.params.seed, plan.params.subseed):
        return plan
    passes = tuple(replace(each, params=replace(each.params, seed=seed, subseed=subseed)) for each in plan.passes)
    return replace(plan, params=replace(plan.params, seed=seed, subseed=subseed), passes=passes)
