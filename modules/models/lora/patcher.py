"""The patcher: it applies and removes patches of a model's parameters, changing only the difference."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack

import torch
from torch import Tensor, nn

from modules.models.checkpoint.loaded_model import LoadedModel
from modules.networks.patch import Patch

Strong = tuple[tuple[Patch, float], ...]      # patches of one parameter with their strengths, in order
# maps (path, stored weight) to the weight that patches are added to
Wide = Callable[[str, Tensor], Tensor]


def itself(path: str, weight: Tensor) -> Tensor:
    return weight


class Patcher:
    """A model's patched parameters. Loaded weights are never written to, so removing every patch restores them exactly.

    A patched parameter has a second tensor of its own; an unpatched one costs nothing.
    """

    def __init__(self, parameters: Mapping[str, nn.Parameter], wide: Wide = itself) -> None:
        """parameters: those that may be patched, by the paths in patches

        wide: returns weights in the precision to add in, where they are stored in less
        """
        self.parameters, self.wide = parameters, wide
        self._applied: dict[str, Strong] = {}
        self._own: dict[str, Tensor] = {}      # of patched parameters: the loaded weight

    def bring(self, wanted: Mapping[str, Strong]) -> None:
        """Apply exactly these patches. If one fails, none is applied."""
        with ExitStack() as undo:
            undo.callback(self._restore_all)
            for path in self._applied.keys() - wanted.keys():
                self._restore(path)
            for path, patches in wanted.items():
                if not same_patches(self._applied.get(path, ()), patches):
                    self._apply(path, patches)
            undo.pop_all()

    def _restore_all(self) -> None:
        for path in list(self._applied):
            self._restore(path)

    def _apply(self, path: str, patches: Strong) -> None:
        parameter = self.parameters[path]
        own = self._own.setdefault(path, parameter.data)
        before = self.wide(path, own)
        fresh = path not in self._applied or before.dtype != own.dtype
        out = torch.empty_like(before) if fresh else parameter.data
        self._applied[path] = ()
        for patch, strength in patches:
            patch.apply_into(before, strength, out)
            before = out
        parameter.data = out.to(own.dtype)
        self._applied[path] = patches

    def _restore(self, path: str) -> None:
        self.parameters[path].data = self._own.pop(path)
        del self._applied[path]


def parameters_of(model: LoadedModel) -> dict[str, nn.Parameter]:
    """Return everything that networks may change, by path: `unet.…`, `text_encoder.…`, `text_encoder_2.…`."""
    parts = {"unet": model.unet} | {text_name(i): text.module for i, text in enumerate(model.texts)}
    return {
        f"{part}.{name}": parameter for part, module in parts.items() for name, parameter in module.named_parameters()
    }


def text_name(place: int) -> str:
    """Return diffusers' name of a text encoder."""
    return "text_encoder" if place == 0 else f"text_encoder_{place + 1}"


def same_patches(some: Strong, others: Strong) -> bool:
    """Return whether they are the same patch objects, with the same strengths."""
    return len(some) == len(others) and all(a is b and s == t for (a, s), (b, t) in zip(some, others, strict=True))
