from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from statistics import median

import torch
from diffusers import UNet2DConditionModel

from benchmarks.measure import alternating
from benchmarks.model import random_model
from modules.models.optimizations.attention import BACKENDS, PYTORCH, AttentionLayers
from modules.models.optimizations.hypertile import Hypertiling

ROWS = (2, 16)
# where, in which precision, latent side, clock
Setting = tuple[torch.device, torch.dtype, int, Callable[[], float]]


def run() -> None:
    """A UNet call by each attention backend ÷ by PyTorch's own, and the largest difference of its answer,
    as a share of the answer's own spread.
    """
    torch.set_num_threads(1)
    device, dtype, side, clock = setting = chosen_setting()
    unet = (sd15() if device.type == "cuda" else random_model().unet).to(device, dtype).eval()
    layers = AttentionLayers(unet, Hypertiling(unet))
    usable = {name: backend for name, backend in BACKENDS.items() if not told(name, backend.unavailable(device, dtype))}
    print(f"  {device}, {dtype}, latents of {side} × {side}")
    for rows in ROWS:
        compare(layers, usable, partial(call, unet, inputs(unet, rows, setting)), clock, rows)


def chosen_setting() -> Setting:
    if torch.cuda.is_available():
        return torch.device("cuda"), torch.float16, 64, synchronised
    return torch.device("cpu"), torch.float32, 16, time.process_time


def synchronised() -> float:
    """Wall clock once the GPU has done what it was given."""
    torch.cuda.synchronize()
    return time.perf_counter()


def sd15() -> UNet2DConditionModel:
    """Stable Diffusion 1.5's UNet with random weights; diffusers' defaults but for the width of the text."""
    torch.manual_seed(0)
    return UNet2DConditionModel(sample_size=64, cross_attention_dim=768).requires_grad_(False)


def told(name: str, why: str) -> bool:
    if why:
        print(f"  {name}: not measured, {why}")
    return bool(why)


def inputs(unet: UNet2DConditionModel, rows: int, setting: Setting) -> tuple[torch.Tensor, ...]:
    device, dtype, side, _ = setting
    torch.manual_seed(0)
    shapes = ((rows, 4, side, side), (rows, 77, unet.config.cross_attention_dim))
    x, context = (torch.randn(shape).to(device, dtype) for shape in shapes)
    return x, torch.full((rows,), 500.0, device=device), context


@torch.inference_mode()
def call(unet: UNet2DConditionModel, given: tuple[torch.Tensor, ...]) -> torch.Tensor:
    x, timesteps, context = given
    return unet(x, timesteps, encoder_hidden_states=context, return_dict=False)[0].float()


def compare(
    layers: AttentionLayers, usable: dict, ask: Callable[[], torch.Tensor], clock: Callable[[], float], rows: int
) -> None:
    layers.bring(PYTORCH)
    expected = ask()
    sides = {name: partial(under, layers, backend, ask) for name, backend in usable.items()}
    seconds = alternating({"PyTorch": partial(under, layers, PYTORCH, ask), **sides}, clock=clock)
    for name, backend in usable.items():
        ratios = [a / b for a, b in zip(seconds[name], seconds["PyTorch"], strict=True)]
        off = float((under(layers, backend, ask) - expected).abs().max() / expected.std())
        label = name.partition(" - ")[0]
        print(
            f"  {rows:>3} rows  {label:<14} {median(ratios):.3f}   ({min(ratios):.3f} – {max(ratios):.3f}), off by "
            f"{off:.1e}"
        )


def under(layers: AttentionLayers, backend: object, ask: Callable[[], torch.Tensor]) -> torch.Tensor:
    layers.bring(backend)
    return ask()
