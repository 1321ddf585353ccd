"""Merging, converting and extracting over HTTP, names confined to the model folders."""

from __future__ import annotations

import time

import pytest

from modules.params.merge import Merge, merged_name
from modules.requests.merge import shortened


def made(client, address, **body):
    chore = client.post(f"/easel/v1/{address}", json=body)
    assert chore.status_code == 200, chore.text
    return ended(client, chore.json())


def ended(client, chore):
    for _ in range(600):
        found = client.get(f"/easel/v1/chores/{chore['id']}").json()
        if found["state"] not in ("queued", "running"):
            return found
        time.sleep(0.1)
    raise AssertionError(found)


def names(client):
    return [model["model_name"] for model in client.get("/sdapi/v1/sd-models").json()]


def test_a_merged_model_is_there_to_be_used(client):
    found = made(client, "merge", models=["tiny-sd1", "tiny-sd1"], multiplier=0.5, name="half and half")
    assert (found["state"], found["result"]) == ("done", {"name": "half and half.safetensors"})
    assert "half and half" in names(client)
    cards = client.get("/easel/v1/cards", params={"kind": "checkpoint", "search": "half and"}).json()["cards"]
    assert [each["name"] for each in cards] == ["half and half"]
    reply = client.post("/sdapi/v1/txt2img", json={"steps": 1, "width": 64, "height": 64, "override_settings": {"sd_model_checkpoint": "half and half"}})
    assert reply.status_code == 200 and "Model: half and half" in reply.json()["info"]


def test_a_converted_model_is_half_as_large(client):
    assert made(client, "convert", model="tiny-sd1", precision="bf16")["result"] == {"name": "tiny-sd1-bf16.safetensors"}


def test_what_does_not_differ_gives_no_lora_and_says_so(client):
    found = made(client, "extract-lora", tuned="tiny-sd1", base="tiny-sd1")
    assert found["state"] == "failed" and "do not differ" in found["error"]["message"]


@pytest.mark.parametrize("name", ["../evil", "/tmp/evil", "a/b", "..\\x", "nul\x00", ".hidden", "x" * 300, "\u65e5" * 90, "\u202etxt", "end."])
def test_a_result_cannot_leave_its_folder(client, name):
    reply = client.post("/easel/v1/merge", json={"models": ["tiny-sd1"], "method": "No interpolation", "name": name})
    assert reply.status_code == 422 and "name" in reply.text


def test_an_existing_file_is_not_overwritten(client):
    reply = client.post("/easel/v1/convert", json={"model": "tiny-sd1", "name": "tiny-sd1"})
    assert reply.status_code == 422 and "already" in reply.text


@pytest.mark.parametrize("name", ["foo.vae", "foo.preview", "foo.preview.x"])
def test_what_no_list_of_checkpoints_would_show_is_no_name_for_one(client, name):
    reply = client.post("/easel/v1/convert", json={"model": "tiny-sd1", "name": name})
    assert reply.status_code == 422 and "cannot be called" in reply.text


def test_of_two_that_wait_for_one_name_the_second_overwrites_nothing(client):
    body = {"models": ["tiny-sd1", "tiny-sd1"], "name": "wanted twice"}
    first, second = (client.post("/easel/v1/merge", json=body).json() for _ in range(2))
    assert ended(client, first)["state"] == "done"
    assert "already" in ended(client, second)["error"]["message"]


def test_a_yaml_that_belongs_to_another_file_is_kept(client):
    config = client.app.models.checkpoints.roots[0] / "older.yaml"
    config.write_text("mine")
    reply = client.post("/easel/v1/merge", json={"models": ["tiny-sd1", "tiny-sd1"], "name": "older"})
    assert reply.status_code == 422 and "older.yaml already" in reply.text and config.read_text() == "mine"


def test_a_name_nobody_chose_is_never_too_long():
    """Longer by two sources of the longest names a file system takes."""
    name = merged_name(Merge(models=("a", "b")), ["\u65e5" * 80, "\u672c" * 80])
    assert len(name.encode()) > 255 >= len(f"{shortened(name)}.safetensors".encode()) and name.startswith(shortened(name))


@pytest.mark.parametrize("name", ["../../x.ckpt", "/etc/passwd", "nothing"])
def test_an_unknown_model_is_named(client, name):
    reply = client.post("/easel/v1/merge", json={"models": [name, "tiny-sd1"]})
    assert reply.status_code == 404


def test_somebody_elses_chore_does_not_exist(guarded):
    chore = guarded.post("/easel/v1/convert", json={"model": "tiny-sd1", "name": "mine"}, auth=("alice", "a-secret")).json()["id"]
    assert guarded.get(f"/easel/v1/chores/{chore}", auth=("bob", "b-secret")).status_code == 404
