"""A checkpoint in memory: its parts, and the facts about it that sampling needs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import Any

import torch
from diffusers import AutoencoderKL
from torch import nn

from modules.base.errors import ModelError
from modules.library.catalog import ModelFile
from modules.models.checkpoint.family import Family, TextPart
from modules.sampling.latent import LatentFormat
from modules.sampling.parametrization import EPSILON, VELOCITY, Parametrization
from modules.sampling.schedules import ModelSigmas

TIMESTEPS = 1000
config_of: Callable[[nn.Module], Any] = attrgetter("config")      # diffusers' record of a network's sizes


@dataclass
class TextEncoder:
    module: Any      # a module of transformers, or one with its calling convention
    use: TextPart


@dataclass
class LoadedModel:
    """The parts of a checkpoint."""

    unet: nn.Module                 # the denoiser, a UNet in all families but flow-matching ones
    unet_names: Mapping[str, str]   # each parameter's name in the file → the module's
    own_vae: AutoencoderKL | ModelError      # or the error of its use, which is raised only if no other VAE is chosen
    texts: tuple[TextEncoder, ...]
    family: Family
    levels: ModelSigmas
    latent: LatentFormat            # its family's, changed by the file's metadata
    native_size: int                # pixels
    checkpoint: ModelFile
    # the weights show its parametrization only in a test call, once they are on the device
    asks_weights: bool = False

    @property
    def parametrization(self) -> Parametrization:
        return self.levels.parametrization

    @property
    def image_channels(self) -> int:
        """The channels that the denoiser sees beside the latent: 0, 4 (a picture) or 5 (a mask and a picture)."""
        config = config_of(self.unet)
        return config.in_channels - config.out_channels

    @property
    def vae(self) -> AutoencoderKL:
        """The checkpoint's own VAE. Raises ModelError if it has no usable one."""
        if isinstance(self.own_vae, ModelError):
            raise self.own_vae.with_traceback(None)
        return self.own_vae

    def to(self, device: torch.device, unet: torch.dtype, vae: torch.dtype, text: torch.dtype) -> None:
        """Move in place, one tensor at a time: the peak is one copy of the weights, and one tensor."""
        vaes = [] if isinstance(self.own_vae, ModelError) else [(self.own_vae, vae)]
        for module, dtype in ((self.unet, unet), *vaes, *((encoder.module, text) for encoder in self.texts)):
            nn.Module.to(module, device, dtype)
        if self.asks_weights:
            self.levels, self.asks_weights = replace(self.levels, parametrization=predicted_by(self.unet)), False


@torch.inference_mode()
def predicted_by(unet: nn.Module) -> Parametrization:
    """Test whether an SD2 model predicts noise or velocity.

    At the last timestep all is noise: a model that predicts noise returns its input.
    """
    weight, config = next(unet.parameters()), config_of(unet)
    x = weight.new_full((1, config.in_channels, 8, 8), 0.5)
    context = weight.new_full((1, 2, config.cross_attention_dim), 0.5)
    out = unet(
        x, torch.tensor([TIMESTEPS - 1], device=weight.device), encoder_hidden_states=context, return_dict=False
    )[0]
    return VELOCITY if float((out.float() - 0.5).mean()) < -1 else EPSILON
