"""A1111's `modules.sd_samplers_cfg_denoiser`: the denoiser as callbacks know it."""

from __future__ import annotations

from typing import Any


class CompVisDenoiser:
    """The model, as it is named to callbacks. It is asked by Easel's engine only."""


class CompVisVDenoiser(CompVisDenoiser):
    """A model that predicts velocities."""


class CompVisTimestepsDenoiser(CompVisDenoiser):
    """The model of the DDIM family."""


class CompVisTimestepsVDenoiser(CompVisVDenoiser):
    """A model that predicts velocities, of the DDIM family."""


class CFGDenoiser:
    """The guidance of one pass: how far it is, and what it works on."""

    def __init__(self, sampler: Any) -> None:
        self.sampler, self.p = sampler, sampler.p
        self.mask = self.nmask = self.init_latent = None
        self.steps: int | None = None           # of the schedule
        self.total_steps: int | None = None     # model evaluations
        self.step = 0                           # evaluations so far
        self.image_cfg_scale: float | None = None
        self.padded_cond_uncond = self.padded_cond_uncond_v0 = False
        self.mask_before_denoising = False
        self.classic_ddim_eps_estimation = False
        self.need_last_noise_uncond = False
        self.cond_scale_miltiplier = 1.0        # A1111's spelling
        self.model_wrap: Any = None

    @property
    def inner_model(self) -> Any:
        return self.model_wrap


class CFGDenoiserKDiffusion(CFGDenoiser):
    """Guidance of the k-diffusion samplers: rows have a σ."""


class CFGDenoiserTimesteps(CFGDenoiser):
    """Guidance of the DDIM family: rows have a timestep."""

    def __init__(self, sampler: Any) -> None:
        super().__init__(sampler)
        self.mask_before_denoising = True
