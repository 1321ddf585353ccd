from __future__ import annotations

from collections.abc import Callable
from functools import partial
from statistics import median

import numpy as np
import torch

from benchmarks.jobs import mixed, one_by_one, together
from benchmarks.measure import alternating, report
from benchmarks.model import SIDE, random_model, ready_device
from modules.models.checkpoint.loader import LoadedModel

GOALS = {torch.float32: "≥ 1.5", torch.bfloat16: "≥ 1.8"}
ROWS = (2, 16)      # of bare calls: a picture with its negative prompt alone, and a full call
SHARE = 0.92        # of what bare calls gain


def run() -> None:
    """Eight jobs of mixed samplers, steps and CFG one after another ÷ together, beside what bare UNet calls gain;
    what company does to a picture.
    """
    torch.set_num_threads(1)
    for dtype, goal in GOALS.items():
        print(f" {dtype}")
        if not computes_in(dtype):
            print("  not measured: this CPU has no such arithmetic, and would take half an hour without it")
            continue
        model = random_model(dtype)
        device = ready_device(model)
        alone, joint = one_by_one(device, mixed()), together(device, mixed())
        difference = max(int(np.abs(a.astype(int) - b.astype(int)).max()) for a, b in zip(alone, joint, strict=True))
        few, many = (f"bare calls of {rows} rows" for rows in ROWS)
        sides = {
            "one after another": lambda d=device: one_by_one(d, mixed()),
            "together": lambda d=device: together(d, mixed()),
        }
        seconds = alternating(sides | dict(zip((few, many), bare_calls(model), strict=True)), rounds=3)
        gain = report(seconds, "one after another", "together", goal)
        bare = median(a / b for a, b in zip(seconds[few], seconds[many], strict=True))
        print(
            f"  {few} ÷ of {ROWS[1]}, as many rows = {bare:.3f}; share of that gain reached {gain / bare:.3f}, goal ≥ "
            f"{SHARE}"
        )
        print(f"  largest difference of a pixel: {difference} of 255, goal ≤ 1")



def computes_in(dtype: torch.dtype) -> bool:
    """True if the CPU has instructions for it, as oneDNN finds them."""
    return dtype != torch.bfloat16 or torch.ops.mkldnn._is_mkldnn_bf16_supported()


def bare_calls(model: LoadedModel) -> list[Callable[[], None]]:
    """As many rows of the UNet by small calls and by large ones."""
    return [partial(call, model, rows, 4 * max(ROWS) // rows) for rows in ROWS]


@torch.inference_mode()
def call(model: LoadedModel, rows: int, times: int) -> None:
    x, context = torch.randn(rows, 4, SIDE // 8, SIDE // 8), torch.randn(rows, 77, 256)
    dtype = next(model.unet.parameters()).dtype
    for _ in range(times):
        model.unet(x.to(dtype), torch.full((rows,), 500.0), encoder_hidden_states=context.to(dtype), return_dict=False)
