"""Training over HTTP: begun, followed, steered, drawn with."""

from __future__ import annotations

from pathlib import Path

import pytest

from modules.store.run_folder import RunFolder
from tests.servers import settled
from tests.training.conftest import draw_zorbs

BOB = ("bob", "b-secret")
SMALL = {"max_train_steps": 4, "train_batch_size": 2, "network_dim": 2, "seed": 5, "resolution": "32",
         "network_train_unet_only": True, "validate_every_n_steps": 2, "sample_prompts": "a zorb --w 64 --h 64 --s 1"}


@pytest.fixture(autouse=True)
def nothing_stays(client):
    """The server is shared: what it learnt here is no LoRA of other tests."""
    yield
    for path in client.app.models.catalogs["lora"].roots[0].glob("zorb*"):
        path.unlink()
    client.post("/sdapi/v1/refresh-loras")


def begun(client, folder, **more) -> str:
    reply = client.post("/easel/v1/train", json={**SMALL, "train_data_dir": str(folder), **more})
    assert reply.status_code == 200, reply.text
    return reply.json()["job"]


@pytest.mark.slow
def test_a_run_is_followed_and_its_samples_are_pictures_that_their_data_give_again(client, tmp_path):
    folder = draw_zorbs(tmp_path / "zorb")
    job = begun(client, folder, output_name="zorb-api", sample_every_n_steps=2, sample_at_first=False,
                sample_prompts="a zorb --w 64 --h 64 --s 2 --d 9")
    found = settled(client, job)
    assert (found["state"], found["error"], found["step"]) == ("done", None, 0) and found["kind"] == "train"
    log = client.get(f"/easel/v1/train/{job}/log").json()
    assert [line["step"] for line in log if "loss" in line] == [0, 1, 2, 3]
    assert [line["step"] for line in client.get(f"/easel/v1/train/{job}/log?since=1").json() if "loss" in line] == [2, 3]
    assert [line["step"] for line in log if "validation" in line] == [0, 2, 4]
    names = [each["name"] for each in client.get(f"/easel/v1/train/{job}/snapshots").json()]
    assert names == ["zorb-api-step00000002.safetensors", "zorb-api.safetensors"]
    [run] = [each for each in client.get("/easel/v1/train").json() if each["job"] == job]
    assert (run["state"], run["step"], run["steps"], run["name"]) == ("done", 4, 4, "zorb-api")

    samples = client.get(f"/easel/v1/train/{job}/samples").json()
    assert [(each["step"], each["row"]) for each in samples] == [(2, 0), (4, 0)]
    drawn = settled(client, samples[1]["job"])["pictures"][0]
    again = settled(client, client.post("/easel/v1/jobs", json={"kind": "txt2img", "fields": {
        "prompt": "a zorb <lora:zorb-api:1>", "width": 64, "height": 64, "steps": 2, "seed": 9}}).json()["job"])
    first, second = (client.get(each["url"]).content for each in (drawn, again["pictures"][0]))
    assert "Lora hashes" in drawn["infotext"] and first == second


@pytest.mark.slow
def test_a_run_is_paused_asked_and_resumed(client, tmp_path):
    job = begun(client, draw_zorbs(tmp_path / "zorb"), output_name="zorb-pause", sample_every_n_epochs=100_000,
                max_train_steps=100_000)      # not done before it is paused, on no machine
    run = RunFolder(Path(client.get(f"/easel/v1/jobs/{job}").json()["params"]["run_folder"]))
    assert client.post(f"/easel/v1/train/{job}/rate", json={"value": 0.5}).status_code == 204
    assert client.post(f"/easel/v1/train/{job}/snapshot").status_code == 204
    assert client.post(f"/easel/v1/train/{job}/pause").status_code == 204
    jobs = client.app.jobs
    with jobs.unfinished.changed:
        jobs.unfinished.changed.wait_for(lambda: client.app.queue.is_paused(job) or job not in jobs.unfinished.live)
    assert client.post(f"/easel/v1/train/{job}/resume").json()["job"] == job
    assert client.post(f"/easel/v1/train/{job}/stop").status_code == 204
    assert settled(client, job)["state"] == "interrupted"
    assert client.post(f"/easel/v1/train/{job}/pause").status_code == 409
    assert [line["rate"] for line in run.log() if "rate" in line] == [0.5]


def test_what_cannot_be_trained_is_a_refusal_that_names_the_field(client, tmp_path):
    for body, words in ({"train_data_dir": str(tmp_path / "none")}, "no folder"), ({"train_dta_dir": "x"}, "train_dta_dir"), (
        {"train_data_dir": str(tmp_path)}, "no picture"
    ), ({"train_data_dir": str(tmp_path), "network_dim": 10**9}, "network_dim"):
        reply = client.post("/easel/v1/train", json=body)
        assert reply.status_code == 422 and words in reply.text, reply.text
    assert client.get("/easel/v1/train/nothing/log").status_code == 404


def test_members_train_only_if_they_are_let(guarded, tmp_path):
    reply = guarded.post("/easel/v1/train", json={"train_data_dir": str(tmp_path)}, auth=BOB)
    assert reply.status_code == 403 and "members_train" in reply.text


@pytest.mark.parametrize("field", ["no_token_padding", "block_lr", "face_crop_aug_range"])
def test_a_field_that_would_be_left_out_is_refused_by_name(client, tmp_path, field):
    reply = client.post("/easel/v1/train", json={**SMALL, "train_data_dir": str(draw_zorbs(tmp_path / "zorb")), field: "1"})
    assert reply.status_code in (400, 422) and field in reply.text


def test_networks_and_optimisers_that_are_not_here_are_refused_before_anything_begins(client, tmp_path):
    body = {**SMALL, "train_data_dir": str(draw_zorbs(tmp_path / "zorb"))}
    for more, words in ({"network_weights": "no-such"}, "no-such"), ({"base_weights": ["no-such"]}, "no-such"), (
        {"optimizer_type": "os.system"}, "optimizer_type"
    ), ({"optimizer_type": "DAdaptAdam"}, "optimizer_type"):
        reply = client.post("/easel/v1/train", json={**body, **more})
        assert reply.status_code in (404, 422) and words in reply.text, reply.text


@pytest.mark.slow
def test_three_steps_tell_time_and_memory_and_leave_nothing(client, tmp_path):
    runs = client.get("/easel/v1/train").json()
    files = list(client.app.models.catalogs["lora"].roots[0].glob("zorb*"))
    body = {**SMALL, "train_data_dir": str(draw_zorbs(tmp_path / "zorb")), "output_name": "zorb-measured", "max_train_steps": 50}
    reply = client.post("/easel/v1/train/measure", json=body)
    assert reply.status_code == 200, reply.text
    time_told, memory_told = reply.json()["told"]
    assert "50 steps take about" in time_told and memory_told.startswith("Memory: ")
    assert client.get("/easel/v1/train").json() == runs
    assert list(client.app.models.catalogs["lora"].roots[0].glob("zorb*")) == files
    assert client.post("/easel/v1/train/measure", json={**body, "train_data_dir": str(tmp_path / "none")}).status_code == 422


@pytest.mark.slow
def test_a_list_of_rates_ends_the_training_with_its_last_step(client, tmp_path):
    job = begun(client, draw_zorbs(tmp_path / "zorb"), output_name="zorb-rates", learning_rate="0.005:1, 1e-3:3",
                max_train_steps=50, sample_prompts="", validate_every_n_steps=0)
    assert settled(client, job)["state"] == "done"
    log = client.get(f"/easel/v1/train/{job}/log").json()
    assert [line["step"] for line in log if "loss" in line] == [0, 1, 2]


def test_a_word_that_stands_in_no_caption_is_refused_before_anything_begins(client, tmp_path):
    asked = {**SMALL, "train_data_dir": str(draw_zorbs(tmp_path / "zorb")), "method": "textual-inversion", "token_string": "gloop"}
    reply = client.post("/easel/v1/train", json=asked)
    assert reply.status_code == 422 and "No caption has the word 'gloop'" in reply.text
