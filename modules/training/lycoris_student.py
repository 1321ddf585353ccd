"""LyCORIS kinds in training (LoHa, LoKr, GLoRA, OFT, BOFT, whole differences, DoRA), by the package lycoris-lora.

Its modules compute; which layers they are at, their names, seeds and files are as a LoRA's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import torch
from torch import Tensor, nn

from modules.base.errors import Invalid
from modules.base.streams import stream
from modules.training.lora import LoraShape, lora_targets
from modules.training.student import DrawPlaces, Student, TrainableModel

LYCORIS_PACKAGE = "lycoris-lora==4.1.3"
TORCH_SEEDS = 2**63


@dataclass(frozen=True, slots=True)
class LycorisLayer:
    """A layer that is trained: its module of the package, and the part and path of the model's."""

    name: str
    part: str
    path: str
    module: Any


class LycorisStudent(Student):
    """A network of a LyCORIS kind in training."""

    def __init__(
        self, model: TrainableModel, shape: LoraShape, kind: str, options: Mapping[str, Any], seed: int
    ) -> None:
        """Begin as nothing. Raises Invalid if the package is not installed, or for an option it does not take."""
        self.shape, self.layers, self.tensors = shape, list[LycorisLayer](), {}
        make = lycoris_kinds()[kind]
        for place, (name, part, path, module) in enumerate(lora_targets(model, shape)):
            rank, alpha = shape.at(name, module)
            if not rank:
                continue
            with torch_seeded(seed, "init", 0, place):
                try:
                    found = make(name, module, 1.0, rank, alpha, shape.dropout, shape.rank_dropout,
                                 shape.module_dropout, **options)
                except (TypeError, ValueError) as error:
                    raise Invalid(f"{kind} does not take these arguments: {error}.", "See LyCORIS's documentation.",
                                  "network_args") from error
            found.float().to(next(module.parameters()).device).train()
            self.layers.append(LycorisLayer(name, part, path, found))
            self.tensors |= {f"{name}.{key}": parameter for key, parameter in found.named_parameters()}
        if not self.layers:
            raise Invalid("No layer is left to train.", "Train the UNet, the text encoder, or both.", "network_args")
        self._parts = {layer.name: layer.part for layer in self.layers}
        for tensor in self.tensors.values():
            tensor.requires_grad_()

    def part(self, name: str) -> str:
        return self._parts[name.partition(".")[0]]

    @contextmanager
    def attached(self, model: TrainableModel, places: DrawPlaces) -> Iterator[None]:
        with ExitStack() as stack:
            for layer in self.layers:
                layer.module.train(bool(places))      # without places it is measured, and nothing is dropped
                module = model.networks[layer.part].get_submodule(layer.path)
                stack.enter_context(in_place_of(module, layer.module))
            if places:
                stack.enter_context(torch_seeded(places[0].seed, "lycoris", places[0].step, places[0].slot))
            yield

    def file_tensors(self) -> dict[str, Tensor]:
        """Return the tensors of a file."""
        return {f"{layer.name}.{key}": tensor.detach().cpu().clone()
                for layer in self.layers for key, tensor in layer.module.state_dict().items()}


def lycoris_kinds() -> Mapping[str, Any]:
    """Return the package's modules by their kinds. Raises Invalid if it is not installed."""
    try:
        found: Mapping[str, Any] = import_module("lycoris.wrapper").network_module_dict
    except ImportError as error:
        raise Invalid(
            "Networks of LyCORIS's kinds need the package lycoris-lora, which is not installed.",
            f"Install it (pip install {LYCORIS_PACKAGE}), or train networks.lora.", "network_module",
        ) from error
    return found


@contextmanager
def in_place_of(module: nn.Module, ours: Any) -> Iterator[None]:
    """Have a layer computed by the network's module, which asks the layer itself for its weight."""
    ours.org_module, ours.org_forward = [module], module.forward
    before = module.__dict__.get("forward")
    module.forward = ours.forward      # type: ignore[method-assign]
    try:
        yield
    finally:
        del module.forward
        if before is not None:
            module.forward = before      # type: ignore[method-assign]


@contextmanager
def torch_seeded(seed: int, purpose: str, step: int, slot: int) -> Iterator[None]:
    """Have torch's own random numbers follow from whose they are, and be the others' again afterwards."""
    with torch.random.fork_rng():
        torch.manual_seed(int(stream(seed, purpose, step, slot).integers(TORCH_SEEDS)))
        yield
