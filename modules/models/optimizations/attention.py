"""Attention backends: the ways a UNet and a VAE can compute attention, under A1111's names for them.

All compute softmax(QKᵀ/√d)V (Vaswani et al. 2017, arXiv:1706.03762, §3.2.1); they differ in speed, memory and the last
bits.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import torch
from diffusers.models.attention_processor import (
    Attention,
    AttnProcessor,
    AttnProcessor2_0,
    SlicedAttnProcessor,
    XFormersAttnProcessor,
)
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from modules.models.optimizations.hypertile import Hypertiling

log = logging.getLogger(__name__)
AUTOMATIC_BACKEND = "Automatic"
NOT_MEMORY_EFFICIENT = [SDPBackend.FLASH_ATTENTION, SDPBackend.CUDNN_ATTENTION, SDPBackend.MATH]

Processor = Callable[..., Any]                                  # diffusers' attention processor
Unavailable = Callable[[torch.device, torch.dtype], str]        # returns why a backend cannot work there; "" if it can


@dataclass(frozen=True)
class AttentionBackend:
    """One way to compute attention."""

    name: str                                                   # the name in manifests
    processor: Callable[[Attention], Processor]                 # makes the processor of a layer
    unavailable: Unavailable = lambda device, dtype: ""


class NoMemoryEfficient(AttnProcessor2_0):
    """PyTorch's attention by any kernel but the memory-efficient one, whose results vary from run to run."""

    def __call__(self, *args: Any, **more: Any) -> Any:
        with sdpa_kernel(NOT_MEMORY_EFFICIENT):
            return super().__call__(*args, **more)


def xformers_unavailable(device: torch.device, dtype: torch.dtype) -> str:
    """Return why xformers cannot work, by a real call: a wheel built for another torch fails only when it is used."""
    if device.type != "cuda":
        return "xformers needs an NVIDIA GPU"
    if find_spec("xformers") is None:
        return "xformers is not installed (pip install -r requirements-gpu.txt)"
    try:
        from xformers.ops import memory_efficient_attention

        probe = torch.zeros(1, 2, 40, device=device, dtype=dtype)
        memory_efficient_attention(probe, probe, probe)
    except (ImportError, OSError, RuntimeError, ValueError) as error:
        return f"xformers does not work with this GPU or this torch ({type(error).__name__})"
    return ""


PYTORCH = AttentionBackend("scaled_dot_product", lambda layer: AttnProcessor2_0())
BACKENDS: Mapping[str, AttentionBackend] = {
    "xformers": AttentionBackend("xformers", lambda layer: XFormersAttnProcessor(), xformers_unavailable),
    "sdp-no-mem - scaled dot product without memory efficient attention": AttentionBackend(
        "scaled_dot_product, not memory-efficient", lambda layer: NoMemoryEfficient()),
    "sdp - scaled dot product": PYTORCH,
    "sub-quadratic": AttentionBackend("sliced by head", lambda layer: SlicedAttnProcessor(1)),
    "Doggettx": AttentionBackend("sliced by row", lambda layer: SlicedAttnProcessor(layer.heads)),
    "V1 - original v1": AttentionBackend("sliced by row", lambda layer: SlicedAttnProcessor(layer.heads)),
    "InvokeAI": AttentionBackend("sliced by row", lambda layer: SlicedAttnProcessor(layer.heads)),
    "None": AttentionBackend("plain", lambda layer: AttnProcessor()),
}


class AttentionChoice:
    """The choice of a backend by device and setting."""

    def __init__(self, device: torch.device, dtype: torch.dtype, preferred: str = AUTOMATIC_BACKEND) -> None:
        """preferred: what "Automatic" means, a key of BACKENDS; "Automatic" itself is PyTorch's own choice"""
        self.device, self.dtype, self.preferred = device, dtype, preferred
        self._chosen: dict[str, AttentionBackend] = {}

    def backend(self, wanted: str) -> AttentionBackend:
        """Return the backend of that name, or PyTorch's own if it cannot work here, which is logged once."""
        if wanted not in self._chosen:
            self._chosen[wanted] = self._choose(wanted)
        return self._chosen[wanted]

    def _choose(self, wanted: str) -> AttentionBackend:
        found = BACKENDS.get(self.preferred if wanted == AUTOMATIC_BACKEND else wanted, PYTORCH)
        if why := found.unavailable(self.device, self.dtype):
            log.warning("Attention by PyTorch instead of %s: %s.", found.name, why)
            return PYTORCH
        return found


class AttentionLayers:
    """The attention layers of a UNet or a VAE, all with one backend at a time."""

    def __init__(self, module: nn.Module, hypertiling: Hypertiling) -> None:
        """hypertiling: the module's own, which wraps the processors while it is on"""
        plain = (AttnProcessor, AttnProcessor2_0)  # others compute more than one text's attention
        self.layers = [
            part for part in module.modules() if isinstance(part, Attention) and type(part.processor) in plain
        ]
        self.hypertiling = hypertiling
        self.backend = PYTORCH

    def bring(self, backend: AttentionBackend) -> None:
        if backend == self.backend:
            return
        self.hypertiling.bring(None)
        for layer in self.layers:
            layer.set_processor(backend.processor(layer))
        self.backend = backend
