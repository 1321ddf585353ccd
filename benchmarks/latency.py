from __future__ import annotations

import threading
import time

from benchmarks.servers import get, post, process, until

ASKED = 200
JOB = b'{"prompt": "a red apple, 3d style", "width": 128, "height": 128, "steps": 150, "n_iter": 8}'


def run() -> None:
    """How long the API takes to answer while pictures are made, in ms, beside an idle server."""
    with process("--nowebui") as (_, address):
        until(lambda: b'"loaded":"easel' in get(f"{address}/easel/v1/state"))
        for route in ("/internal/ping", "/sdapi/v1/progress?skip_current_image=true"):
            idle = waits(address + route)
            job = threading.Thread(target=post, args=(f"{address}/sdapi/v1/txt2img", JOB))
            job.start()
            time.sleep(1)
            busy = waits(address + route)
            post(f"{address}/sdapi/v1/interrupt", b"{}")
            job.join()
            print(
                f"  {route:<46} idle p95 {p95(idle):5.1f}   busy p50 {sorted(busy)[ASKED // 2]:5.1f}   p95 "
                f"{p95(busy):5.1f}   goal p95 ≤ 50"
            )


def waits(address: str) -> list[float]:
    """Milliseconds of each answer."""
    found = []
    for _ in range(ASKED):
        began = time.perf_counter()
        get(address)
        found.append((time.perf_counter() - began) * 1000)
    return found


def p95(values: list[float]) -> float:
    return sorted(values)[int(len(values) * 0.95)]
