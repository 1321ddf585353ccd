"""A checkpoint file becomes modules: built without memory, then given the file's own mapped tensors.

No weight is copied until the modules are moved to a device or another precision.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from torch import Tensor, nn
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

from modules.base.errors import ModelCorrupt, ModelMismatch
from modules.models import layout, shapes
from modules.models.catalog import Checkpoint
from modules.models.families import Family, family_of
from modules.models.hints import Hints, from_metadata, from_tensors, from_yaml
from modules.models.weights import read_weights

Names = Callable[[Collection[str]], dict[str, str]]
Split = Callable[[Mapping[str, Tensor]], dict[str, Tensor]]

TIMESTEPS = 1000
SHOWN = 3      # names in an error message


@dataclass
class LoadedModel:
    """A checkpoint's parts and what sampling must know of them."""

    unet: UNet2DConditionModel
    vae: AutoencoderKL
    text_encoder: CLIPTextModel
    text_encoder_2: CLIPTextModelWithProjection | None      # SDXL's second one
    family: str
    prediction_type: str            # "epsilon" or "v_prediction"
    scaling_factor: float           # latent on the UNet's scale = VAE's latent × this
    alphas_cumprod: np.ndarray      # (1000,) float32
    native_size: int                # pixels
    checkpoint: Checkpoint

    def to(self, device: torch.device, unet: torch.dtype, vae: torch.dtype, text: torch.dtype) -> None:
        """Move in place, one tensor at a time: the peak is one copy of the weights, and one tensor."""
        for module, dtype in ((self.unet, unet), (self.vae, vae), (self.text_encoder, text), (self.text_encoder_2, text)):
            if module is not None:
                nn.Module.to(module, device, dtype)


def load(checkpoint: Checkpoint) -> LoadedModel:
    """Read and check everything; the file's own precision is kept.

    Raises ModelCorrupt, ModelUnsafe, ModelUnsupported or ModelMismatch, each naming the file.
    """
    name = checkpoint.path.name
    weights = read_weights(checkpoint.path)
    family = family_of(name, weights.tensors)
    hints = from_tensors(from_yaml(from_metadata(family.hints, name, weights.metadata), checkpoint.config), weights.tensors)
    return LoadedModel(
        **parts(name, weights.tensors, family, hints),
        family=family.name,
        prediction_type=hints.prediction_type,
        scaling_factor=hints.scaling_factor,
        alphas_cumprod=alphas_cumprod(*hints.betas),
        native_size=hints.native_size,
        checkpoint=checkpoint,
    )


def parts(name: str, tensors: Mapping[str, Tensor], family: Family, hints: Hints) -> dict[str, nn.Module | None]:
    """The modules of a checkpoint, by their names in LoadedModel."""
    unet = Part(name, tensors, layout.UNET, layout.unet_names)
    vae = Part(name, tensors, layout.VAE, layout.vae_names)
    clip = Part(name, tensors, family.clip, layout.clip_names)
    open_clip = Part(name, tensors, family.open_clip, layout.open_clip_names, layout.split_open_clip) if family.open_clip else None
    return {
        "unet": unet.build(lambda found: UNet2DConditionModel(**shapes.unet_config(found, hints.unet))),
        "vae": vae.build(lambda found: AutoencoderKL(**shapes.vae_config(found, hints.vae))),
        "text_encoder": clip.build(lambda found: CLIPTextModel(CLIPTextConfig(**shapes.clip_config(found, hints.clip)))),
        "text_encoder_2": open_clip and open_clip.build(
            lambda found: CLIPTextModelWithProjection(CLIPTextConfig(**shapes.open_clip_config(found)))
        ),
    }


class Part:
    """The tensors of one part of a checkpoint, under its module's names."""

    def __init__(self, file: str, tensors: Mapping[str, Tensor], prefix: str, names: Names, split: Split = lambda _: {}) -> None:
        """names: file's name → module's; split: tensors under their file's names → further ones under the module's."""
        self.file, self.prefix = file, prefix
        own = {key: tensors[prefix + key] for key in layout.below(tensors, prefix)}
        self.names = names(own)
        self.tensors = {theirs: own[ours] for ours, theirs in self.names.items()} | split(own)

    def build(self, make: Callable[[Mapping[str, Tensor]], nn.Module]) -> Any:
        """The module, made without memory and then given these tensors. Raises ModelMismatch naming what does not fit."""
        try:
            with torch.device("meta"):
                module = make(self.tensors)
        except (KeyError, StopIteration, IndexError, ValueError, ZeroDivisionError) as error:
            raise ModelMismatch(f"{self.file}: {self.prefix}… is incomplete ({error}).", "Download it again.") from error
        wanted = module.state_dict()
        fitting = {name: fitted(tensor, wanted[name]) for name, tensor in self.tensors.items() if name in wanted}
        self.complain(wanted, fitting)
        module.load_state_dict(fitting, strict=True, assign=True)
        restore_buffers(module)
        return module.eval().requires_grad_(False)

    def complain(self, wanted: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> None:
        ours = {theirs: self.prefix + name for name, theirs in self.names.items()}
        missing = [ours.get(name, f"{self.prefix}… {name}") for name in wanted.keys() - found.keys()]
        extra = [ours.get(name, self.prefix + name) for name in self.tensors.keys() - wanted.keys()]
        misshapen = [
            f"{ours.get(name, self.prefix + name)} is {tuple(tensor.shape)}, not {tuple(wanted[name].shape)}"
            for name, tensor in found.items() if tensor.shape != wanted[name].shape
        ]
        for what, names in (("lacks", missing), ("does not fit", misshapen), ("has what its shape has no place for", extra)):
            if names:
                more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
                raise ModelMismatch(f"{self.file} {what}: {', '.join(sorted(names)[:SHOWN])}{more}.", "It may be another kind of model, or broken.")
        if whole := next((ours.get(n, n) for n, t in found.items() if not t.is_floating_point()), None):
            raise ModelCorrupt(f"{self.file}: {whole} holds no weights.", "Download it again.")


def fitted(tensor: Tensor, wanted: Tensor) -> Tensor:
    """A 1×1 convolution where the module has a plain matrix, or the reverse, as a view."""
    if tensor.shape != wanted.shape and tensor.numel() == wanted.numel() and tensor.ndim + wanted.ndim == 6:
        return tensor.reshape(wanted.shape)
    return tensor


def restore_buffers(module: nn.Module) -> None:
    """Buffers that files do not hold: CLIP's positions 0, 1, 2 …"""
    for name, buffer in list(module.named_buffers()):
        if buffer.is_meta:
            owner, _, attribute = name.rpartition(".")
            assert attribute == "position_ids", f"{type(module).__name__} has a buffer Easel does not know: {name}"
            setattr(module.get_submodule(owner), attribute, torch.arange(buffer.shape[-1]).expand(buffer.shape))


def alphas_cumprod(start: float, end: float) -> np.ndarray:
    """ᾱ of Stable Diffusion's schedule: √β even between its ends, as LDM computes it, float64 to the last.

    A file's own `alphas_cumprod` is not used: it may be rounded to half precision, and has no other values in any known model.
    """
    betas = np.linspace(start**0.5, end**0.5, TIMESTEPS) ** 2
    return np.cumprod(1 - betas).astype(np.float32)
