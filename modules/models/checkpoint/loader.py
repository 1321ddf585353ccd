"""A checkpoint file becomes modules: built without memory, then given the file's own mapped tensors.

No weight is copied until the modules are moved to a device or another precision.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import AutoencoderKL, ConsistencyDecoderVAE, UNet2DConditionModel
from torch import Tensor, nn
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

from modules.base.errors import ModelCorrupt, ModelError, ModelMismatch, ModelMissing, ModelUnsupported
from modules.base.families import spoken_family
from modules.library.catalog import ModelFile
from modules.models.checkpoint import infer_config as shapes
from modules.models.checkpoint import key_mapping as layout
from modules.models.checkpoint.families import TextPart, family_of, likeness
from modules.models.checkpoint.hints import Hints, from_metadata, from_tensors, from_yaml
from modules.models.files.state_dict import read_weights
from modules.models.vae import consistency
from modules.sampling.schedules import without_signal_at_the_end

log = logging.getLogger(__name__)

Names = Callable[[Collection[str]], dict[str, str]]
Split = Callable[[Mapping[str, Tensor]], dict[str, Tensor]]

TIMESTEPS = 1000
CONSTANTS = ("means", "stds")      # of the consistency decoder, which gives them back itself
CHOOSE_VAE = "Choose a VAE for it: the setting sd_vae."
SHOWN = 3      # names in an error message


@dataclass
class TextEncoder:
    module: CLIPTextModel | CLIPTextModelWithProjection
    use: TextPart


@dataclass
class LoadedModel:
    """A checkpoint's parts and what sampling must know of them."""

    unet: UNet2DConditionModel
    unet_names: Mapping[str, str]   # LDM's name of each of its parameters → diffusers'
    own_vae: AutoencoderKL | ModelError      # or why it cannot be used, which matters only if no other is chosen
    texts: tuple[TextEncoder, ...]
    family: str
    prediction_type: str            # "epsilon" or "v_prediction"; "" until the weights are where they can be asked
    scaling_factor: float           # latent on the UNet's scale = VAE's latent × this
    alphas_cumprod: np.ndarray      # (1000,) float32
    native_size: int                # pixels
    checkpoint: ModelFile

    @property
    def image_channels(self) -> int:
        """What the UNet sees beside the latent: 0, 4 (a picture) or 5 (a mask and a picture)."""
        return self.unet.config.in_channels - self.unet.config.out_channels

    @property
    def vae(self) -> AutoencoderKL:
        """The checkpoint's own. Raises ModelError if it has none that can be used."""
        if isinstance(self.own_vae, ModelError):
            raise self.own_vae.with_traceback(None)
        return self.own_vae

    def to(self, device: torch.device, unet: torch.dtype, vae: torch.dtype, text: torch.dtype) -> None:
        """Move in place, one tensor at a time: the peak is one copy of the weights, and one tensor."""
        vaes = [] if isinstance(self.own_vae, ModelError) else [(self.own_vae, vae)]
        for module, dtype in ((self.unet, unet), *vaes, *((encoder.module, text) for encoder in self.texts)):
            nn.Module.to(module, device, dtype)
        self.prediction_type = self.prediction_type or predicted_by(self.unet)


def load(checkpoint: ModelFile) -> LoadedModel:
    """Read and check everything; the file's own precision is kept. What it has beyond a model's tensors is passed over and logged.

    Raises ModelCorrupt, ModelUnsafe, ModelUnsupported or ModelMismatch, each naming the file.
    """
    name = checkpoint.path.name
    weights = read_weights(checkpoint.path)
    family = family_of(name, weights.tensors)
    hints = from_tensors(from_yaml(from_metadata(family.hints, name, weights.metadata), checkpoint.config), weights.tensors)
    alphas = alphas_cumprod(*hints.betas)
    unet = Part(name, weights.tensors, layout.UNET, layout.unet_names)
    return LoadedModel(
        unet=unet.build(lambda found: UNet2DConditionModel(**shapes.unet_config(found, hints.unet))),
        unet_names=unet.names,
        own_vae=load_own_vae(name, weights.tensors, family.name, hints),
        texts=tuple(load_text(name, weights.tensors, part, hints) for part in family.texts),
        family=family.name,
        prediction_type=hints.prediction_type,
        scaling_factor=hints.scaling_factor,
        alphas_cumprod=without_signal_at_the_end(alphas) if hints.zero_terminal_snr else alphas,
        native_size=hints.native_size,
        checkpoint=checkpoint,
    )


def load_own_vae(name: str, tensors: Mapping[str, Tensor], family: str, hints: Hints) -> AutoencoderKL | ModelError:
    """The VAE in a checkpoint; else the error that its use would be."""
    if not any(key.startswith((f"{layout.VAE}decoder.", f"{layout.VAE}encoder.")) for key in tensors):
        return ModelMissing(f"{name} is a checkpoint of {spoken_family(family)} that holds no VAE.", CHOOSE_VAE)
    try:
        return load_vae(Part(name, tensors, layout.VAE, layout.vae_names), hints)
    except (ModelMismatch, ModelCorrupt) as error:
        return type(error)(str(error), CHOOSE_VAE)


def load_vae(part: Part, hints: Hints) -> AutoencoderKL:
    return part.build(lambda found: AutoencoderKL(**shapes.vae_config(found, hints.vae)))


def load_text(name: str, tensors: Mapping[str, Tensor], use: TextPart, hints: Hints) -> TextEncoder:
    if not use.open_clip:
        part = Part(name, tensors, use.prefix, layout.clip_names)
        return TextEncoder(part.build(lambda found: CLIPTextModel(CLIPTextConfig(**shapes.clip_config(found, hints.clip)))), use)
    part = Part(name, tensors, use.prefix, layout.open_clip_names, layout.split_open_clip)
    return TextEncoder(part.build(lambda found: CLIPTextModelWithProjection(CLIPTextConfig(**shapes.open_clip_config(found)))), use)


def load_vae_file(path: Path) -> AutoencoderKL | ConsistencyDecoderVAE:
    """A VAE from a file of its own, in LDM's layout with or without its prefix, or OpenAI's consistency decoder.

    Raises ModelError, naming the file.
    """
    tensors = read_weights(path).tensors
    if consistency.is_consistency_decoder(tensors):
        return consistency.complete(Part(path.name, tensors, "", lambda keys: {key: key for key in keys}).build(consistency.build))
    prefix = layout.VAE if any(key.startswith(layout.VAE) for key in tensors) else ""
    if f"{prefix}decoder.conv_in.weight" not in tensors:
        raise ModelUnsupported(f"{path.name} is {likeness(tensors)}, not a VAE.", "Easel loads VAEs of Stable Diffusion in their original layout.")
    kept = {key: tensor for key, tensor in tensors.items() if key.removeprefix(prefix).startswith(layout.VAE_PARTS)}
    return load_vae(Part(path.name, kept, prefix, layout.vae_names), Hints())


@torch.inference_mode()
def predicted_by(unet: UNet2DConditionModel) -> str:
    """Does an SD2 model predict noise or velocity? At the last timestep all is noise: a noise model gives back what it sees."""
    weight = next(unet.parameters())
    x = weight.new_full((1, unet.config.in_channels, 8, 8), 0.5)
    context = weight.new_full((1, 2, unet.config.cross_attention_dim), 0.5)
    out = unet(x, torch.tensor([TIMESTEPS - 1], device=weight.device), encoder_hidden_states=context, return_dict=False)[0]
    return "v_prediction" if float((out.float() - 0.5).mean()) < -1 else "epsilon"


class Part:
    """The tensors of one part of a checkpoint, under its module's names."""

    def __init__(self, file: str, tensors: Mapping[str, Tensor], prefix: str, names: Names, split: Split = lambda _: {}) -> None:
        """names: file's name → module's; split: tensors under their file's names → further ones under the module's."""
        self.file, self.prefix = file, prefix
        self.own = {key: tensors[prefix + key] for key in layout.below(tensors, prefix)}
        self.names = names(self.own)
        self.tensors = {theirs: self.own[ours] for ours, theirs in self.names.items()} | split(self.own)

    def build(self, make: Callable[[Mapping[str, Tensor]], nn.Module]) -> Any:
        """The module, made without memory and then given these tensors. Raises ModelMismatch naming what does not fit."""
        try:
            with torch.device("meta"):
                module = make(self.tensors)
        except Exception as error:       # what the libraries' modules raise for weights and settings of unlikely kinds is theirs to choose
            reason = " ".join(str(error).split())
            raise ModelMismatch(f"{self.file}: {self.prefix or 'its'}… is incomplete ({reason:.200}).", "Download it again.") from error
        wanted = module.state_dict()
        fitting = {name: fitted(tensor, wanted[name]) for name, tensor in self.tensors.items() if name in wanted}
        self.complain(wanted, fitting)
        self.tell_unused(fitting)
        module.load_state_dict(fitting, strict=True, assign=True)
        restore_buffers(module)
        return module.eval().requires_grad_(False)

    def complain(self, wanted: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> None:
        ours = {theirs: self.prefix + name for name, theirs in self.names.items()}
        missing = [ours.get(name, f"{self.prefix}… {name}") for name in wanted.keys() - found.keys()]
        misshapen = [
            f"{ours.get(name, self.prefix + name)} is {tuple(tensor.shape)}, not {tuple(wanted[name].shape)}"
            for name, tensor in found.items() if tensor.shape != wanted[name].shape
        ]
        for what, names in (("lacks", missing), ("does not fit", misshapen)):
            if names:
                more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
                raise ModelMismatch(f"{self.file} {what}: {', '.join(sorted(names)[:SHOWN])}{more}.", "It may be another kind of model, or broken.")
        if whole := next((ours.get(n, n) for n, t in found.items() if not t.is_floating_point()), None):
            raise ModelCorrupt(f"{self.file}: {whole} holds no weights.", "Download it again.")


    def tell_unused(self, used: Mapping[str, Tensor]) -> None:
        """Log what other tools have put beside the part's tensors: the model has no place for it."""
        placed = {ours for ours, theirs in self.names.items() if theirs in used}
        unused = sorted(key for key in self.own if key not in placed and not layout.has_no_weights(key))
        if unused:
            log.warning("%s: %d tensors are left out, as %s: this model has no place for them.", self.file, len(unused), self.prefix + unused[0])


def fitted(tensor: Tensor, wanted: Tensor) -> Tensor:
    """A 1×1 convolution where the module has a plain matrix, or the reverse, as a view."""
    if tensor.shape != wanted.shape and tensor.numel() == wanted.numel() and tensor.ndim + wanted.ndim == 6:
        return tensor.reshape(wanted.shape)
    return tensor


def restore_buffers(module: nn.Module) -> None:
    """Buffers that files do not hold: CLIP's positions 0, 1, 2 …"""
    for name, buffer in list(module.named_buffers()):
        if buffer.is_meta and name not in CONSTANTS:
            owner, _, attribute = name.rpartition(".")
            assert attribute == "position_ids", f"{type(module).__name__} has a buffer Easel does not know: {name}"
            setattr(module.get_submodule(owner), attribute, torch.arange(buffer.shape[-1]).expand(buffer.shape))


def alphas_cumprod(start: float, end: float) -> np.ndarray:
    """ᾱ of Stable Diffusion's schedule: √β even between its ends, as LDM computes it, float64 to the last.

    A file's own `alphas_cumprod` is not used: it may be rounded to half precision, and has no other values in any known model.
    """
    betas = np.linspace(start**0.5, end**0.5, TIMESTEPS) ** 2
    return np.cumprod(1 - betas).astype(np.float32)
