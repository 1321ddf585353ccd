"""A1111's `modules.sd_hijack_optimizations`: kinds of attention. Which is used, Easel's flags say."""

from __future__ import annotations

from typing import Any

import torch


def get_available_vram() -> int:
    """Return the bytes of memory that a model may use for attention."""
    import psutil

    if not torch.cuda.is_available():
        return int(psutil.virtual_memory().available)
    free, _ = torch.cuda.mem_get_info()
    return int(free)


def get_xformers_flash_attention_op(q: Any, k: Any, v: Any) -> None:
    """Return None: xformers chooses itself."""
    return
