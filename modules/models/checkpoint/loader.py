"""Loading a checkpoint file: its modules are built without memory, then given the file's own mapped tensors.

No weight is copied until the modules are moved to a device or another precision.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import AutoencoderKL, ConsistencyDecoderVAE
from torch import Tensor, nn

from modules.base.border import outcome
from modules.base.errors import ModelCorrupt, ModelError, ModelMismatch, ModelMissing, ModelUnsupported
from modules.library.catalog import ModelFile
from modules.models.checkpoint import key_mapping as layout
from modules.models.checkpoint.families import FAMILIES
from modules.models.checkpoint.family import Family, TextPart, family_of, likeness, nothing_more
from modules.models.checkpoint.hints import Hints, from_metadata, from_tensors, from_yaml
from modules.models.checkpoint.loaded_model import TIMESTEPS, LoadedModel, TextEncoder
from modules.models.checkpoint.networks import VAE_NETWORK
from modules.models.files.state_dict import read_state_dict
from modules.models.vae import consistency
from modules.sampling.parametrization import EPSILON, FLOW, PARAMETRIZATIONS
from modules.sampling.schedules import FlowLevels, ModelSigmas, without_signal_at_the_end

log = logging.getLogger(__name__)

Names = Callable[[Collection[str]], dict[str, str]]
Split = Callable[[Mapping[str, Tensor]], dict[str, Tensor]]

CONSTANTS = ("means", "stds")      # of the consistency decoder, which has them itself
CHOOSE_VAE = "Choose a VAE for it: the setting sd_vae."
MOST_NAMES_SHOWN = 3      # names in an error message


def load_checkpoint(checkpoint: ModelFile, families: Sequence[Family] = FAMILIES) -> LoadedModel:
    """Read and check everything; the file's own precision is kept.

    Tensors that the model does not have are skipped and logged.
    Raises ModelCorrupt, ModelUnsafe, ModelUnsupported or ModelMismatch, each naming the file.
    """
    name = checkpoint.path.name
    weights = read_state_dict(checkpoint.path)
    family = family_of(name, weights.tensors, families)
    hints = from_tensors(
        from_yaml(from_metadata(family.hints, name, weights.metadata), checkpoint.config), weights.tensors
    )
    network = family.denoiser.network
    denoiser = Part(name, weights.tensors, family.denoiser.prefix, network.names, network.split)
    return LoadedModel(
        unet=denoiser.build(lambda found: network.build(found, hints)),
        unet_names=denoiser.names,
        own_vae=load_own_vae(name, weights.tensors, family.title, hints),
        texts=tuple(load_text(name, weights.tensors, part, hints) for part in family.texts),
        family=family,
        levels=LEVELS_BY_PREDICTION.get(hints.prediction_type, diffusion_levels)(hints, family),
        latent=replace(family.latent, factor=hints.scaling_factor or family.latent.factor),
        native_size=hints.native_size,
        checkpoint=checkpoint,
        asks_weights=not hints.prediction_type,
    )


def diffusion_levels(hints: Hints, family: Family) -> ModelSigmas:
    """Return the noise levels of a diffusion model."""
    alphas = alphas_cumprod(*hints.betas)
    alphas = without_signal_at_the_end(alphas) if hints.zero_terminal_snr else alphas
    return ModelSigmas.of(alphas, family.aligned, PARAMETRIZATIONS.get(hints.prediction_type, EPSILON))


def flow_levels(hints: Hints, family: Family) -> ModelSigmas:
    """Return the levels of a flow-matching model."""
    return FlowLevels.shifted(hints.shift)


# a model's prediction → its levels; others are diffusion models
LEVELS_BY_PREDICTION = {FLOW.name: flow_levels}


def load_own_vae(name: str, tensors: Mapping[str, Tensor], family: str, hints: Hints) -> AutoencoderKL | ModelError:
    """Return the VAE in a checkpoint, or the error of its use."""
    if not any(key.startswith((f"{layout.VAE_PREFIX}decoder.", f"{layout.VAE_PREFIX}encoder.")) for key in tensors):
        return ModelMissing(f"{name} is a checkpoint of {family} that holds no VAE.", CHOOSE_VAE)
    try:
        return load_vae(Part(name, tensors, layout.VAE_PREFIX, layout.vae_names), hints)
    except (ModelMismatch, ModelCorrupt) as error:
        return type(error)(str(error), CHOOSE_VAE)


def load_vae(part: Part, hints: Hints) -> AutoencoderKL:
    return part.build(lambda found: VAE_NETWORK.build(found, hints))


def load_text(name: str, tensors: Mapping[str, Tensor], use: TextPart, hints: Hints) -> TextEncoder:
    part = Part(name, tensors, use.prefix, use.network.names, use.network.split)
    return TextEncoder(part.build(lambda found: use.network.build(found, hints)), use)


def load_vae_file(path: Path) -> AutoencoderKL | ConsistencyDecoderVAE:
    """Return a VAE from a file of its own, in LDM's layout with or without its prefix, or OpenAI's consistency decoder.

    Raises ModelError, naming the file.
    """
    weights = read_state_dict(path)
    tensors = weights.tensors
    if consistency.is_consistency_decoder(tensors):
        part = Part(path.name, tensors, "", lambda keys: {key: key for key in keys})
        return consistency.complete(part.build(consistency.build_consistency_decoder))
    prefix = layout.VAE_PREFIX if any(key.startswith(layout.VAE_PREFIX) for key in tensors) else ""
    if f"{prefix}decoder.conv_in.weight" not in tensors:
        raise ModelUnsupported(
            f"{path.name} is {likeness(tensors)}, not a VAE.",
            "Easel loads VAEs of Stable Diffusion in their original layout.",
        )
    kept = {key: tensor for key, tensor in tensors.items() if key.removeprefix(prefix).startswith(layout.VAE_PARTS)}
    hints = from_metadata(Hints(), path.name, weights.metadata)
    return load_vae(Part(path.name, kept, prefix, layout.vae_names), hints)


class Part:
    """The tensors of one part of a checkpoint, under its module's names."""

    def __init__(
        self, file: str, tensors: Mapping[str, Tensor], prefix: str, names: Names, split: Split = nothing_more
    ) -> None:
        """names: file's name → module's

        split: tensors under their file's names → further ones under the module's
        """
        self.file, self.prefix = file, prefix
        self.own = {key: tensors[prefix + key] for key in layout.below(tensors, prefix)}
        self.names = names(self.own)
        self.tensors = {theirs: self.own[ours] for ours, theirs in self.names.items()} | split(self.own)

    def build(self, make: Callable[[Mapping[str, Tensor]], nn.Module]) -> Any:
        """Return the module, made without memory and then given these tensors.

        Raises ModelMismatch naming the tensors that do not fit.
        """
        with torch.device("meta"):
            module = outcome(make, self.tensors)
        # the libraries' modules may raise any error for weights and settings of unlikely kinds
        if isinstance(module, Exception):
            reason = " ".join(str(module).split())
            raise ModelMismatch(
                f"{self.file}: {self.prefix or 'its'}… is incomplete ({reason:.200}).", "Download it again."
            ) from module
        wanted = module.state_dict()
        fitting = {name: fit_shape(tensor, wanted[name]) for name, tensor in self.tensors.items() if name in wanted}
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
                more = f" and {len(names) - MOST_NAMES_SHOWN} more" if len(names) > MOST_NAMES_SHOWN else ""
                raise ModelMismatch(
                    f"{self.file} {what}: {', '.join(sorted(names)[:MOST_NAMES_SHOWN])}{more}.",
                    "It may be another kind of model, or broken.",
                )
        if whole := next((ours.get(n, n) for n, t in found.items() if not t.is_floating_point()), None):
            raise ModelCorrupt(f"{self.file}: {whole} holds no weights.", "Download it again.")


    def tell_unused(self, used: Mapping[str, Tensor]) -> None:
        """Log tensors of other tools beside the part's own: the model has no place for them."""
        placed = {ours for ours, theirs in self.names.items() if theirs in used}
        unused = sorted(key for key in self.own if key not in placed and not layout.has_no_weights(key))
        if unused:
            log.warning(
                "%s: %d tensors are left out, as %s: this model has no place for them.",
                self.file,
                len(unused),
                self.prefix + unused[0],
            )


def fit_shape(tensor: Tensor, wanted: Tensor) -> Tensor:
    """Return a 1×1 convolution as a plain matrix, or the reverse, if the module has it so; a view."""
    if tensor.shape != wanted.shape and tensor.numel() == wanted.numel() and tensor.ndim + wanted.ndim == 6:
        return tensor.reshape(wanted.shape)
    return tensor


def restore_buffers(module: nn.Module) -> None:
    """Restore buffers that files do not contain: CLIP's positions 0, 1, 2 …"""
    for name, buffer in list(module.named_buffers()):
        if buffer.is_meta and name not in CONSTANTS:
            owner, _, attribute = name.rpartition(".")
            assert attribute == "position_ids", f"{type(module).__name__} has a buffer Easel does not know: {name}"
            setattr(module.get_submodule(owner), attribute, torch.arange(buffer.shape[-1]).expand(buffer.shape))


def alphas_cumprod(start: float, end: float) -> np.ndarray:
    """Return ᾱ of Stable Diffusion's schedule: √β even between its ends, as LDM computes it, all in float64.

    A file's own `alphas_cumprod` is not used: it may be rounded to half precision, and has no other values in any known
    model.
    """
    betas = np.linspace(start**0.5, end**0.5, TIMESTEPS) ** 2
    return np.cumprod(1 - betas).astype(np.float32)
