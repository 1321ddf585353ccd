"""A1111's `modules.sd_samplers_compvis`: the sampler of the DDIM family under its earlier name."""

from __future__ import annotations

from modules.surface.sd_samplers_timesteps import CompVisSampler


class VanillaStableDiffusionSampler(CompVisSampler):
    """A sampler of timesteps. Extensions subclass it for A1111 before 1.6."""

    def update_step(self, last_latent: object) -> None:
        """Called after a step by A1111 before 1.6."""
