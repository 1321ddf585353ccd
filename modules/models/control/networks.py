"""The ControlNets in memory: those used last, within a number of bytes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

import torch

from modules.base.memory import release_memory
from modules.library.library import Library
from modules.models.checkpoint.loaded_model import LoadedModel
from modules.models.control.control_file import AnyControl, load_control_network
from modules.models.control.residuals import AddControl, uncontrolled, with_residuals
from modules.sampling.control import controls_of

KEPT_BYTES = 3 * 2**30      # of ControlNets that stay in memory when they are not asked; one of SDXL has 2.5 GB


class ControlNetworks:
    """The loaded ControlNets, those used last within a number of bytes. For the engine's thread alone."""

    def __init__(self, library: Library, device: torch.device, dtype: torch.dtype, kept: int = KEPT_BYTES) -> None:
        self.library, self.device, self.dtype, self.kept = library, device, dtype, kept
        # by file and checkpoint, whose differences and head widths a network may have; least recently used first
        self._loaded: OrderedDict[tuple[str, str], AnyControl] = OrderedDict()

    def of_rows(self, rows: Sequence[Mapping[str, Any]], model: LoadedModel) -> Mapping[str, AnyControl]:
        """Return the networks of rows with these extras, by file. Raises ModelError or UnknownName for a file."""
        files = dict.fromkeys(control.sha256 for extras in rows for control in controls_of(extras))
        if not files:
            return {}
        networks = {sha256: self.network(sha256, model) for sha256 in files}
        self._drop(set(files))
        return networks

    def network(self, sha256: str, model: LoadedModel) -> AnyControl:
        """Return the network of a file, loaded for a checkpoint."""
        key = sha256, model.checkpoint.sha256 or ""
        if key not in self._loaded:
            network = load_control_network(self.library.of("controlnet").find(sha256), model)
            self._loaded[key] = network.to(self.device, self.dtype)
        self._loaded.move_to_end(key)
        return self._loaded[key]

    def _drop(self, needed: set[str]) -> None:
        """Drop the least recently used networks beyond the limit; those that are needed stay."""
        for key in list(self._loaded):
            if sum(network.size for network in self._loaded.values()) <= self.kept:
                return
            if key[0] not in needed:
                del self._loaded[key]
                release_memory()


def adding(networks: Mapping[str, AnyControl]) -> AddControl:
    """Return the function for calls whose controls name these networks."""
    return (lambda call, controls: with_residuals(networks, call, controls)) if networks else uncontrolled
