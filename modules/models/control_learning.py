"""Training of a ControlNet: how it begins, and its outputs in the UNet's call."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from diffusers import ControlNetModel
from torch import nn

from modules.base.errors import ModelMismatch
from modules.library.control_models import find_control_model
from modules.library.library import Library
from modules.models.checkpoint.family import CallArguments
from modules.models.checkpoint.loaded_model import LoadedModel
from modules.models.control.control_file import ControlNetwork, load_control_network
from modules.training.control_student import ControlStudent
from modules.training.questions import Example


def controlnet_to_train(library: Library, model: LoadedModel, begin: str) -> nn.Module:
    """Return the ControlNet of a name, or for "" one that begins as the UNet's encoder, in single precision.

    Raises UnknownName or ModelError for a file that cannot be gone on with.
    """
    if not begin:
        return ControlNetModel.from_unet(model.unet).float().eval()      # type: ignore[arg-type]
    network = load_control_network(find_control_model(library, begin), model)
    if not isinstance(network, ControlNetwork) or network.union:
        raise ModelMismatch(
            f"{network.name} is no ControlNet of one type, which alone can be trained further.",
            "Choose another to begin with, or none.",
        )
    return network.module.float().requires_grad_()


def controlled_by(student: ControlStudent, call: CallArguments, examples: Sequence[Example]) -> CallArguments:
    """Return a UNet call's arguments with the outputs of a ControlNet that looks at the examples' maps."""
    (latents, times), named = call
    maps = torch.stack([example.map for example in examples if example.map is not None]).to(latents.device)
    down, middle = student.network(
        latents.float(), times, named["encoder_hidden_states"].float(), maps,
        added_cond_kwargs=named["added_cond_kwargs"], return_dict=False,
    )
    outputs = {
        "down_block_additional_residuals": tuple(each.to(latents.dtype) for each in down),
        "mid_block_additional_residual": middle.to(latents.dtype),
    }
    return (latents, times), {**named, **outputs}
