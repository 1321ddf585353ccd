"""A1111's `modules.sd_samplers_timesteps`: the sampler of the DDIM family, as extensions know it."""

from __future__ import annotations

from typing import Any

from modules.surface.sd_samplers_cfg_denoiser import CFGDenoiser as CFGDenoiser
from modules.surface.sd_samplers_cfg_denoiser import CFGDenoiserTimesteps as CFGDenoiserTimesteps
from modules.surface.sd_samplers_common import Sampler


class CompVisSampler(Sampler):
    """A sampler of timesteps."""

    def __init__(self, funcname: Any, sd_model: Any = None) -> None:
        super().__init__(funcname)
        self.model_wrap_cfg = CFGDenoiserTimesteps(self)
        self.eta_option_field = "eta_ddim"
