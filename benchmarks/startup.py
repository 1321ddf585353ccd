from __future__ import annotations

import psutil

from benchmarks.servers import get, post, process, until

JOB = b'{"prompt": "a red apple, 3d style", "width": 128, "height": 128, "steps": 20}'


def run() -> None:
    """CPU seconds of the server until it answers, until the page is there, until the first picture is."""
    for attempt in range(3):
        with process() as (server, address):
            until(lambda: get(f"{address}/internal/ping") is not None)
            first = spent(server)
            until(lambda: b"gradio" in get(address))
            page = spent(server)
            post(f"{address}/sdapi/v1/txt2img", JOB)
            print(f"  run {attempt + 1}: first answer {first:.2f} (goal 1–2)   page {page:.2f} (goal 4)   first picture {spent(server):.2f} CPU s")


def spent(server: psutil.Process) -> float:
    times = server.cpu_times()
    return times.user + times.system
