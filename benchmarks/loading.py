from __future__ import annotations

import math
import multiprocessing
import re
import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import TypeVar

import psutil
import torch
from diffusers import ControlNetModel, UNet2DConditionModel
from safetensors.torch import save_file
from torch import Tensor, nn

from benchmarks.checkpoints import KINDS, save, tensors
from benchmarks.measure import alternating, report
from modules.library.catalog import ModelFile
from modules.models.checkpoint.loader import load_checkpoint
from modules.models.control.control_file import load_control_network

T = TypeVar("T")
CONTROLNET_OF_SD1 = "ControlNet"
PAGE = 4096                  # bytes; of memory
CHUNK = 64 * 2**20           # bytes read at once: beyond any cache of the processor
SPARE = 2 * 2**30            # bytes of memory left to others
HIGHEST = re.compile(r"VmHWM:\s+(\d+) kB")


def run(kind: str = "") -> None:
    """Opening a file of real size (fp16) and touching every weight ÷ reading its bytes from the warm page cache; its
    memory ÷ the file.

    kind: the only one to measure; "" measures all
    """
    torch.set_num_threads(1)
    for name in [kind] if kind else [*KINDS, CONTROLNET_OF_SD1]:
        with TemporaryDirectory() as folder:
            size = 2 * sum(math.prod(shape) for _, shape in shapes_of(name))
            print(f" {name}, {size / 1e9:.2f} GB", flush=True)
            if lacking := too_little(size, Path(folder)):
                print(f"  not measured: {lacking}", flush=True)
            else:
                measure(name, Path(folder) / f"{name}.safetensors")


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


def shapes_of(name: str) -> list[tuple[str, tuple[int, ...]]]:
    """The names and shapes of a file's tensors."""
    if name in KINDS:
        return list(tensors(KINDS[name]))
    with torch.device("meta"):
        weights = ControlNetModel(cross_attention_dim=768, attention_head_dim=8).state_dict()
    return [(each, tuple(weight.shape)) for each, weight in weights.items()]


def save_kind(name: str, path: Path) -> None:
    if name in KINDS:
        return save(KINDS[name], path)
    save_file({each: torch.randn(shape, dtype=torch.float16) * 0.02 for each, shape in shapes_of(name)}, path)


def peak(path: Path) -> int:
    """Bytes of memory that opening and touching add to a process with everything imported,
    mapped pages of the file included.
    """
    sizes_of_sd1()
    before = highest()
    modules = opened(path)
    touch(modules)
    return highest() - before


def highest() -> int:
    """Bytes of memory of this process at its highest.

    Linux alone; `getrusage` would tell the parent's if that was higher.
    """
    return int(HIGHEST.search(Path("/proc/self/status").read_text())[1]) * 1024


def opened(path: Path) -> list[nn.Module]:
    """The modules of a file; a ControlNet's checkpoint is there by its sizes alone."""
    file = ModelFile(path, path.name, "0" * 64)
    if path.stem in KINDS:
        model = load_checkpoint(file)
        return [model.unet, model.vae, *(encoder.module for encoder in model.texts)]
    return [load_control_network(file, SimpleNamespace(unet=sizes_of_sd1())).module]


@cache
def sizes_of_sd1() -> UNet2DConditionModel:
    with torch.device("meta"):
        return UNet2DConditionModel(cross_attention_dim=768, attention_head_dim=8)


def touch(modules: list[nn.Module]) -> int:
    """A byte of every page of every weight, summed."""
    return sum(touched(weight) for module in modules for weight in module.parameters())


def touched(weight: Tensor) -> int:
    values = weight.detach().reshape(-1).view(torch.uint8)
    return int(values[::PAGE].sum()) + int(values[-1])


def read_through(path: Path, buffer: memoryview) -> None:
    with path.open("rb", buffering=0) as file:
        while file.readinto(buffer):
            pass
