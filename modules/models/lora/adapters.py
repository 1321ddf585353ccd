"""Networks in a checkpoint's weights, hypernetworks at its attention, embeddings in its texts."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from modules.base.errors import ModelError, ModelMissing, ModelUnsupported
from modules.library.library import Library
from modules.models.checkpoint.loaded_model import LoadedModel
from modules.models.files.embedding_file import read_embedding_file
from modules.models.files.state_dict import read_plain_object, read_state_dict
from modules.models.lora.patcher import Patcher, Strong, Wide, itself, parameters_of
from modules.models.lora.runtime import NetworkUses, Unmerged
from modules.models.optimizations.fp8 import working
from modules.models.text import PromptEmbeddings
from modules.networks.blocks import block_weights
from modules.networks.dialects import Targets
from modules.networks.embedding import ONLY, Embedding
from modules.networks.hypernetwork import Hypernetwork
from modules.networks.network import Network, is_text, read_network
from modules.sampling.questions import EmbeddingFile
from modules.sampling.weights import NetworkUse, Weights

log = logging.getLogger(__name__)

MOST_KEPT_FILES = 16      # files of each kind in memory, the last used ones
SETS = 16      # sets of networks in one call: the engine's rows

T = TypeVar("T")


class Recent(Generic[T]):
    """A cache of the values read last, by key; an error is cached too."""

    def __init__(self, read: Callable[..., T], kept: int = MOST_KEPT_FILES) -> None:
        self.read, self.kept = read, kept
        self._found: OrderedDict[Hashable, T | ModelError] = OrderedDict()

    def __call__(self, *how: Hashable) -> T:
        if how not in self._found:
            self._found[how] = self._outcome(*how)
            while len(self._found) > self.kept:
                self._found.popitem(last=False)
        self._found.move_to_end(how)
        found = self._found[how]
        if isinstance(found, ModelError):
            raise found.with_traceback(None)
        return found

    def _outcome(self, *how: Hashable) -> T | ModelError:
        try:
            return self.read(*how)
        except ModelMissing:      # it may be found again
            raise
        except ModelError as error:
            return error


class AdapterFiles:
    """Small model files by the hash of their content."""

    def __init__(self, library: Library) -> None:
        self.library = library
        self.embedding = Recent(self._embedding)
        self.hypernetwork = Recent(self._hypernetwork)

    def network(self, sha256: str, targets: Targets) -> Network:
        """Return a network. Raises ModelError, naming the file."""
        file = self.library.loras.find(sha256)
        weights = read_state_dict(file.path)
        network = read_network(file.model_name, weights.tensors, weights.metadata, targets)
        if left := network.unmatched:
            log.warning(
                "%s: %d of its tensors are left out, as %s: this model has no use for them.",
                network.name,
                len(left),
                left[0],
            )
        return network

    def words(self, named: Sequence[EmbeddingFile]) -> PromptEmbeddings:
        """Return embeddings by their words, or the errors of reading them."""
        found, broken = [], {}
        for each in named:
            try:
                found.append(replace(self.embedding(each.sha256, each.file), name=each.word))
            except ModelError as error:
                broken[each.word] = error
        return PromptEmbeddings(found, broken)

    def _embedding(self, sha256: str, name: str = "") -> Embedding:
        """name: one of several files of the same content, for its errors"""
        catalog = self.library.embeddings
        path = (
            next((file.path for file in catalog.list() if (file.name, file.sha256) == (name, sha256)), None)
            or catalog.find(sha256).path
        )
        return read_embedding_file(path, sha256)

    def _hypernetwork(self, sha256: str) -> Hypernetwork:
        path = self.library.hypernetworks.find(sha256).path
        return Hypernetwork.read(path.name, read_plain_object(path))


class Adapters:
    """The networks and hypernetworks of one loaded model, applied as each question wants."""

    def __init__(self, model: LoadedModel, files: AdapterFiles, wide: Wide = itself) -> None:
        self.files = files
        parameters = parameters_of(model)
        self.targets = Targets.of(
            {path: tuple(parameter.shape) for path, parameter in parameters.items()}, model.unet_names
        )
        self.texts, self.unet = (
            Merged(
                Patcher({path: parameter for path, parameter in parameters.items() if is_text(path) == texts}, wide),
                self._wanted,
            )
            for texts in (True, False)
        )
        self.unmerged = Unmerged(model.unet, self._wanted)
        self.hooks = AttentionHooks(model.unet)
        self.device = next(model.unet.parameters()).device
        self.network = Recent(self._network)
        self.mixable = Recent(self._mixable, 4 * SETS)

    def bring(self, weights: Weights) -> None:
        """Apply these weights' networks to the whole model.

        Raises ModelError for a network that does not fit; then it is not applied.
        """
        self.bring_texts(weights)
        self.bring_unet(weights)

    def bring_texts(self, weights: Weights) -> None:
        """Apply these weights' networks to the text encoders alone; the UNet stays as its images need it."""
        self.texts.bring(weights.networks)

    def bring_unet(self, weights: Weights) -> None:
        self.hooks.bring(
            tuple((self.files.hypernetwork(sha256), strength) for sha256, strength in weights.hypernetworks)
        )
        self.unet.bring(weights.networks)

    def bundled(self, uses: Sequence[NetworkUse]) -> list[Embedding]:
        """Return the embeddings bundled with networks."""
        networks = [self.network(use.sha256, use.rank) for use in uses]
        return [
            Embedding(word, network.name, tables if len(tables) > 1 else {ONLY: next(iter(tables.values()))})
            for network in networks for word, tables in network.embeddings.items()
        ]

    def _mixable(self, *uses: NetworkUse) -> bool:
        """Return whether the UNet can answer them beside others in one call. Raises ModelError, as `bring` would."""
        self._make_room(uses)
        return self.unmerged.can(uses)

    def _make_room(self, uses: Sequence[NetworkUse]) -> None:
        """Make the cache large enough for all files of one call, so that none is read twice."""
        self.network.kept = max(MOST_KEPT_FILES, 2 * SETS * len(uses))

    def _wanted(self, uses: NetworkUses) -> dict[str, Strong]:
        self._make_room(uses)
        wanted: dict[str, Strong] = {}
        for use in uses:
            blocks = block_weights(use.blocks) if use.blocks else lambda path: 1.0
            for path, patch in self.network(use.sha256, use.rank).patches.items():
                if strength := (use.text if is_text(path) else use.unet) * blocks(path):
                    wanted[path] = (*wanted.get(path, ()), (patch, strength))
        return wanted

    def _network(self, sha256: str, rank: int | None) -> Network:
        network = self.files.network(sha256, self.targets)
        if rank is not None:
            network = network.truncated(rank)
        return network if self.device.type == "cpu" else network.to(self.device)


def check_further(adapters: Adapters, further: Collection[NetworkUses], whole: bool) -> None:
    """Raise ModelUnsupported for LoRAs of regions that cannot be computed beside the weights.

    whole: the weights are in a working precision, and no layer is cut into tiles
    """
    for networks in further:
        if not whole or not adapters.mixable(*networks):
            raise ModelUnsupported(
                "A region's LoRA is computed beside the weights, which LoRA and LoCon can be; not LoHa, LoKr, DoRA or "
                "whole differences, nor with weights in 8 bits or hypertile.",
                "Put it into the picture's prompt, where it counts everywhere.",
            )


class Merged:
    """The networks merged into one part of a model."""

    def __init__(self, patcher: Patcher, wanted: Callable[[NetworkUses], Mapping[str, Strong]]) -> None:
        self.patcher, self.wanted = patcher, wanted
        self.networks: NetworkUses = ()

    def bring(self, networks: NetworkUses) -> None:
        """Merge these networks. Raises as `wanted` does, with all as it was; if a patch fails, none is left."""
        if networks == self.networks:
            return
        wanted = {path: patches for path, patches in self.wanted(networks).items() if path in self.patcher.parameters}
        self.networks = ()
        self.patcher.bring(wanted)
        self.networks = networks


Strengths = tuple[tuple[Hypernetwork, float], ...]


class AttentionHooks:
    """Hypernetworks at the keys and values of every attention with a context of their width."""

    def __init__(self, unet: nn.Module) -> None:
        self.unet = unet
        self._active: Strengths = ()
        self._handles: list[RemovableHandle] = []

    def bring(self, wanted: Strengths) -> None:
        if wanted == self._active:
            return
        for handle in self._handles:
            handle.remove()
        self._active, self._handles = wanted, []
        if not wanted:
            return
        weight = working(self.unet)
        placed = tuple((hypernetwork.to(weight.device, weight.dtype), strength) for hypernetwork, strength in wanted)
        for name, module in self.unet.named_modules():
            if (ending := name.rpartition(".")[2]) in ("to_k", "to_v"):
                hook = partial(apply_hypernetworks, placed, 0 if ending == "to_k" else 1)
                self._handles.append(module.register_forward_pre_hook(hook))


def apply_hypernetworks(
    hypernetworks: Strengths, which: int, module: nn.Module, args: tuple[Any, ...]
) -> tuple[Tensor, ...]:
    """Return the context of the keys (0) or the values (1): c + strength · MLP(c), one hypernetwork after another."""
    context, *others = args
    for hypernetwork, strength in hypernetworks:
        if pair := hypernetwork.mlps.get(context.shape[-1]):
            context = torch.add(context, pair[which](context), alpha=strength)
    return (context, *others)
