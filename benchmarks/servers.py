"""Easel as a process of its own, with the model that ships."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from modules.base.bootstrap import listen

ROOT = Path(__file__).resolve().parents[1]


@contextmanager
def process(*flags: str) -> Iterator[tuple[psutil.Process, str]]:
    sock = listen("127.0.0.1", 0)
    port = sock.getsockname()[1]
    sock.close()
    with tempfile.TemporaryDirectory() as data:
        command = [sys.executable, "webui.py", "--skip-install", "--port", str(port), "--data-dir", data, *flags]
        running = subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ, "CI": "true"}
        )
        try:
            yield psutil.Process(running.pid), f"http://127.0.0.1:{port}"
        finally:
            running.terminate()
            running.wait(30)


def until(true: Callable[[], bool], seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if true():
                return
        except (urllib.error.URLError, ConnectionError):
            pass
        time.sleep(0.01)
    raise TimeoutError("the server did not get there")


def get(address: str, token: str = "") -> bytes:
    request = urllib.request.Request(address, headers={"Authorization": f"Bearer {token}"} if token else {})
    with urllib.request.urlopen(request, timeout=60) as reply:
        return reply.read()


def post(address: str, body: bytes) -> bytes:
    request = urllib.request.Request(address, body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=300) as reply:
        return reply.read()
