"""How long `/internal/ping` takes, asked by a process of its own, so that no other client's work is measured."""

from __future__ import annotations

import http.client
import time
from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

PING_SECONDS = 0.25      # between two


def pings(address: str, seconds: float) -> Mapping[str, Sequence[float]]:
    """Milliseconds of each answer, on a connection that is kept and on new ones."""
    place = urlsplit(address).netloc
    kept = http.client.HTTPConnection(place, timeout=30)
    found: dict[str, list[float]] = {"kept": [], "fresh": []}
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found["kept"].append(ping(kept))
        fresh = http.client.HTTPConnection(place, timeout=30)
        found["fresh"].append(ping(fresh))
        fresh.close()
        time.sleep(PING_SECONDS)
    kept.close()
    return found


def ping(connection: http.client.HTTPConnection) -> float:
    began = time.perf_counter()
    connection.request("GET", "/internal/ping")
    reply = connection.getresponse()
    reply.read()
    if reply.status != 200:
        raise ConnectionError(f"/internal/ping answered {reply.status}")
    return (time.perf_counter() - began) * 1000


def percentile(values: Sequence[float], share: float) -> float:
    return sorted(values)[min(int(len(values) * share), len(values) - 1)]
