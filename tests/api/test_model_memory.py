"""The memory of models, freed and filled again: by A1111's routes, for the administrator alone."""

from __future__ import annotations

import hashlib

import pytest

from modules.engine.messages import READY, WorkerHealth
from tests.servers import serving, with_tiny_model

AUTH = {"ann": ("ann", "a-secret"), "bob": ("bob", "b-secret")}


class Keeper:
    """A worker that notes which checkpoint it is to keep loaded."""

    def __init__(self, emit):
        self.emit, self.kept = emit, []

    def start(self):
        self.emit(WorkerHealth("", READY))

    def keep_loaded(self, checkpoint):
        self.kept.append(checkpoint)

    def stop(self):
        pass


@pytest.fixture
def client(tmp_path, monkeypatch):
    made = []
    monkeypatch.setattr("modules.commands.assemble.worker_of", lambda app, emit: made.append(Keeper(emit)) or made[0])
    with serving(with_tiny_model(tmp_path), "--api-auth", ",".join(map(":".join, AUTH.values()))) as found:
        found.kept = lambda: made[0].kept
        yield found


@pytest.mark.slow
def test_the_administrator_frees_the_memory_of_models_and_fills_it_again(client):
    checkpoint = client.app.models.checkpoints.default()
    content = checkpoint.path.read_bytes()
    for route in ("unload-checkpoint", "reload-checkpoint"):
        assert client.post(f"/sdapi/v1/{route}", auth=AUTH["bob"]).status_code == 403
        reply = client.post(f"/sdapi/v1/{route}", auth=AUTH["ann"])
        assert (reply.status_code, reply.json()) == (200, {})
    assert client.kept() == ["", hashlib.sha256(content).hexdigest()]
