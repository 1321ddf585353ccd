"""Freed memory goes back to the system: allocators keep much of what large objects leave behind."""

from __future__ import annotations

import ctypes
import gc
import sys

# tcmalloc's, and glibc's where that is not loaded
RELEASING = (("MallocExtension_ReleaseFreeMemory", ()), ("malloc_trim", (0,)))


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
