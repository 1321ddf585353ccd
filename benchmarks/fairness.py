from __future__ import annotations

import time
from statistics import median

import torch

from benchmarks.jobs import planned
from benchmarks.model import random_model, ready_device
from modules.engine.engine import Engine, ImageTask


def run() -> None:
    """Somebody's one picture, asked for while another's 32 are made ÷ the same picture alone, in waiting time."""
    torch.set_num_threads(1)
    device = ready_device(random_model())
    ratios = [waited(device, 32) / waited(device, 0) for _ in range(3)]
    print(f"  late ÷ alone = {median(ratios):.2f}   ({min(ratios):.2f} – {max(ratios):.2f}), goal ≤ 3")


def waited(device: object, crowd: int) -> float:
    """CPU seconds from asking to having, with a crowd under way."""
    engine = Engine(device.answer, lambda _: None)
    if crowd:
        engine.submit([ImageTask(planned(seed=i).task(), "crowd", i, "crowd", i) for i in range(crowd)])
        engine.listen()
        for _ in range(8):
            engine.step()
    late = ImageTask(planned(seed=99).task(), "late", 0, "late", 0)
    began = time.process_time()
    engine.submit([late])
    engine.listen()
    while not late.ended:
        engine.step()
    return time.process_time() - began
