from __future__ import annotations

import numpy as np
import torch

from benchmarks.jobs import mixed, one_by_one, together
from benchmarks.measure import alternating, report
from benchmarks.model import random_model, ready_device

GOALS = {torch.float32: "≥ 1.5", torch.bfloat16: "≥ 1.8"}


def run() -> None:
    """Eight jobs of mixed samplers, steps and CFG one after another ÷ together, and what company does to a picture."""
    torch.set_num_threads(1)
    for dtype, goal in GOALS.items():
        print(f" {dtype}")
        device = ready_device(random_model(dtype))
        alone, joint = one_by_one(device, mixed()), together(device, mixed())
        difference = max(int(np.abs(a.astype(int) - b.astype(int)).max()) for a, b in zip(alone, joint, strict=True))
        sides = {"one after another": lambda d=device: one_by_one(d, mixed()), "together": lambda d=device: together(d, mixed())}
        report(alternating(sides, rounds=3), "one after another", "together", goal)
        print(f"  largest difference of a pixel: {difference} of 255, goal ≤ 1")
