"""A1111's `modules.devices`: on what the models are computed, and in which precision."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Callable, Mapping
from typing import Any

import torch

from modules.surface.binding import bound_host

cpu = torch.device("cpu")
fp8 = False


class NansException(Exception):
    """A picture of nothing but not-a-numbers."""


def get_optimal_device_name() -> str:
    flags = bound_host().program.flags
    if {"all", "sd"} & set(flags.use_cpu) or not torch.cuda.is_available():
        return "cpu"
    return f"cuda:{flags.device_id[0]}" if flags.device_id and flags.device_id[0].isdecimal() else "cuda"


def get_optimal_device() -> torch.device:
    return torch.device(get_optimal_device_name())


def get_device_for(task: str) -> torch.device:
    return cpu if task in bound_host().program.flags.use_cpu else get_optimal_device()


def get_cuda_device_string() -> str:
    return get_optimal_device_name()


def model_dtype() -> torch.dtype:
    flags = bound_host().program.flags
    whole = get_optimal_device().type == "cpu" or flags.no_half or flags.precision == "full"
    return torch.float32 if whole else torch.float16


def has_mps() -> bool:
    return False


def has_xpu() -> bool:
    return False


def torch_gc() -> None:
    """Give memory back that nobody uses."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def autocast(disable: bool = False) -> Any:
    """A context in which torch chooses the precision of each operation, as the models are computed."""
    if disable or model_dtype() is torch.float32:
        return contextlib.nullcontext()
    return torch.autocast("cuda")


def without_autocast(disable: bool = False) -> Any:
    needed = torch.is_autocast_enabled() and not disable
    return torch.autocast("cuda", enabled=False) if needed else contextlib.nullcontext()


def cond_cast_unet(input: Any) -> Any:
    return input.to(model_dtype())


def cond_cast_float(input: Any) -> Any:
    return input.float()


def test_for_nans(x: torch.Tensor, where: str) -> None:
    """Raise NansException if there is nothing but not-a-numbers."""
    if bool(torch.isnan(x).all()):
        raise NansException(f"A tensor with all NaNs was produced in {where}.")


# name → how it is found when it is read
FOUND: Mapping[str, Callable[[], Any]] = {
    **dict.fromkeys(
        ("device", "device_interrogate", "device_gfpgan", "device_esrgan", "device_codeformer"), get_optimal_device
    ),
    **dict.fromkeys(("dtype", "dtype_vae", "dtype_unet", "dtype_inference"), model_dtype),
    "unet_needs_upcast": lambda: False,
    "force_fp16": lambda: False,
}


def __getattr__(name: str) -> Any:
    if name in FOUND:
        return FOUND[name]()
    raise AttributeError(f"module 'modules.devices' has no attribute {name!r}")
