"""From the first answer to the first picture no route fails, whatever is being imported meanwhile."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Event

import httpx
import pytest

from tests.e2e.conftest import free_port
from tests.servers import with_tiny_model

ROOT = Path(__file__).resolve().parents[2]
JOB = {"prompt": "a red circle", "steps": 2, "width": 64, "height": 64}
PATIENCE = 300      # seconds, on a busy machine
PAUSE = 0.05        # between two questions, which else would take most of what the start needs
PAGE = ("/", "/config", "/docs", "/easel/static/favicon.svg")
STREAM = "text/event-stream; charset=utf-8"


@contextmanager
def starting(data: Path) -> Iterator[httpx.Client]:
    """A client of a server process that has just given its first answer."""
    address, log = f"http://127.0.0.1:{free_port()}", data / "server.log"
    command = [
        sys.executable,
        "webui.py",
        "--skip-install",
        "--data-dir",
        data,
        "--port",
        address.rpartition(":")[2],
        "--use-cpu",
        "all",
    ]
    with log.open("wb") as out, httpx.Client(base_url=address, timeout=PATIENCE) as client:
        process = subprocess.Popen(
            command, cwd=ROOT, stdout=out, stderr=subprocess.STDOUT, env={**os.environ, "CI": "true"}
        )
        try:
            until = time.monotonic() + PATIENCE
            while not answers(client):
                assert process.poll() is None and time.monotonic() < until, log.read_text(errors="replace")
                time.sleep(0.02)
            yield client
        finally:
            process.terminate()
            process.wait(60)


def answers(client: httpx.Client) -> bool:
    try:
        return client.get("/internal/ping").status_code == 200
    except httpx.TransportError:
        return False


def asked(address: httpx.URL, paths: list[str], stop: Event) -> list[tuple[str, int]]:
    """What failed, asking one path after another over one kept-alive connection until `stop`."""
    failed = []
    with httpx.Client(base_url=address, timeout=PATIENCE) as client:
        while not stop.is_set():
            for path in paths:
                with client.stream("GET", path) as answer:
                    if answer.headers.get("content-type", "") != STREAM:       # which has no end
                        answer.read()
                failed += [(path, answer.status_code)] if answer.status_code >= 500 else []
                stop.wait(PAUSE)
    return failed


@pytest.mark.slow
def test_no_route_fails_between_the_first_answer_and_the_first_picture(tmp_path):
    stop = Event()
    with starting(with_tiny_model(tmp_path)) as client, ThreadPoolExecutor(3) as threads:
        described = client.get("/openapi.json").json()["paths"]
        paths = [*PAGE, *(path for path, methods in described.items() if "get" in methods and "{" not in path)]
        asking = [threads.submit(asked, client.base_url, paths[place::3], stop) for place in range(3)]
        try:
            assert client.post("/sdapi/v1/txt2img", json=JOB).status_code == 200
        finally:
            stop.set()
        assert [failure for each in asking for failure in each.result()] == []
