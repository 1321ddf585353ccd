"""Pings during an attack, by a process of its own: what attacks must not delay what is measured."""

from __future__ import annotations

import http.client
import multiprocessing
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from urllib.parse import urlsplit

from benchmarks.pings import PING_SECONDS, ping


@contextmanager
def watched_pings(address: str) -> Iterator[list[float]]:
    """Seconds of each ping during the block, there at its end."""
    found: list[float] = []
    ours, theirs = multiprocessing.Pipe()
    watching = multiprocessing.get_context("spawn").Process(target=watch, args=(address, theirs), daemon=True)
    watching.start()
    ours.recv()
    try:
        yield found
    finally:
        ours.send("enough")
        found += ours.recv()
        watching.join(10)


def watch(address: str, told: Connection) -> None:
    """Ping on new connections until told to stop; an answer that does not come is none."""
    found: list[float] = []
    told.send("begun")
    while not told.poll(PING_SECONDS):
        began = time.monotonic()
        try:
            connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=30)
            ping(connection)
            connection.close()
        except (OSError, http.client.HTTPException):
            continue
        found.append(time.monotonic() - began)
    told.send(found)
