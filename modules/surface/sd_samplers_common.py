"""A1111's `modules.sd_samplers_common`: what samplers have in common."""

from __future__ import annotations

from collections import namedtuple
from typing import Any

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


def setup_img2img_steps(p: Any, steps: int | None = None) -> tuple[int, int]:
    """Return the steps of the whole schedule and those that are run, minus one."""
    from modules.pipelines.sampling import Strength
    from modules.surface.options import current_opts

    every = steps is not None or current_opts().img2img_fix_steps
    strength = Strength.of(p.denoising_strength, steps or p.steps, every)
    return strength.steps, strength.back
