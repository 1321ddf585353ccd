"""A worker that died again and again: told, and started again by the administrator."""

from __future__ import annotations

import time

import pytest

from modules.engine.messages import BROKEN, READY, WorkerHealth, WorkerState
from tests.servers import serving, with_tiny_model

AUTH = {"ann": ("ann", "a-secret"), "bob": ("bob", "b-secret")}


class LeftAlone:
    """A worker that is down until somebody wants it back."""

    def __init__(self, emit):
        self.emit, self.tried = emit, 0

    def start(self):
        self.emit(WorkerState("", error="The worker died 6 times in a row (SIGSEGV)."))
        self.emit(WorkerHealth("", BROKEN, 6, 240.0, "SIGSEGV"))

    def try_again(self):
        self.tried += 1
        self.emit(WorkerState(""))
        self.emit(WorkerHealth("", READY))

    def submit(self, spec):
        pass

    def stop(self):
        pass


@pytest.fixture
def client(tmp_path, monkeypatch):
    monkeypatch.setattr("modules.commands.assemble.worker_of", lambda app, emit: LeftAlone(emit))
    with serving(with_tiny_model(tmp_path), "--api-auth", ",".join(map(":".join, AUTH.values()))) as found:
        while found.app.jobs.worker is None:
            time.sleep(0.01)
        yield found


def draw(client):
    body = {"kind": "txt2img", "fields": {"prompt": "a cat", "steps": 1, "width": 64, "height": 64}}
    return client.post("/easel/v1/jobs", json=body, auth=AUTH["bob"])


def state(client, person):
    return client.get("/easel/v1/state", auth=AUTH[person]).json()


@pytest.mark.slow
def test_new_jobs_are_refused_until_the_administrator_starts_it_again(client):
    refused = draw(client)
    assert (refused.status_code, refused.json()["error"]) == (503, "busy")
    assert 200 < int(refused.headers["Retry-After"]) <= 240
    assert (state(client, "ann")["keeper"], state(client, "bob")["keeper"]) == (True, False)
    assert state(client, "bob")["worker"]["phase"] == BROKEN and 200 < state(client, "bob")["worker"]["retry"] <= 240
    assert client.post("/easel/v1/worker/try_again", auth=AUTH["bob"]).status_code == 403
    assert client.app.jobs.worker.tried == 0
    assert client.post("/easel/v1/worker/try_again", auth=AUTH["ann"]).status_code == 204
    assert client.app.jobs.worker.tried == 1 and state(client, "bob")["worker"] == {"phase": READY, "retry": 0}
    assert draw(client).status_code == 200
    assert "started the worker again" in str(client.app.authenticator.store.audit(5))
