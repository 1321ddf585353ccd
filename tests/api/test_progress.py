"""Following and stopping jobs."""

from __future__ import annotations

import json
import threading
import time

import pytest

from modules.base.errors import DiskFull
from tests.api.test_generate import SMALL
from tests.servers import settled

SLOW = {**SMALL, "width": 128, "height": 128, "steps": 150}


def start(client, job, **fields):
    """A job in the background; returns once it is being sampled."""
    how = fields.pop("how", {})
    thread = threading.Thread(
        target=lambda: client.post("/sdapi/v1/txt2img", json={**SLOW, "force_task_id": job, **fields}, **how)
    )
    thread.start()
    for _ in range(4000):      # a busy machine loads the model slowly
        reply = client.get(f"/easel/v1/jobs/{job}", **how)
        if reply.status_code == 200 and reply.json()["step"] > 0:
            return thread
        time.sleep(0.02)
    raise AssertionError("it has not begun")


@pytest.mark.slow
def test_progress_is_told_while_a_job_runs(client):
    thread = start(client, "slow-1")
    own = client.get("/sdapi/v1/progress", params={"task_id": "slow-1"}).json()
    assert 0 < own["progress"] < 1 and own["state"]["sampling_steps"] == 150 and own["current_task"] == "slow-1"
    assert client.get("/sdapi/v1/progress").json()["state"]["job_count"] == 1
    page = client.post("/internal/progress", json={"id_task": "slow-1"}).json()
    assert page["active"] and not page["completed"]
    for _ in range(100):
        if (preview := client.get("/easel/v1/jobs/slow-1").json()["preview"]):
            break
        time.sleep(0.02)
    assert client.get(preview).headers["content-type"] == "image/jpeg"
    client.post("/sdapi/v1/interrupt")
    thread.join()
    assert settled(client, "slow-1")["state"] == "interrupted"


def test_idle_is_progress_nought(client):
    idle = client.get("/sdapi/v1/progress").json()
    assert idle["progress"] == 0 and idle["state"]["job_count"] == 0


def test_an_unknown_job_is_404_and_never_done(client):
    assert client.get("/easel/v1/jobs/none-such").status_code == 404
    assert client.get("/sdapi/v1/progress", params={"task_id": "none-such"}).status_code == 404
    assert client.post("/internal/progress", json={"id_task": "none-such"}).json()["completed"] is False


@pytest.mark.slow
def test_interrupting_keeps_what_there_is(client):
    thread = start(client, "slow-2")
    assert client.post("/easel/v1/jobs/slow-2/interrupt").status_code == 204
    thread.join()
    described = settled(client, "slow-2")
    assert described["state"] == "interrupted"
    assert [picture["saved"] for picture in described["pictures"]] == [False]


@pytest.mark.slow
def test_ones_interrupt_is_not_anothers(guarded):
    alice, bob = {"auth": ("alice", "a-secret")}, {"auth": ("bob", "b-secret")}
    thread = start(guarded, "hers", how=alice, steps=60)
    assert guarded.get("/easel/v1/jobs/hers", **bob).status_code == 404
    assert guarded.post("/easel/v1/jobs/hers/interrupt", **bob).status_code == 404
    assert guarded.post("/sdapi/v1/interrupt", **bob).status_code == 200
    assert guarded.get("/sdapi/v1/progress", **bob).json()["state"]["job_count"] == 0
    thread.join()
    described = settled(guarded, "hers", **alice)
    assert described["state"] == "done"
    assert guarded.get(described["pictures"][0]["url"], **bob).status_code == 404
    assert guarded.get(described["pictures"][0]["url"], **alice).status_code == 200


@pytest.mark.slow
def test_a_skipped_picture_is_told_and_its_job_is_done(client):
    thread = start(client, "slow-skip", steps=60, n_iter=2, width=64, height=64)
    assert client.get("/sdapi/v1/progress", params={"task_id": "slow-skip"}).json()["state"]["skipped"] is False
    assert client.post("/easel/v1/jobs/slow-skip/skip").status_code == 204
    now = client.get("/sdapi/v1/progress", params={"task_id": "slow-skip"}).json()
    assert now["state"]["skipped"] is True or now["current_task"] is None
    thread.join()
    described = settled(client, "slow-skip")
    assert (described["state"], described["made"]) == ("done", 2)
    assert [picture["whole"] for picture in described["pictures"]] == [False, True]


def test_a_full_disk_under_the_database_is_said_to_be_one(client, monkeypatch):
    """At the request, and in the midst of a job: then the picture is delivered all the same, with the reason."""
    store = client.app.jobs.store

    def full(*_):
        raise DiskFull("No space left to write easel.sqlite.", "Free some space.")

    monkeypatch.setattr(store, "add_output", full)
    reply = client.post("/sdapi/v1/txt2img", json={**SMALL, "force_task_id": "full-1"})
    assert reply.status_code == 200 and len(reply.json()["images"]) == 1
    info = json.loads(reply.json()["info"])
    assert (info["state"], "No space left" in info["error"]) == ("failed", True)
    monkeypatch.setattr(store, "add", full)
    refused = client.post("/sdapi/v1/txt2img", json=SMALL)
    assert (refused.status_code, refused.json()["error"]) == (507, "disk_full")


def test_a_picture_that_is_not_where_it_belongs_is_delivered_with_the_reason_among_the_warnings(client, monkeypatch):
    def full(*_):
        raise DiskFull("No space left to write 00000-1.png.", "Free some space.")

    monkeypatch.setattr("modules.worker.saving.saved_with_others", full)
    reply = client.post("/sdapi/v1/txt2img", json=SMALL | {"save_images": True})
    assert reply.status_code == 200 and len(reply.json()["images"]) == 1
    assert any("No space left" in warning for warning in json.loads(reply.json()["info"])["warnings"])
