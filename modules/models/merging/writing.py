"""A checkpoint's tensors to disk, one at a time; refused beforehand where they have no room."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import torch

from modules.base.errors import DiskFull
from modules.models.tensor_file import Entry, Make, write

Told = Callable[[int, int], None]      # tensors done, of how many; what it raises ends the work


def write_checkpoint(out: Path, entries: Mapping[str, Entry], make: Make, metadata: Mapping[str, str], told: Told) -> None:
    """Write a safetensors file whole or not at all, the widest numbers first, so that each tensor lies aligned.

    Raises DiskFull before the first tensor is made if all will not fit, and DiskFull or Unwritable as the writing goes.
    """
    check_room(out, sum(entry.size for entry in entries.values()))
    ordered = dict(sorted(entries.items(), key=lambda item: (-item[1].dtype.itemsize, item[0])))
    write(out, ordered, make, metadata, told)


def check_room(out: Path, size: int) -> None:
    folder = next(folder for folder in out.absolute().parents if folder.is_dir())
    free = shutil.disk_usage(folder).free
    if free < size:
        needed = f"{size / 2**30:,.1f} GiB are needed, {free / 2**30:,.1f} are free"
        raise DiskFull(f"No space left to write {out.name}: {needed}.", f"Free some space in {out.parent.name}/.")


def converted(entry: Entry, dtype: torch.dtype | None) -> Entry:
    """The same in another precision, if one is asked for; whole numbers stay as they are."""
    return Entry(dtype, entry.shape) if dtype and entry.dtype.is_floating_point else entry
