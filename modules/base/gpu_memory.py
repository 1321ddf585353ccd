"""The first GPU's memory, by the torch that this process has imported."""

from __future__ import annotations

import sys
from typing import Any

UNAVAILABLE = {"error": "unavailable"}
MEMORY_KINDS = {
    "active": "active_bytes",
    "allocated": "allocated_bytes",
    "reserved": "reserved_bytes",
    "inactive": "inactive_split_bytes",
}


def gpu_memory() -> dict[str, Any]:
    """Return A1111's figures; without torch, or without a GPU, `UNAVAILABLE`. Imports nothing."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_available():
        return UNAVAILABLE
    free, total = torch.cuda.mem_get_info()
    stats = torch.cuda.memory_stats()
    kinds = MEMORY_KINDS.items()
    figures = {name: {"current": stats[f"{key}.all.current"], "peak": stats[f"{key}.all.peak"]} for name, key in kinds}
    return {
        "system": {"free": free, "used": total - free, "total": total},
        **figures,
        "events": {"retries": stats["num_alloc_retries"], "oom": stats["num_ooms"]},
    }
