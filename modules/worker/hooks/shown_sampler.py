"""The sampler of a pass as extensions see it: A1111's `p.sampler`, with its denoiser and the mask that it keeps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch

from modules.plugins.host import Host, surface
from modules.requests.own_sampling import own_of
from modules.sampling.consulted import StepCount
from modules.worker.hooks.replaced import call_replaced

if TYPE_CHECKING:
    from modules.worker.hooks.hooked_batch import HookedPicture


def shown_sampler(host: Host, p: Any, count: StepCount, pictures: Sequence[HookedPicture] = ()) -> Any:
    """Return A1111's view of the sampler of one pass. Raises CallFailed where an extension that makes it fails.

    pictures: those that are sampled, with the start of the pass; count: its steps
    """
    create = surface("sd_samplers").create_sampler
    sampler = call_replaced(host, "create_sampler", create, sampler_name(host, p, pictures), p.sd_model)
    sampler.p = p
    denoiser = sampler.model_wrap_cfg
    denoiser.steps, denoiser.total_steps = count.steps, count.total_steps
    if pictures:
        denoiser.model_wrap = sampler.model_wrap = model_wrap(pictures[0])
        show_mask(denoiser, pictures)
    return sampler


def sampler_name(host: Host, p: Any, pictures: Sequence[HookedPicture]) -> str | None:
    """Return the name of a pass's sampler: an extension's as `p` has it, else that of the plan."""
    pass_ = pictures[0].start.pass_ if pictures else None
    second = pass_ and pass_.first_step > 0 and getattr(p, "hr_sampler_name", None)
    name: str | None = second or p.sampler_name
    own = str(name or "").lower() in own_of(host, "sampler_name")
    return name if own or pass_ is None else pass_.sampler.name


def model_wrap(picture: HookedPicture) -> Any:
    """Return what callbacks know as the model: its class tells what the model predicts, and by what it is told σ."""
    kinds = surface("sd_samplers_cfg_denoiser")
    velocity = picture.stage.levels.parametrization.name.startswith("v")
    if picture.start.pass_.sampler.timesteps:
        return kinds.CompVisTimestepsVDenoiser() if velocity else kinds.CompVisTimestepsDenoiser()
    return kinds.CompVisVDenoiser() if velocity else kinds.CompVisDenoiser()


def show_mask(denoiser: Any, pictures: Sequence[HookedPicture]) -> None:
    """Give the denoiser the mask and the latents that it keeps, if there are."""
    holes = [picture.painting.hole for picture in pictures if picture.painting]
    if not holes:
        return
    denoiser.init_latent = torch.stack([hole.picture for hole in holes])
    if holes[0].mask is not None:
        channels = len(holes[0].picture)
        denoiser.nmask = holes[0].mask.expand(channels, *holes[0].mask.shape).clone()
        denoiser.mask = 1 - denoiser.nmask
