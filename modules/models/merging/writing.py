"""Writing a checkpoint's tensors one at a time; refused beforehand if the disk has no room for all."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

import torch

from modules.base.errors import DiskFull
from modules.base.files import UNFINISHED, NewFile
from modules.models.files.tensor_stream import Make, TensorEntry, write

LONG_AGO = 3600.0                                  # s since the last byte was written: the writer is dead

# called with the work done and the whole, in bytes or weights; its exceptions end the work
ReportProgress = Callable[[int, int], None]


def write_checkpoint(
    out: NewFile, entries: Mapping[str, TensorEntry], make: Make, metadata: Mapping[str, str], report: ReportProgress
) -> None:
    """Write a safetensors file whole or not at all, the widest numbers first, so that each tensor lies aligned.

    Raises DiskFull before the first tensor is made if all will not fit, and DiskFull, Unwritable or Invalid while
    writing.
    """
    sweep(out)
    check_room(out.path, sum(entry.size for entry in entries.values()))
    ordered = dict(sorted(entries.items(), key=lambda item: (-item[1].dtype.itemsize, item[0])))
    write(out, ordered, make, metadata, report)


def sweep(out: NewFile) -> None:
    """Delete the half-written files of a crash or power loss, which are as large as a model."""
    for path in out.path.parent.glob(".*.tmp"):
        with suppress(OSError):
            if path != out.aside and UNFINISHED.fullmatch(path.name) and time.time() - path.stat().st_mtime > LONG_AGO:
                path.unlink()


def check_room(out: Path, size: int) -> None:
    folder = next(folder for folder in out.absolute().parents if folder.is_dir())
    free = shutil.disk_usage(folder).free
    if free < size:
        unit, bytes_ = ("GiB", 2**30) if size >= 2**30 else ("MiB", 2**20)
        needed = f"{size / bytes_:,.1f} {unit} are needed, {free / bytes_:,.1f} are free"
        raise DiskFull(f"No space left to write {out.name}: {needed}.", f"Free some space in {out.parent.name}/.")


def converted(entry: TensorEntry, dtype: torch.dtype | None) -> TensorEntry:
    """Return the entry in another precision, if one is asked for; integers stay as they are."""
    return TensorEntry(dtype, entry.shape) if dtype and entry.dtype.is_floating_point else entry
