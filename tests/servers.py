"""A real server within the test's process, on a port of its own."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx

from modules.app.workers import workers_of
from modules.base.bootstrap import listen
from modules.commands.assemble import assemble
from modules.commands.serve import Server, application, server_config
from modules.library.model_kinds import MODEL_KINDS, ModelKind
from modules.settings.flags import parse_flags
from modules.store.jobs import JobRecord
from tests.golden_data import GOLDEN


def with_tiny_model(folder: Path) -> Path:
    """A data folder whose only model is the golden one."""
    models = folder / "models/Stable-diffusion"
    models.mkdir(parents=True)
    for path in (GOLDEN / "models/Stable-diffusion").glob("tiny-sd1.*"):
        (models / path.name).write_bytes(path.read_bytes())
    shutil.copytree(GOLDEN / "models/ControlNet", folder / "models/ControlNet")
    return folder


@contextmanager
def serving(
    data: Path, *flags: str, page: bool = False, kinds: Sequence[ModelKind] = MODEL_KINDS
) -> Iterator[httpx.Client]:
    """A client of a running server, with the `page` or without; the server's parts are its `app`,
    it itself is its `server`.
    """
    parsed = parse_flags(
        [
            *(() if page else ("--nowebui",)),
            "--data-dir",
            str(data),
            "--ckpt",
            str(data / "models/Stable-diffusion/tiny-sd1.safetensors"),
            *flags,
        ],
        {},
    )
    app = assemble(parsed, kinds=kinds)
    if checkpoint := app.models.checkpoints.default():
        app.models.checkpoints.hashed(checkpoint)      # else its title would change once the worker has read it
    sock = listen("127.0.0.1", 0)
    address = f"http://127.0.0.1:{sock.getsockname()[1]}"
    server = Server(server_config(application(app, address), parsed), app.jobs.unfinished.stop_watching)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [sock]}, daemon=True)      # else pytest would wait
    thread.start()
    with httpx.Client(base_url=address, timeout=120) as client:
        client.app, client.server = app, server
        try:
            yield client
        finally:
            server.should_exit = True
            thread.join(20)
            sock.close()


SETTLING_SECONDS = 300      # of a small job on a busy machine; then it waits for ever


def ended(client: httpx.Client, job: str) -> JobRecord:
    """The record of a job once it has ended; else what its workers are."""
    unfinished = client.app.jobs.unfinished
    with unfinished.changed:
        in_time = unfinished.changed.wait_for(lambda: job not in unfinished.live, SETTLING_SECONDS)
    assert in_time, f"{job} has not ended: {unfinished.live.get(job)}, by {workers_of(client.app)}"
    return client.app.jobs.get(job)


def settled(client: httpx.Client, job: str, **how: object) -> dict:
    """The job's description once it has ended."""
    limit = time.monotonic() + SETTLING_SECONDS
    while time.monotonic() < limit:
        described = client.get(f"/easel/v1/jobs/{job}", **how).json()
        if described["state"] in ("done", "interrupted", "failed"):
            return described
        time.sleep(0.05)
    raise AssertionError(f"{job} has not ended: {described}, by {workers_of(client.app)}")
