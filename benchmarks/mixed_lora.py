from __future__ import annotations

from statistics import median
from typing import Any

import numpy as np
import torch

from benchmarks.jobs import one_by_one, planned, together
from benchmarks.lora_swap import RANK, STRENGTH, TOUCHED
from benchmarks.measure import alternating, report
from benchmarks.model import CHECKPOINT, random_model, ready_device
from modules.networks.dialects import Targets
from modules.networks.formats import LoRA
from modules.networks.network import Network
from modules.pipelines.networks import Mention, PromptNetworks
from modules.pipelines.plan import Files, ImagePlan
from modules.sampling.weights import NetworkUse

LORAS, STEPS = 4, 10
JOBS = {4: "≥ 1.1", 8: "≥ 1.3"}      # how many, each of two rows


def run() -> None:
    """Jobs with four different rank-32 LoRAs, or none, one after another ÷ in shared calls,
    and what company does to a picture.
    """
    torch.set_num_threads(1)
    device = ready_device(random_model())
    device.files.network = network
    for count, goal in JOBS.items():
        print(f" {count} jobs")
        plans = [with_lora(i, i % (LORAS + 1)) for i in range(count)]
        compare(device, plans, goal)


def compare(device: Any, plans: list[ImagePlan], goal: str) -> None:
    alone, mixed = one_by_one(device, plans), together(device, plans, batch_weights=device.batch_weights)
    difference = max(int(np.abs(a.astype(int) - b.astype(int)).max()) for a, b in zip(alone, mixed, strict=True))
    sides = {
        "one after another": lambda: one_by_one(device, plans),
        "a call for each set": lambda: together(device, plans),
        "shared calls": lambda: together(device, plans, batch_weights=device.batch_weights),
    }
    seconds = alternating(sides, rounds=3)
    report(seconds, "one after another", "shared calls", goal)
    ratios = [a / b for a, b in zip(seconds["a call for each set"], seconds["shared calls"], strict=True)]
    print(
        f"  a call for each set ÷ shared calls = {median(ratios):.3f}   ({min(ratios):.3f} – {max(ratios):.3f}), goal "
        "> 1"
    )
    print(f"  largest difference of a pixel: {difference} of 255, goal ≤ 1")


def with_lora(seed: int, which: int) -> ImagePlan:
    """A picture with that LoRA; with the last, none."""
    networks = (
        PromptNetworks()
        if which == LORAS
        else PromptNetworks((Mention(f"lora {which}", "", NetworkUse(f"{which:064}", STRENGTH, STRENGTH)),))
    )
    return planned(Files(CHECKPOINT, networks=networks), seed=seed, steps=STEPS)


def network(sha256: str, targets: Targets) -> Network:
    """A random LoRA of every attention, feed-forward and projection of the UNet;
    it changes weights by about a tenth.
    """
    torch.manual_seed(int(sha256))
    shapes = {
        path: shape
        for path, shape in targets.shapes.items()
        if path.startswith("unet.") and path.removesuffix(".weight").endswith(TOUCHED)
    }
    patches = {
        path: LoRA(torch.randn(shape[0], RANK) * 0.02, torch.randn(RANK, *shape[1:]) / shape[1] ** 0.5, None, 1.0)
        for path, shape in shapes.items() if len(shape) > 1
    }
    return Network(f"lora {int(sha256)}", patches, {}, {})
