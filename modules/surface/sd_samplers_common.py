"""A1111's `modules.sd_samplers_common`: what samplers have in common."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Sequence
from typing import Any

from modules.surface.sd_samplers_cfg_denoiser import (
    CFGDenoiserKDiffusion,
    CFGDenoiserTimesteps,
    CompVisDenoiser,
    CompVisTimestepsDenoiser,
    CompVisTimestepsVDenoiser,
    CompVisVDenoiser,
)

SamplerDataTuple = namedtuple("SamplerDataTuple", ["name", "constructor", "aliases", "options"])


class SamplerData(SamplerDataTuple):
    """A sampler of A1111's list."""

    def total_steps(self, steps: int) -> int:
        return steps * 2 if self.options.get("second_order", False) else steps


class DecodedSamples(list[Any]):
    """Pictures (3, H, W) in [-1, 1] where latents would be: hires fix decodes before `post_sample`."""

    already_decoded = True


class InterruptedException(BaseException):
    """Raised by A1111's samplers to stop."""


class Sampler:
    """A sampler as hooks see it while it samples."""

    def __init__(self, funcname: Any = None) -> None:
        self.funcname, self.func = funcname, funcname
        self.p: Any = None
        self.config: Any = None
        self.model_wrap_cfg: Any = None
        self.model_wrap: Any = None
        self.last_latent: Any = None
        self.extra_params: list[str] = []
        self.eta: float | None = None
        self.stop_at: int | None = None
        self.conditioning_key = "crossattn"

    def callback_state(self, d: dict[str, Any]) -> None:
        """Told the sampler's state after each step; extensions replace it on the class."""


usual_callback_state = Sampler.callback_state


def sampler_of(p: Any, count: Any, pictures: Sequence[Any] = ()) -> Sampler:
    """Return A1111's view of the sampler of one pass.

    pictures: those that are sampled, with the start of the pass; count: its steps
    """
    from modules.surface.sd_samplers_kdiffusion import KDiffusionSampler
    from modules.surface.sd_samplers_timesteps import CompVisSampler

    timesteps = bool(pictures) and pictures[0].start.pass_.sampler.timesteps
    sampler: Sampler = CompVisSampler(None) if timesteps else KDiffusionSampler(None)
    sampler.p = p
    denoiser = (CFGDenoiserTimesteps if timesteps else CFGDenoiserKDiffusion)(sampler)
    denoiser.steps, denoiser.total_steps = count.steps, count.total_steps
    sampler.model_wrap_cfg = denoiser
    if pictures:
        velocity = pictures[0].stage.levels.parametrization.name.startswith("v")
        kinds = ((CompVisDenoiser, CompVisVDenoiser), (CompVisTimestepsDenoiser, CompVisTimestepsVDenoiser))
        denoiser.model_wrap = sampler.model_wrap = kinds[timesteps][velocity]()
        show_mask(denoiser, pictures)
    return sampler


def show_mask(denoiser: Any, pictures: Sequence[Any]) -> None:
    """Give the denoiser the mask and the latents that it keeps, if there are."""
    holes = [picture.painting.hole for picture in pictures if picture.painting]
    if not holes:
        return
    import torch

    denoiser.init_latent = torch.stack([hole.picture for hole in holes])
    if holes[0].mask is not None:
        channels = len(holes[0].picture)
        denoiser.nmask = holes[0].mask.expand(channels, *holes[0].mask.shape).clone()
        denoiser.mask = 1 - denoiser.nmask


def setup_img2img_steps(p: Any, steps: int | None = None) -> tuple[int, int]:
    """Return the steps of the whole schedule and those that are run, minus one."""
    from modules.pipelines.sampling import Strength
    from modules.surface.binding import bound_host

    every = steps is not None or bound_host().generation.opts.img2img_fix_steps
    strength = Strength.of(p.denoising_strength, steps or p.steps, every)
    return strength.steps, strength.back
