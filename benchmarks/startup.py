from __future__ import annotations

import multiprocessing
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psutil

from benchmarks.servers import get, post, process, until

JOB = b'{"prompt": "a red apple, 3d style", "width": 128, "height": 128, "steps": 20}'
BUSY = 2      # loops beside the server, where its answers are timed


def run() -> None:
    """CPU seconds of the server until it answers, until the page is there, until the first picture is;
    and the longest wait for a ping meanwhile.
    """
    for attempt in range(3):
        with process() as (server, address):
            until(lambda: get(f"{address}/internal/ping") is not None)
            first = spent(server)
            until(lambda: b"gradio" in get(address))
            page = spent(server)
            post(f"{address}/sdapi/v1/txt2img", JOB)
            print(
                f"  run {attempt + 1}: first answer {first:.2f} (goal 1–2)   page {page:.2f} (goal 4)   first picture "
                f"{spent(server):.2f} CPU s"
            )
    for attempt in range(3):
        print(f"  run {attempt + 1}, {BUSY} busy loops beside: longest ping {longest_ping() * 1000:.0f} ms (goal 250)")


def spent(server: psutil.Process) -> float:
    times = server.cpu_times()
    return times.user + times.system


def longest_ping() -> float:
    """Seconds, of all pings between the first answer and the first picture."""
    waits: list[float] = []
    with busy(BUSY), process() as (_, address):
        until(lambda: get(f"{address}/internal/ping") is not None)
        picture = threading.Thread(target=post, args=(f"{address}/sdapi/v1/txt2img", JOB))
        picture.start()
        while picture.is_alive():
            began = time.perf_counter()
            get(f"{address}/internal/ping")
            waits.append(time.perf_counter() - began)
            time.sleep(0.01)
    return max(waits)


@contextmanager
def busy(loops: int) -> Iterator[None]:
    """Processes that do nothing but compute."""
    others = [multiprocessing.Process(target=spin, daemon=True) for _ in range(loops)]
    for each in others:
        each.start()
    try:
        yield
    finally:
        for each in others:
            each.terminate()
            each.join()


def spin() -> None:
    while True:
        pass
