"""Whole networks in training: DreamBooth (Ruiz et al. 2022, arXiv:2208.12242) and fine-tuning."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager

from torch import Tensor, nn

from modules.base.errors import Invalid
from modules.training.student import DrawPlaces, Student, TrainableModel, leaf


class WholeModel(Student):
    """Networks of a model in training, with all their parameters.

    The tensors are copies in single precision, by names as `unet.conv_in.weight`: who draws meanwhile draws with the
    model as it was loaded.
    """

    def __init__(self, model: TrainableModel, parts: Collection[str]) -> None:
        """parts: names of networks, such as "unet" and "text_encoder". Raises Invalid without any."""
        self.tensors = {
            f"{part}.{path}": leaf(parameter)
            for part, network in model.networks.items() if part in parts
            for path, parameter in network.named_parameters()
        }
        if not self.tensors:
            raise Invalid("No network is left to train.", "Train the UNet, the text encoder, or both.", "method")

    def part(self, name: str) -> str:
        return name.partition(".")[0]

    @contextmanager
    def attached(self, model: TrainableModel, places: DrawPlaces) -> Iterator[None]:
        networks = {self.part(name): model.networks[self.part(name)] for name in self.tensors}
        with parameters_replaced(networks, self.tensors):
            yield

    def file_tensors(self) -> dict[str, Tensor]:
        """Return the trained parameters, by network and path."""
        return {name: tensor.detach().cpu() for name, tensor in self.tensors.items()}


@contextmanager
def parameters_replaced(networks: Mapping[str, nn.Module], tensors: Mapping[str, Tensor]) -> Iterator[None]:
    """Have networks compute with other tensors in place of their parameters, which come back untouched.

    tensors: by network and path, as `unet.conv_in.weight`; a module computes with any tensor in a parameter's place
    """
    places = []
    for name in tensors:
        part, _, path = name.partition(".")
        owner, _, attribute = path.rpartition(".")
        places.append((networks[part].get_submodule(owner)._parameters, attribute))
    own = [parameters[attribute] for parameters, attribute in places]
    try:
        for (parameters, attribute), tensor in zip(places, tensors.values(), strict=True):
            parameters[attribute] = tensor      # type: ignore[assignment]
        yield
    finally:
        for (parameters, attribute), parameter in zip(places, own, strict=True):
            parameters[attribute] = parameter
