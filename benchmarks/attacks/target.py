"""The server that a row attacks, three people's clients of it, and what must hold after every row."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import psutil
from PIL import Image

from benchmarks.attacks.row import Failed, Row, Start, must
from benchmarks.attacks.watch import watched_pings
from benchmarks.servers import ROOT
from tests.golden_data import GOLDEN
from tests.servers import with_tiny_model

ACCOUNTS = ("admin", "alice", "bob")      # the first one administers the server
WORKER = "modules.commands.worker_process"
TINY: Mapping[str, Any] = {
    "prompt": "a red circle", "width": 64, "height": 64, "steps": 4, "sampler_name": "Euler", "seed": 7,
}
ENDED = ("done", "failed", "interrupted")
PATIENCE = 180.0
MOST_PING = 3.0            # seconds
MORE_MEMORY = 150.0        # MB beside what there was before the row
MB = 2**20


class Target:
    """A running server with the tiny model, and what was told of it."""

    def __init__(self, data: Path, start: Start) -> None:
        self.data, self.start = with_tiny_model(data), start
        if start.networks:
            shutil.copytree(GOLDEN / "models/Lora", data / "models/Lora")
        if start.prepare:
            start.prepare(data)
        self.clients: dict[str, httpx.Client] = {}
        self.begin()
        self.reference = self.pixels(self.draw("admin"))
        for client in self.clients.values():      # the first look opens an account's library, which stays open
            client.get("/easel/v1/library")

    # Its life

    def begin(self, port: int = 0) -> None:
        """Start it, and wait until it answers."""
        flags = ["--skip-install", "--port", str(port), "--data-dir", str(self.data), "--worker", "process"]
        flags += [] if self.start.page else ["--nowebui"]
        people = ",".join(f"{name}:pw-{name}" for name in ACCOUNTS)
        flags += ["--gradio-auth", people] if self.start.accounts else []
        command = [*self.start.prefix, sys.executable, "webui.py", *flags, *self.start.flags]
        if self.start.mounts:
            command = ["unshare", "-m", "sh", "-c", f'{self.start.mounts}; exec "$@"', "sh", *command]
        environment = {**os.environ, "CI": "true", "DATA": str(self.data), **self.environment()}
        with (self.data / "server.log").open("a") as log:
            self.process = subprocess.Popen(
                command, cwd=ROOT, stdout=subprocess.PIPE, stderr=log, text=True, env=environment
            )
        assert self.process.stdout
        address = next((line.split()[-1] for line in self.process.stdout if line.startswith("Easel is at")), "")
        must(address, f"it did not start: {self.log()[-500:]}")
        self.address = address
        for name in ACCOUNTS:
            auth = (name, f"pw-{name}") if self.start.accounts else None
            self.clients[name] = httpx.Client(base_url=address, auth=auth, timeout=PATIENCE)
        wait_for(lambda: self.clients["admin"].get("/internal/ready").status_code == 200)

    def environment(self) -> dict[str, str]:
        return {name: value.replace("$DATA", str(self.data)) for name, value in self.start.environment}

    def end(self) -> None:
        for client in self.clients.values():
            client.close()
        self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    @property
    def pid(self) -> int:
        """The server's process id, also below a program that started it."""
        family = [psutil.Process(self.process.pid), *psutil.Process(self.process.pid).children(recursive=True)]
        return next(each.pid for each in family if any("webui.py" in word for word in each.cmdline()[:3]))

    def workers(self) -> list[int]:
        return [child.pid for child in psutil.Process(self.pid).children() if WORKER in child.cmdline()]

    def folder(self, name: str) -> Path:
        """A folder of the data as the server sees it, which may be mounted for it alone."""
        return Path(f"/proc/{self.pid}/root{self.data}") / name

    def log(self) -> str:
        return (self.data / "server.log").read_text(errors="replace")

    # What people do

    def draw(self, account: str, **fields: Any) -> httpx.Response:
        """Ask A1111's route for a picture."""
        return self.clients[account].post("/sdapi/v1/txt2img", json={**TINY, **fields})

    def ask(self, account: str, settings: Mapping[str, Any] | None = None, **fields: Any) -> str:
        """Start a job as the page does; its id."""
        body = {"kind": "txt2img", "fields": {**TINY, **fields}, "settings": dict(settings or {})}
        reply = self.clients[account].post("/easel/v1/jobs", json=body)
        must(reply.status_code == 200, f"a job got {reply.status_code}: {reply.text:.200}")
        return str(reply.json()["job"])

    def job(self, account: str, job: str) -> dict[str, Any]:
        reply = self.clients[account].get(f"/easel/v1/jobs/{job}")
        must(reply.status_code == 200, f"{job} got {reply.status_code}")
        found: dict[str, Any] = reply.json()
        return found

    def until_begun(self, account: str, job: str) -> None:
        wait_for(lambda: self.job(account, job)["state"] != "queued")

    def ended(self, account: str, job: str, patience: float = PATIENCE) -> dict[str, Any]:
        """The job's description once it has ended."""
        wait_for(lambda: self.job(account, job)["state"] in ENDED, patience)
        return self.job(account, job)

    def pixels(self, reply: httpx.Response) -> str:
        """A digest of the pixels of the picture in a reply."""
        must(reply.status_code == 200, f"a picture got {reply.status_code}: {reply.text:.300}")
        return digest(base64.b64decode(reply.json()["images"][0]))

    def picture(self, account: str, job: str, index: int = 0) -> bytes:
        reply = self.clients[account].get(f"/easel/v1/jobs/{job}/pictures/{index}")
        must(reply.status_code == 200, f"a picture of {job} got {reply.status_code}")
        return reply.content

    def saved_images(self) -> list[Path]:
        """The files of pictures in the outputs, without the grids of them."""
        return [path for path in (self.data / "outputs").rglob("*.png") if "-grids" not in str(path)]

    # What must hold

    def memory(self, workers: bool = True) -> float:
        """Resident megabytes of the server, and of its workers."""
        pids = [self.pid, *(self.workers() if workers else ())]
        return sum(psutil.Process(pid).memory_info().rss for pid in pids) / MB

    def usage(self) -> tuple[int, int, int]:
        """Open files, threads and children of the server."""
        server = psutil.Process(self.pid)
        return server.num_fds(), server.num_threads(), len(server.children())

    def played(self, row: Row) -> str:
        """Play the row, then look at what must hold whatever was done."""
        before, usage, logged, pid = self.memory(workers=False), self.usage(), len(self.log()), self.pid
        with watched_pings(self.address) as pings:
            evidence = row.play(self)
        if self.process.poll() is not None:      # the row has ended it
            return evidence
        worst = max(pings, default=0.0)
        must(row.calm or worst < MOST_PING, f"{evidence}; a ping took {worst:.1f} s")
        must(row.calm or self.pid == pid, "the server was replaced")
        must(row.logged or "Traceback (most" not in self.log()[logged:], f"{evidence}; a traceback in the log")
        must(self.pixels(self.draw("admin")) == self.reference, f"{evidence}; afterwards a picture is another one")
        wait_for(lambda: self.unfinished() == 0, what="the queue did not run empty")
        self.settle(before, usage)
        with closing(sqlite3.connect(self.folder("easel.sqlite"))) as db:
            must(db.execute("PRAGMA integrity_check").fetchone() == ("ok",), "the database is damaged")
        return f"{evidence}; longest ping {worst * 1000:.0f} ms"

    def unfinished(self) -> int:
        state = self.clients["admin"].get("/easel/v1/queue").json()
        return int(state["mine"]) + int(state["others"])

    def settle(self, before: float, usage: tuple[int, int, int]) -> None:
        """Within a minute memory, files and threads are about as before."""
        def settled() -> bool:
            files, threads, children = self.usage()
            return (self.memory(workers=False) <= before + MORE_MEMORY and files <= usage[0] + 10
                    and threads <= max(usage[1] + 5, 80) and children <= max(usage[2], 1))
        wait_for(settled, 90, lambda: f"{self.memory(workers=False) - before:+.0f} MB, files, threads and children "
                                      f"{usage} → {self.usage()}")


def digest(picture: bytes) -> str:
    pixels = np.asarray(Image.open(io.BytesIO(picture)).convert("RGB"))
    return hashlib.sha256(pixels.tobytes()).hexdigest()


def wait_for(
    true: Callable[[], object], seconds: float = PATIENCE, what: str | Callable[[], str] = "it did not get there"
) -> None:
    end = time.monotonic() + seconds
    while True:
        try:
            if true():
                return
        except (httpx.TransportError, psutil.NoSuchProcess):
            pass
        if time.monotonic() > end:
            raise Failed(what if isinstance(what, str) else what())
        time.sleep(0.1)


@contextmanager
def seconds_of() -> Iterator[Callable[[], float]]:
    """How long the block has taken."""
    began = time.monotonic()
    end: list[float] = []
    yield lambda: (end[0] if end else time.monotonic()) - began
    end.append(time.monotonic())


def refusal(reply: httpx.Response) -> str:
    """The status and the code of a refusal."""
    try:
        return f"{reply.status_code} {reply.json().get('error')}"
    except json.JSONDecodeError:
        return f"{reply.status_code} {reply.text:.80}"
