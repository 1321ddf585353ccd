"""Networks applied beside a UNet's weights, row by row, so that images with different LoRAs share a call.

(W + s · up @ down) x = W x + s · up (down x): Hu et al. 2021, arXiv:2106.09685, §4.1. Only kinds that are such a
product can be computed so; the others change the weights themselves.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from typing import Any, TypeAlias

import torch.nn.functional as F
from torch import Tensor, nn

from modules.models.lora.patcher import Strong
from modules.networks.formats import LoRA
from modules.networks.network import is_text
from modules.sampling.weights import NetworkUse

NetworkUses = tuple[NetworkUse, ...]
# Each row's networks → a context in which the UNet's rows have them.
Under: TypeAlias = Callable[[Sequence[NetworkUses]], AbstractContextManager[None]]


@dataclass(frozen=True, slots=True, eq=False)
class Update:
    """A low-rank update ready for its module: y += scale · up (down x).

    up:    (out, rank)
    down:  (rank, in); at a convolution (rank, in, kh, kw)
    scale: the file's own × the strength it is used with
    """

    up: Tensor
    down: Tensor
    scale: float

    @classmethod
    def of(cls, patch: LoRA, strength: float, weight: Tensor) -> Update:
        up, down = patch.factors(weight)
        return cls(up, down.unflatten(1, weight.shape[1:]), strength * patch.scale)

    def add(self, module: nn.Module, x: Tensor, y: Tensor) -> None:
        """Add the update to the output.

        x: (rows, …) the module's input; y: (rows, …) its output, which is written to
        """
        if isinstance(module, nn.Conv2d):
            inner = module._conv_forward(x, self.down, None)      # with the module's stride and padding
            y.add_(F.conv2d(inner, self.up[:, :, None, None]), alpha=self.scale)
        else:
            inner = x.flatten(0, -2) @ self.down.T
            y.view(-1, y.shape[-1]).addmm_(inner, self.up.T, alpha=self.scale)


Updates = Mapping[str, Sequence[Update]]      # by the path of the weight


class Unmerged:
    """A UNet's rows under different networks; its weights stay as they were loaded."""

    def __init__(self, unet: nn.Module, wanted: Callable[[NetworkUses], Mapping[str, Strong]]) -> None:
        """wanted: the patches of a set of networks, by the path of the parameter they change"""
        self.modules = {
            f"unet.{name}.weight": module
            for name, module in unet.named_modules()
            if isinstance(module, nn.Linear | nn.Conv2d)
        }
        self.wanted = wanted
        self._updates: dict[NetworkUses, Updates] = {}

    def can(self, networks: NetworkUses) -> bool:
        """Return whether all their changes of the UNet are low-rank. Raises as reading them does."""
        return all(
            path in self.modules and all(type(patch) is LoRA for patch, _ in patches)
            for path, patches in self.wanted(networks).items() if not is_text(path)
        )

    def under(self, sets: Collection[NetworkUses]) -> Under:
        """Prepare these sets, and forget others.

        The result is used around each call of the UNet; rows of other sets are left unchanged.
        """
        self._updates = {networks: self._updates.get(networks) or self._ready(networks) for networks in sets}
        return self._hooked

    def updates(self, networks: NetworkUses) -> Updates:
        """Return the updates of a set that was prepared; none of another."""
        return self._updates.get(networks, {})

    def _ready(self, networks: NetworkUses) -> Updates:
        return {
            path: [Update.of(patch, by, self.modules[path].weight) for patch, by in patches if isinstance(patch, LoRA)]
            for path, patches in self.wanted(networks).items() if not is_text(path)
        }

    @contextmanager
    def _hooked(self, sets: Sequence[NetworkUses]) -> Iterator[None]:
        with ExitStack() as hooks:
            for path, places in self._places(sets).items():
                hooks.enter_context(self.modules[path].register_forward_hook(partial(add, places)))
            yield

    def _places(self, sets: Sequence[NetworkUses]) -> dict[str, Places]:
        """Return the updates at each weight, with their rows."""
        places: dict[str, Places] = defaultdict(list)
        for rows, networks in runs(sets):
            for path, updates in self._updates.get(networks, {}).items():
                places[path] += [(rows, update) for update in updates]
        return places


Places = list[tuple[slice, Update]]


def add(places: Places, module: nn.Module, args: tuple[Any, ...], y: Tensor) -> None:
    """Add the updates to a module's output; a forward hook."""
    for rows, update in places:
        update.add(module, args[0][rows], y[rows])


def runs(sets: Sequence[NetworkUses]) -> Iterator[tuple[slice, NetworkUses]]:
    """Yield runs of consecutive rows with the same networks."""
    start = 0
    for networks, same in groupby(sets):
        end = start + len(list(same))
        yield slice(start, end), networks
        start = end


def without_merged(merged: NetworkUses, under: Under) -> Under:
    """Return the function for rows of which some have the networks merged into the weights: they need nothing."""
    return lambda sets: under([() if networks == merged else networks for networks in sets])
