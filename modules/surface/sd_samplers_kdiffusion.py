"""A1111's `modules.sd_samplers_kdiffusion`: the sampler of the k-diffusion family, as extensions know it."""

from __future__ import annotations

from typing import Any

from modules.surface.sd_samplers_cfg_denoiser import CFGDenoiser as CFGDenoiser
from modules.surface.sd_samplers_cfg_denoiser import CFGDenoiserKDiffusion as CFGDenoiserKDiffusion
from modules.surface.sd_samplers_common import Sampler


class KDiffusionSampler(Sampler):
    """A sampler of σ.

    funcname: the name of a sampling function, or an extension's own:
        f(model, x, sigmas, extra_args=, callback=, disable=) -> x
    """

    def __init__(self, funcname: Any, sd_model: Any = None, options: Any = None) -> None:
        super().__init__(funcname)
        self.model_wrap_cfg = CFGDenoiserKDiffusion(self)
        self.options = options or {}
