"""Freed memory goes back to the system: allocators keep much of what large objects leave behind."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import sys
from pathlib import Path

import psutil

# tcmalloc's, and glibc's where that is not loaded
RELEASING = (("MallocExtension_ReleaseFreeMemory", ()), ("malloc_trim", (0,)))

# what a container may have, by its control group: memory, and swap beside it
GROUP_LIMITS = ("memory.max", "memory.swap.max")
CONTROL_GROUPS = Path("/sys/fs/cgroup")


def system_memory(groups: Path = CONTROL_GROUPS) -> int:
    """Return the bytes of memory and swap that this process may have, by the system and its container."""
    there = psutil.virtual_memory().total, psutil.swap_memory().total
    return sum(map(min, there, [group_limit(groups / name) for name in GROUP_LIMITS]))


def group_limit(path: Path) -> float:
    """Return a limit of a control group; infinity if there is none."""
    with contextlib.suppress(OSError, ValueError):
        return int(path.read_text())      # ValueError: "max"
    return float("inf")


def release_memory() -> None:
    """Free objects that refer to each other in a circle, as a model's parts do, and return all free memory."""
    gc.collect()
    return_free_memory()


def return_free_memory() -> str:
    """Return the allocator's free memory to the system.

    Returns the function of the allocator that did it, "" if there is none. Linux only.
    """
    if not sys.platform.startswith("linux"):
        return ""
    process = ctypes.CDLL(None)
    for name, arguments in RELEASING:
        if release := getattr(process, name, None):
            release(*arguments)
            return name
    return ""
