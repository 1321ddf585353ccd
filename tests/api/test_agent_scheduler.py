"""The queue under the names of the agent-scheduler extension, of two people: alice keeps the server."""

from __future__ import annotations

import json

import pytest

from tests.servers import settled

ALICE, BOB = ("alice", "a-secret"), ("bob", "b-secret")
SMALL = {"prompt": "a red circle", "steps": 2, "width": 64, "height": 64, "seed": 11}
QUEUE = "/agent-scheduler/v1"


def tasks(client, who=BOB):
    return client.get(f"{QUEUE}/queue", auth=who).json()


@pytest.fixture
def paused(guarded):
    """The server with a queue in which nothing begins."""
    assert guarded.post(f"{QUEUE}/queue/pause", auth=ALICE).json() == {"success": True, "message": "Queue paused."}
    yield guarded
    guarded.post(f"{QUEUE}/queue/clear", auth=BOB)
    assert guarded.post(f"{QUEUE}/queue/resume", auth=ALICE).json()["success"]


def asked(client, **fields):
    reply = client.post(f"{QUEUE}/queue/txt2img", json=SMALL | fields, auth=BOB)
    assert reply.status_code == 200, reply.text
    return reply.json()["task_id"]


def test_tasks_wait_in_the_order_that_they_are_given_and_are_their_owners(paused):
    first, second = asked(paused, checkpoint="tiny-sd1"), asked(paused, vae="None")
    found = tasks(paused)
    assert (found["paused"], found["current_task_id"], found["total_pending_tasks"]) == (True, None, 2)
    assert [(task["id"], task["status"], task["position"]) for task in found["pending_tasks"]] == [
        (first, "pending", 0), (second, "pending", 1)
    ]
    assert found["pending_tasks"][0]["type"] == "txt2img" and found["pending_tasks"][0]["params"]["steps"] == 2
    assert paused.post(f"{QUEUE}/task/{second}/run", auth=BOB).json()["success"]
    assert paused.get(f"{QUEUE}/task/{second}/position", auth=BOB).json()["data"]["position"] == 0
    assert paused.post(f"{QUEUE}/task/{second}/move/bottom", auth=BOB).json()["success"]
    assert [task["id"] for task in tasks(paused)["pending_tasks"]] == [first, second]
    assert tasks(paused, ALICE)["pending_tasks"] == []
    assert paused.delete(f"{QUEUE}/task/{first}", auth=ALICE).status_code == 404
    assert paused.delete(f"{QUEUE}/task/{first}", auth=BOB).json()["message"] == "Task deleted"
    assert [task["id"] for task in tasks(paused)["pending_tasks"]] == [second]


def test_only_the_administrator_pauses_the_queue(guarded):
    for word in ("queue/pause", "pause", "queue/resume", "resume"):
        assert guarded.post(f"{QUEUE}/{word}", auth=BOB).status_code == 403
    assert not tasks(guarded)["paused"]


def test_an_address_to_be_called_is_refused_and_named(guarded):
    reply = guarded.post(f"{QUEUE}/queue/txt2img", json=SMALL | {"callback_url": "http://127.0.0.1:1/"}, auth=BOB)
    assert reply.status_code == 422 and reply.json()["detail"][0]["loc"] == ["body", "callback_url"]


@pytest.mark.slow
def test_a_task_that_is_done_tells_its_picture_and_is_made_again(guarded):
    task = asked(guarded)
    settled(guarded, task, auth=BOB)
    told = guarded.get(f"{QUEUE}/task/{task}", auth=BOB).json()["data"]
    assert told["status"] == "done" and told["position"] is None
    [address] = json.loads(told["result"])["images"]
    [result] = guarded.get(f"{QUEUE}/results/{task}", auth=BOB).json()["data"]
    assert guarded.get(address, auth=BOB).status_code == 200 and result["infotext"].startswith("a red circle\n")
    body = {"steps": 2, "width": 64, "height": 64, "init_images": [result["image"]]}
    painted = guarded.post(f"{QUEUE}/queue/img2img", json=body, auth=BOB).json()["task_id"]
    assert settled(guarded, painted, auth=BOB)["state"] == "done"
    assert guarded.post(f"{QUEUE}/task/{task}/requeue", auth=BOB).json()["success"]
    history = guarded.get(f"{QUEUE}/history?status=done", auth=BOB).json()
    assert {task, painted} <= {each["id"] for each in history["tasks"]} and history["total"] >= 2
    assert guarded.post(f"{QUEUE}/history/clear", auth=BOB).json()["success"]
    assert guarded.get(f"{QUEUE}/task/{task}/results", auth=BOB).json()["success"]
