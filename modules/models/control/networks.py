"""The ControlNets in memory: those used last, within a number of bytes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

import torch

from modules.base.errors import ModelMismatch
from modules.base.memory import release_memory
from modules.library.library import Library
from modules.models.checkpoint.loaded_model import LoadedModel
from modules.models.control.control_file import AnyControl, ControlNetwork, load_control_network
from modules.models.control.image_encoders import ImageEncoder, encoder_of, load_encoder
from modules.models.control.ip_adapter import IpAdapter
from modules.models.control.residuals import AddControl, uncontrolled, with_residuals
from modules.params.control import UNION_TYPES
from modules.sampling.control import Control, controls_of
from modules.sampling.image_prompts import ImagePrompt, ReadPictures

KEPT_PROMPTS = 32           # answers of IP-Adapters, a few tokens each
KEPT_BYTES = 3 * 2**30      # of ControlNets that stay in memory when they are not asked; one of SDXL has 2.5 GB
NetworkKey = tuple[str, str]      # a file, and the checkpoint whose differences and head widths a network may have


class ControlNetworks:
    """The loaded ControlNets and their kin, those used last within a number of bytes. For the engine's thread alone."""

    def __init__(self, library: Library, device: torch.device, dtype: torch.dtype, kept: int = KEPT_BYTES) -> None:
        self.library, self.device, self.dtype, self.kept = library, device, dtype, kept
        self._loaded: OrderedDict[NetworkKey, AnyControl] = OrderedDict()      # least recently used first
        self._encoders: list[ImageEncoder] = []      # asked once a job
        self._prompts: OrderedDict[tuple[str, str, tuple[str, ...]], ImagePrompt] = OrderedDict()

    def of_rows(self, rows: Sequence[Mapping[str, Any]], model: LoadedModel) -> Mapping[str, AnyControl]:
        """Return the networks of rows with these extras, by file. Raises ModelError or UnknownName for a file."""
        files = dict.fromkeys(control.sha256 for extras in rows for control in controls_of(extras))
        if not files:
            return {}
        networks = {sha256: self.network(sha256, model) for sha256 in files}
        for control in (control for extras in rows for control in controls_of(extras)):
            check_use(networks[control.sha256], control)
        self._drop({network_key(sha256, model) for sha256 in files})
        return networks

    def network(self, sha256: str, model: LoadedModel) -> AnyControl:
        """Return the network of a file, loaded for a checkpoint."""
        key = network_key(sha256, model)
        if key not in self._loaded:
            network = load_control_network(self.library.of("controlnet").find(sha256), model)
            self._loaded[key] = network.to(self.device, self.dtype)
        self._loaded.move_to_end(key)
        return self._loaded[key]

    def read_pictures(self, ask: ReadPictures, model: LoadedModel) -> ImagePrompt:
        """Return pictures as an IP-Adapter reads them; those read last are remembered by their contents."""
        key = *network_key(ask.sha256, model), ask.names
        if ask.names and key in self._prompts:
            self._prompts.move_to_end(key)
            return self._prompts[key]
        adapter = self.network(ask.sha256, model)
        if not isinstance(adapter, IpAdapter):
            raise ModelMismatch(
                f"{adapter.name} is no IP-Adapter, but the unit's preprocessor is one's.",
                "Choose an IP-Adapter as the unit's model, or another preprocessor.",
            )
        found = self.encoder(adapter).read(adapter, ask.images())
        if ask.names:
            self._prompts[key] = found
            while len(self._prompts) > KEPT_PROMPTS:
                self._prompts.popitem(last=False)
        self._drop({network_key(ask.sha256, model)})
        return found

    def encoder(self, adapter: IpAdapter) -> ImageEncoder:
        """Return the image encoder that an adapter reads pictures by. Raises ModelError."""
        found = next((each for each in self._encoders if each.fits(adapter)), None)
        if found is None:
            found = load_encoder(encoder_of(self.library, adapter), self.device, self.dtype)
            self._encoders.append(found)
        return found

    def forget(self) -> None:
        """Drop all networks, but not how pictures were read."""
        self._loaded.clear()
        self._encoders.clear()

    def _drop(self, needed: set[NetworkKey]) -> None:
        """Drop encoders, then the least recently used networks, beyond the limit; those that are needed stay."""
        while self._encoders and self._size > self.kept:
            del self._encoders[0]
            release_memory()
        for key in list(self._loaded):
            if self._size <= self.kept:
                return
            if key not in needed:
                del self._loaded[key]
                release_memory()

    @property
    def _size(self) -> int:
        """All weights in bytes."""
        return sum(each.size for each in (*self._encoders, *self._loaded.values()))


def network_key(sha256: str, model: LoadedModel) -> NetworkKey:
    """Return what a network in memory is found by."""
    return sha256, model.checkpoint.sha256 or ""


def check_use(network: AnyControl, control: Control) -> None:
    """Raise ModelMismatch for a map that the network cannot follow.

    An IP-Adapter follows what it read of a picture, a union only maps of its types, of which some have fewer.
    """
    if isinstance(network, IpAdapter) and control.hint.ndim != 2:
        raise ModelMismatch(
            f"{network.name} is an IP-Adapter, which reads the picture itself.",
            "Choose the preprocessor ip-adapter-auto in its unit.",
        )
    if isinstance(network, ControlNetwork) and not network.knows(control.task):
        raise ModelMismatch(
            f"{network.name} does not know maps of the type {UNION_TYPES[control.task]}.",
            "Choose another union control type, or a model that knows it.",
        )


def adding(networks: Mapping[str, AnyControl]) -> AddControl:
    """Return the function for calls whose controls name these networks."""
    return (lambda call, controls: with_residuals(networks, call, controls)) if networks else uncontrolled
