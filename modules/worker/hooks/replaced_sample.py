"""`p.sample` replaced by an extension: its function samples a batch, by the usual one or by one of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from modules.plugins.host import CallFailed
from modules.worker.hooks.replaced import call_replaced
from modules.worker.hooks.shown_conditionings import show_conditionings

if TYPE_CHECKING:
    from modules.worker.hooks.hooked_batch import HookedBatch


def sample_by_extension(batch: HookedBatch, function: Callable[..., Any]) -> None:
    """Sample a batch by an extension's function; one that fails is told, and the batch is sampled without it."""
    p, job = batch.p, batch.job
    show_conditionings(p, batch.pictures)
    try:
        samples = call_replaced(
            job.host, "sample", function, conditioning=p.c, unconditional_conditioning=p.uc,
            seeds=p.seeds, subseeds=p.subseeds, subseed_strength=p.subseed_strength, prompts=p.prompts,
        )
    except CallFailed as error:
        job.note(f"{error}; the picture was sampled without it.")
        batch.pictures[:] = batch.begun()
        batch.sample_passes()
        return
    take_samples(batch, samples)


def take_samples(batch: HookedBatch, samples: Any) -> None:
    """Give a batch's pictures what was returned: latents (pictures, C, h, w), or decoded pictures in [-1, 1]."""
    decoded = getattr(samples, "already_decoded", False)
    for picture, each in zip(batch.pictures, samples, strict=True):
        if decoded:
            picture.pixels = ((each + 1) / 2).clamp(0, 1)
        else:
            picture.latent = each
