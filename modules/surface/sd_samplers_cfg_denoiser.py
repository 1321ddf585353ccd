"""A1111's `modules.sd_samplers_cfg_denoiser`: the denoiser as callbacks know it."""

from __future__ import annotations

from typing import Any

import torch


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
        self.sampler = sampler
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
    def p(self) -> Any:
        """The request that is sampled."""
        return self.sampler.p

    @property
    def inner_model(self) -> Any:
        return self.model_wrap

    def combine_denoised(self, x_out: Any, conds_list: Any, uncond: Any, cond_scale: float) -> Any:
        """Return guided estimates (pictures, C, h, w); an extension may replace this.

        x_out: (rows, C, h, w), the negative prompts' rows last; conds_list: of each picture, the rows of its prompts
        with their weights; uncond: the negative prompts' texts, of which the number counts
        """
        away = x_out[-uncond.shape[0]:]
        moves = [
            sum((x_out[row] - unprompted) * (weight * cond_scale) for row, weight in prompts)
            for unprompted, prompts in zip(away, conds_list, strict=True)
        ]
        return away + torch.stack(moves)


class CFGDenoiserKDiffusion(CFGDenoiser):
    """Guidance of the k-diffusion samplers: rows have a σ."""


class CFGDenoiserTimesteps(CFGDenoiser):
    """Guidance of the DDIM family: rows have a timestep."""

    def __init__(self, sampler: Any) -> None:
        super().__init__(sampler)
        self.mask_before_denoising = True
