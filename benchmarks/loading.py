from __future__ import annotations

import math
import multiprocessing
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

import psutil
import torch
from torch import Tensor, nn

from benchmarks.checkpoints import KINDS, save, tensors
from benchmarks.measure import alternating, report
from modules.library.catalog import ModelFile
from modules.models.checkpoint.loader import LoadedModel, load_checkpoint

T = TypeVar("T")
PAGE = 4096                  # bytes; of memory
CHUNK = 64 * 2**20           # bytes read at once: beyond any cache of the processor
SPARE = 2 * 2**30            # bytes of memory left to others
HIGHEST = re.compile(r"VmHWM:\s+(\d+) kB")


def run() -> None:
    """Opening a checkpoint of real size (fp16) and touching every weight ÷ reading its bytes from the warm page cache;
    its memory ÷ the file.
    """
    torch.set_num_threads(1)
    for name, kind in KINDS.items():
        with TemporaryDirectory() as folder:
            size = 2 * sum(math.prod(shape) for _, shape in tensors(kind))
            print(f" {name}, {size / 1e9:.2f} GB", flush=True)
            if lacking := too_little(size, Path(folder)):
                print(f"  not measured: {lacking}", flush=True)
            else:
                measure(name, Path(folder) / "random.safetensors")


def too_little(size: int, folder: Path) -> str:
    """What there is not enough of to make a file of `size` bytes; its weights are in memory twice as it is written."""
    memory, disk = psutil.virtual_memory().available, shutil.disk_usage(folder).free
    if memory < 2 * size + SPARE:
        return f"{memory / 1e9:.1f} GB of free memory are too few"
    return f"{disk / 1e9:.1f} GB of free disk are too few" if disk < size + SPARE else ""


def measure(name: str, path: Path) -> None:
    elsewhere(save_kind, name, path)
    buffer = memoryview(bytearray(b"\1" * CHUNK))      # touched: what is read has its memory already
    sides = {"load": lambda: touch(opened(path)), "readinto": lambda: read_through(path, buffer)}
    report(alternating(sides, rounds=3), "load", "readinto", "≤ 1.3")
    print(f"  peak memory ÷ file = {elsewhere(peak, path) / path.stat().st_size:.3f}, goal ≤ 1.3", flush=True)


def elsewhere(function: Callable[..., T], *arguments: object) -> T:
    """Its result from a fresh process, whose memory is its own."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(function, arguments)


def save_kind(name: str, path: Path) -> None:
    save(KINDS[name], path)


def peak(path: Path) -> int:
    """Bytes of memory that opening and touching add to a process with everything imported,
    mapped pages of the file included.
    """
    before = highest()
    model = opened(path)
    touch(model)
    return highest() - before


def highest() -> int:
    """Bytes of memory of this process at its highest.

    Linux alone; `getrusage` would tell the parent's if that was higher.
    """
    return int(HIGHEST.search(Path("/proc/self/status").read_text())[1]) * 1024


def opened(path: Path) -> LoadedModel:
    return load_checkpoint(ModelFile(path, path.name, "0" * 64))


def touch(model: LoadedModel) -> int:
    """A byte of every page of every weight, summed."""
    return sum(touched(weight) for module in parts(model) for weight in module.parameters())


def parts(model: LoadedModel) -> Iterator[nn.Module]:
    yield from (model.unet, model.vae)
    yield from (encoder.module for encoder in model.texts)


def touched(weight: Tensor) -> int:
    values = weight.detach().reshape(-1).view(torch.uint8)
    return int(values[::PAGE].sum()) + int(values[-1])


def read_through(path: Path, buffer: memoryview) -> None:
    with path.open("rb", buffering=0) as file:
        while file.readinto(buffer):
            pass
