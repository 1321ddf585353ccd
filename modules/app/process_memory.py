"""The resident memory of the server's process and of those it started."""

from __future__ import annotations

import contextlib

import psutil


def resident_memory() -> dict[str, int]:
    """Return the resident bytes of the server and, together, of the processes it started: its workers."""
    own = psutil.Process()
    workers = 0
    for child in own.children(recursive=True):
        with contextlib.suppress(psutil.Error):      # it has ended meanwhile
            workers += child.memory_info().rss
    return {"server": own.memory_info().rss, "workers": workers}
