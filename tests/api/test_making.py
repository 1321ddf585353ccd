"""Merging, converting and extracting over HTTP, names confined to the model folders."""

from __future__ import annotations

import json

import pytest

from modules.params.merge import Merge, merged_name
from modules.requests.merge import shortened
from tests.servers import settled


def made(client, address, **body):
    reply = client.post(f"/easel/v1/{address}", json=body)
    assert reply.status_code == 200, reply.text
    return settled(client, reply.json()["job"])


def files_of(job):
    return [(output["kind"], output["name"]) for output in job["outputs"]]


def names(client):
    return [model["model_name"] for model in client.get("/sdapi/v1/sd-models").json()]


@pytest.mark.slow
def test_a_merged_model_is_there_to_be_used(client):
    found = made(client, "merge", models=["tiny-sd1", "tiny-sd1"], multiplier=0.5, name="half and half")
    assert (found["state"], files_of(found)) == ("done", [("model", "half and half.safetensors")])
    assert (found["kind"], found["fraction"], found["pictures"]) == ("merge", 1, [])
    assert "half and half" in names(client)
    cards = client.get("/easel/v1/cards", params={"kind": "checkpoint", "search": "half and"}).json()["cards"]
    assert [each["name"] for each in cards] == ["half and half"]
    reply = client.post(
        "/sdapi/v1/txt2img",
        json={"steps": 1, "width": 64, "height": 64, "override_settings": {"sd_model_checkpoint": "half and half"}},
    )
    assert reply.status_code == 200 and "Model: half and half" in reply.json()["info"]


@pytest.mark.slow
def test_a_converted_model_is_half_as_large(client):
    assert made(client, "convert", model="tiny-sd1", precision="bf16")["outputs"] == [
        {"index": 0, "kind": "model", "name": "tiny-sd1-bf16.safetensors", "facts": {"model_kind": "checkpoint"}}]


def test_what_does_not_differ_gives_no_lora_and_says_so(client):
    found = made(client, "extract-lora", tuned="tiny-sd1", base="tiny-sd1")
    assert found["state"] == "failed" and "do not differ" in found["error"]["message"]


@pytest.mark.parametrize(
    "name",
    ["../evil", "/tmp/evil", "a/b", "..\\x", "nul\x00", ".hidden", "x" * 300, "\u65e5" * 90, "\u202etxt", "end."],
)
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


@pytest.mark.slow
def test_of_two_that_wait_for_one_name_the_second_overwrites_nothing(client):
    body = {"models": ["tiny-sd1", "tiny-sd1"], "name": "wanted twice"}
    first, second = (client.post("/easel/v1/merge", json=body).json()["job"] for _ in range(2))
    assert settled(client, first)["state"] == "done"
    assert "already" in settled(client, second)["error"]["message"]


def test_a_yaml_that_belongs_to_another_file_is_kept(client):
    config = client.app.models.checkpoints.roots[0] / "older.yaml"
    config.write_text("mine")
    reply = client.post("/easel/v1/merge", json={"models": ["tiny-sd1", "tiny-sd1"], "name": "older"})
    assert reply.status_code == 422 and "older.yaml already" in reply.text and config.read_text() == "mine"


def test_a_name_nobody_chose_is_never_too_long():
    """Longer by two sources of the longest names a file system takes."""
    name = merged_name(Merge(models=("a", "b")), ["\u65e5" * 80, "\u672c" * 80])
    assert len(name.encode()) > 255 >= len(f"{shortened(name)}.safetensors".encode()) and name.startswith(
        shortened(name)
    )


@pytest.mark.parametrize("name", ["../../x.ckpt", "/etc/passwd", "nothing"])
def test_an_unknown_model_is_named(client, name):
    reply = client.post("/easel/v1/merge", json={"models": [name, "tiny-sd1"]})
    assert reply.status_code == 404


@pytest.mark.parametrize(("address", "field"), [("merge", "models"), ("convert", "model"), ("extract-lora", "tuned")])
def test_where_nothing_is_chosen_the_field_is_named(client, address, field):
    reply = client.post(f"/easel/v1/{address}", json={})
    assert reply.status_code == 422 and reply.json()["detail"][0]["loc"] == ["body", field]


@pytest.mark.slow
def test_what_is_made_of_models_is_a_job_like_any_other(client):
    """Begun by POST /jobs as the page does, whose precision is A1111's form's; listed, and followed by events."""
    fields = {"models": ["tiny-sd1", "tiny-sd1"], "method": "Sum of more", "more": "1.5", "name": "by the page"}
    job = client.post("/easel/v1/jobs", json={"kind": "merge", "fields": fields}).json()["job"]
    found = settled(client, job)
    assert (found["state"], found["params"]["precision"], found["params"]["more"]) == ("done", "fp16", [1.5])
    assert found["warnings"] == ["The shares are 1.5 together, so that A is in the result with -0.5."]
    assert [
        each["id"] for each in client.get("/easel/v1/jobs", params={"kinds": "merge,convert", "limit": 1}).json()
    ] == [job]
    assert all(each["kind"] == "txt2img" for each in client.get("/easel/v1/jobs", params={"kinds": "txt2img"}).json())
    events = [
        json.loads(line[6:])
        for line in client.get(f"/easel/v1/jobs/{job}/events").text.splitlines()
        if line.startswith("data: ")
    ]
    assert files_of(events[-1]) == [("model", "by the page.safetensors")]
    assert client.get(f"/easel/v1/jobs/{job}/pictures/0").status_code == 404


@pytest.mark.slow
def test_somebody_elses_merge_does_not_exist(guarded):
    job = guarded.post(
        "/easel/v1/convert", json={"model": "tiny-sd1", "name": "mine"}, auth=("alice", "a-secret")
    ).json()["job"]
    assert guarded.get(f"/easel/v1/jobs/{job}", auth=("bob", "b-secret")).status_code == 404
    assert guarded.post(f"/easel/v1/jobs/{job}/interrupt", auth=("bob", "b-secret")).status_code == 404
    assert settled(guarded, job, auth=("alice", "a-secret"))["state"] == "done"
