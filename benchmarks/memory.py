from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import cycle, islice
from pathlib import Path
from typing import Any
from unittest import mock

import psutil

from benchmarks.checkpoints import Kind, Text, Unet, save
from benchmarks.servers import get, post, process, until
from modules.base.bootstrap import preload_allocator

# 0.3 GB in fp16, as a CPU holds them 0.6
KIND = Kind(Unet(128, context_dim=256), (Text("cond_stage_model.transformer.", width=256, layers=4),), 32)
NAMES = ("first", "second", "third")
CHANGES = 30
MIXED = tuple(
    {"width": width, "height": height, "n_iter": pictures}
    for width, height, pictures in ((64, 64, 4), (256, 192, 1), (128, 128, 2), (192, 320, 1), (320, 64, 2))
)
MIXED_JOBS = 20
MB = 2**20


def run(changes: str = str(CHANGES), jobs: str = str(MIXED_JOBS)) -> None:
    """The worker's resident memory over changes among three checkpoints, and over mixed jobs, by allocator."""
    with tempfile.TemporaryDirectory() as folder:
        write_checkpoints(Path(folder), KIND)
        for name, (flags, environ) in allocators().items():
            with mock.patch.dict(os.environ, environ), process("--nowebui", "--worker", "process", *flags,
                                                               "--ckpt-dir", folder) as (server, address):
                until(lambda: b'"loaded":"' in get(f"{address}/easel/v1/state"))
                tell(name, changed(server, address, int(changes)), mixed(server, address, int(jobs)))


def write_checkpoints(folder: Path, kind: Kind) -> None:
    """Three of one kind; each is told apart by a tensor of its own."""
    for name in NAMES:
        save(replace(kind, markers=(f"marker.{name}",)), folder / f"{name}.safetensors")


def allocators() -> Mapping[str, tuple[Sequence[str], Mapping[str, str]]]:
    """Name → flags and environment; tcmalloc where it is installed."""
    without = ("--no-tcmalloc",)
    found = {"glibc, two arenas": (without, {}),
             "glibc as it is": (without, {"MALLOC_ARENA_MAX": str(8 * (os.cpu_count() or 1))})}
    return {"tcmalloc": ((), {}), **found} if preload_allocator({}) else found


def changed(server: psutil.Process, address: str, count: int) -> list[float]:
    """Megabytes after each change of the checkpoint."""
    found = []
    for name in islice(cycle(NAMES), count):
        draw(address, {"override_settings": {"sd_model_checkpoint": name}})
        found.append(resident(server))
    return found


def mixed(server: psutil.Process, address: str, count: int) -> list[float]:
    """Megabytes after each of the jobs of several sizes, by one checkpoint."""
    found = []
    for how in islice(cycle(MIXED), count):
        draw(address, {**how, "override_settings": {"sd_model_checkpoint": NAMES[0]}})
        found.append(resident(server))
    return found


def draw(address: str, how: Mapping[str, Any]) -> None:
    body = {"prompt": "a red apple", "steps": 1, "width": 64, "height": 64, "sampler_name": "Euler", **how}
    post(f"{address}/sdapi/v1/txt2img", json.dumps(body).encode())


def resident(server: psutil.Process) -> float:
    """Of the process that holds the models."""
    return max(each.memory_info().rss for each in server.children()) / MB


def tell(name: str, changes: Sequence[float], jobs: Sequence[float]) -> None:
    first = changes[:len(NAMES)]      # each has been there once
    print(f"  {name:<18} changes: {first[-1]:.0f} MB after {len(first)}, at most {max(changes):.0f}, {changes[-1]:.0f} "
          f"after {len(changes)}; mixed jobs: {jobs[0]:.0f} after one, at most {max(jobs):.0f}, {jobs[-1]:.0f} after "
          f"{len(jobs)}", flush=True)
