"""Saving trained parts in the layout of the checkpoint that they were loaded from: LDM's names, which all read."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from modules.base.files import NewFile
from modules.models.checkpoint import key_mapping as layout
from modules.models.checkpoint.families import FAMILIES
from modules.models.checkpoint.family import Family, PartNetwork, family_of
from modules.models.checkpoint.hints import CONFIG_KEY
from modules.models.checkpoint.networks import VAE_NETWORK
from modules.models.files.tensor_stream import TensorEntry
from modules.models.lora.patcher import text_name
from modules.models.merging.record import copy_config
from modules.models.merging.sources import EMA, streamed
from modules.models.merging.writing import converted, write_checkpoint
from modules.training.student import UNET, VAE_PART


def save_checkpoint(
    base: Path, trained: Mapping[str, Tensor], out: NewFile, dtype: torch.dtype | None, metadata: Mapping[str, str],
    families: Sequence[Family] = FAMILIES,
) -> None:
    """Write a checkpoint with the base's tensors, names and metadata, the trained parameters in their places.

    trained: parameters by part and path, as `unet.conv_in.weight`; dtype: of the file, `None` is the base's own
    An average (EMA) of the base's training is left out, since it does not belong to these weights.
    Raises ModelError naming the base, DiskFull or Unwritable.
    """
    with streamed(base) as file:
        entries = {name: converted(entry, dtype) for name, entry in file.entries.items() if not name.startswith(EMA)}
        new = in_file(family_of(base.name, entries, families), entries, trained)
        write_checkpoint(
            out, entries,
            lambda name: fitted_to(entries[name], new[name] if name in new else file.tensor(name)),
            {**file.metadata, **metadata, "format": "pt"}, lambda done, of: None,
        )
    copy_config((base,), out.path)


def save_vae(
    base: Path, trained: Mapping[str, Tensor], out: NewFile, dtype: torch.dtype | None, metadata: Mapping[str, str]
) -> None:
    """Write a VAE alone, as A1111 reads it: LDM's names without a prefix, and the base's `config` in its metadata.

    base: a checkpoint, or the file of a VAE. Raises as `save_checkpoint`.
    """
    with streamed(base) as file:
        prefix = layout.VAE_PREFIX if any(name.startswith(layout.VAE_PREFIX) for name in file.entries) else ""
        own = {name.removeprefix(prefix): name for name in file.entries
               if name.startswith(prefix) and name.removeprefix(prefix).startswith(layout.VAE_PARTS)}
        entries = {short: converted(file.entries[name], dtype) for short, name in own.items()}
        new = of_part(VAE_PART, "", VAE_NETWORK, entries, trained)
        write_checkpoint(
            out, entries,
            lambda name: fitted_to(entries[name], new[name] if name in new else file.tensor(own[name])),
            {**{name: text for name, text in file.metadata.items() if name == CONFIG_KEY}, **metadata, "format": "pt"},
            lambda done, of: None,
        )


def in_file(family: Family, names: Collection[str], trained: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return trained parameters under a checkpoint's names; trained: by part and path."""
    parts = [(UNET, family.denoiser.prefix, family.denoiser.network), (VAE_PART, layout.VAE_PREFIX, VAE_NETWORK)]
    parts += [(text_name(number), text.prefix, text.network) for number, text in enumerate(family.texts)]
    return {name: tensor for part in parts for name, tensor in of_part(*part, names, trained).items()}


def of_part(
    part: str, prefix: str, network: PartNetwork, names: Collection[str], trained: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """Return the trained parameters of one part under the names that begin with its prefix."""
    own = {name.removeprefix(f"{part}."): tensor for name, tensor in trained.items() if name.startswith(f"{part}.")}
    if not own:
        return {}
    short = layout.below(names, prefix)
    found = {name: own[path] for name, path in network.names(short).items() if path in own}
    found |= network.join(short, own)
    return {prefix + name: tensor for name, tensor in found.items()}


def fitted_to(entry: TensorEntry, tensor: Tensor) -> Tensor:
    """Return a tensor in a file's shape and precision: a matrix may be stored as a convolution of 1×1."""
    return tensor.reshape(entry.shape).to(entry.dtype)
