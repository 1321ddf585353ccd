"""A ControlNet in training. Zhang et al. 2023, arXiv:2302.05543."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor, nn

from modules.base.streams import stream
from modules.training.student import UNET, DrawPlaces, Student, TrainableModel

HINT_LAYERS, LAST_HINT_LAYERS = "controlnet_cond_embedding.", "controlnet_cond_embedding.conv_out."


class ControlStudent(Student):
    """A ControlNet, which is asked beside the UNet. Its outputs are zero at first, so the model begins as it was."""

    def __init__(self, model: TrainableModel, begin: str, seed: int) -> None:
        """begin: a ControlNet to go on from; "" is the UNet's encoder"""
        assert model.controlnet is not None
        self.network: nn.Module = model.controlnet(begin)
        self.tensors = dict(self.network.named_parameters())
        if not begin:
            draw_hint_layers(self.tensors, seed)

    def attached(self, model: TrainableModel, places: DrawPlaces) -> AbstractContextManager[None]:
        """Return a context without effect: the network is asked for its outputs before the UNet is."""
        return nullcontext()

    def part(self, name: str) -> str:
        return UNET

    def file_tensors(self) -> dict[str, Tensor]:
        """Return the parameters by diffusers' names."""
        return {name: tensor.detach().cpu() for name, tensor in self.tensors.items()}


def draw_hint_layers(tensors: dict[str, Tensor], seed: int) -> None:
    """Draw what reads the map, evenly within 1/√inputs, from the run's seed; its last layer begins as zero."""
    layers = [name for name in tensors if name.startswith(HINT_LAYERS) and not name.startswith(LAST_HINT_LAYERS)]
    with torch.no_grad():
        for place, name in enumerate(layers):
            own = tensors[name]
            bound = own[0].numel() ** -0.5 if own.ndim > 1 else 0.0
            drawn = stream(seed, "hint layer", 0, place).uniform(-bound, bound, tuple(own.shape))
            own.copy_(torch.from_numpy(drawn))
