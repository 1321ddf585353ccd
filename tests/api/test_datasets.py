"""Data sets over HTTP: made, filled, looked at, edited; plans and batches before a training."""

from __future__ import annotations

import base64
import io
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from modules.base.accounts import LOCAL_OWNER
from modules.base.streams import stream
from modules.imaging.control.maps import MapOptions, canny_map
from modules.imaging.dataset.samples import load_sample
from modules.params.training import Training
from modules.requests.training_data import data_set_of
from tests.training.conftest import draw_zorbs

ALICE, BOB = ("alice", "a-secret"), ("bob", "b-secret")


@pytest.fixture
def zorbs(client):
    """A data set of three pictures with captions, gone afterwards."""
    folder = client.post("/easel/v1/datasets", json={"name": "zorbs"}).json()["folder"]
    draw_zorbs(client.app.data_of(LOCAL_OWNER).paths.datasets / "zorbs" / "drawn", count=3)
    place = client.app.data_of(LOCAL_OWNER).paths.datasets / "zorbs"
    for path in (place / "drawn").iterdir():
        path.rename(place / path.name)
    (place / "drawn").rmdir()
    yield folder
    client.post("/easel/v1/datasets/delete", json={"folder": folder})


def picture(colour: str = "red", size: tuple[int, int] = (40, 24)) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size, colour).save(file, "PNG")
    return file.getvalue()


def sent(client, folder: str, name: str, content: bytes, **more):
    return client.post(
        "/easel/v1/datasets/files", params={"folder": folder, "name": name}, content=content,
        headers={"Content-Type": "application/octet-stream"}, **more,
    )


def view(client, folder: str) -> dict:
    return client.get("/easel/v1/datasets/view", params={"folder": folder}).json()


def captions(client, folder: str) -> dict[str, str]:
    return {each["picture"]: each["caption"] for each in view(client, folder)["pictures"]}


def test_pictures_that_are_sent_stay_as_they_are_and_overwrite_none(client, zorbs):
    content = picture()
    names = [sent(client, zorbs, name, content).json()["picture"] for name in ("my cat.jpeg", "my cat.png", "../../0?.webp")]
    assert names == ["my cat.png", "my cat-2.png", "0_.png"]
    found = client.get("/easel/v1/datasets/picture", params={"folder": zorbs, "picture": "my cat.png", "whole": True})
    assert found.content == content
    small = client.get("/easel/v1/datasets/picture", params={"folder": zorbs, "picture": "my cat.png"})
    assert Image.open(io.BytesIO(small.content)).format == "JPEG"
    assert sent(client, zorbs, "a.png", b"no picture").status_code == 422
    assert client.get("/easel/v1/datasets/picture", params={"folder": zorbs, "picture": "../../config.json"}).status_code in (403, 404)
    listed = {each["folder"]: each["pictures"] for each in client.get("/easel/v1/datasets").json()}
    assert listed[zorbs] == 6


def test_captions_are_edited_over_many_pictures_and_undone(client, zorbs):
    before = captions(client, zorbs)
    change = {"folder": zorbs, "pictures": ["0.png", "2.png"], "add": ["best"], "find": "a zorb", "replace": "one zorb"}
    told = client.post("/easel/v1/datasets/tags", json=change).json()
    assert told["before"] == {name: before[name] for name in ("0.png", "2.png")}
    assert captions(client, zorbs) == before | {
        "0.png": "one zorb on a white background, best", "2.png": "one zorb on a teal background, best"
    }
    assert dict(view(client, zorbs)["tags"])["best"] == 2
    client.post("/easel/v1/datasets/captions", json={"folder": zorbs, "captions": told["before"]})
    assert captions(client, zorbs) == before
    client.post("/easel/v1/datasets/captions", json={"folder": zorbs, "captions": {"1.png": ""}})
    [other] = [each for each in view(client, zorbs)["pictures"] if each["picture"] == "1.png"]
    assert (other["caption"], other["source"]) == ("zorbs", "class words") and other["tokens"] >= 1
    wrong = client.post("/easel/v1/datasets/captions", json={"folder": zorbs, "captions": {"9.png": "x", "0.png": "y"}})
    assert wrong.status_code == 404 and captions(client, zorbs)["0.png"] == before["0.png"]


def test_changes_of_tags_at_the_same_time_all_remain(client, zorbs):
    def add(number):
        names = list(captions(client, zorbs))
        return client.post("/easel/v1/datasets/tags", json={"folder": zorbs, "pictures": names, "add": [f"tag{number}"]})

    with ThreadPoolExecutor(8) as threads:
        assert {reply.status_code for reply in threads.map(add, range(8))} == {200}
    tags = {f"tag{number}" for number in range(8)}
    assert all(tags <= set(text.split(", ")) for text in captions(client, zorbs).values())


def test_captions_go_back_into_the_file_they_came_from(client, zorbs):
    place = client.app.data_of(LOCAL_OWNER).paths.datasets / "zorbs"
    (place / "metadata.jsonl").write_text('{"file_name": "0.png", "text": "old", "mark": 1}\n{"file_name": "1.png", "text": "one"}\n')
    client.post("/easel/v1/datasets/captions", json={"folder": zorbs, "captions": {"0.png": "new"}})
    assert '"mark": 1' in (place / "metadata.jsonl").read_text()
    assert [captions(client, zorbs)[name] for name in ("0.png", "1.png")] == ["new", "one"]
    assert (place / "0.txt").read_text() == "a zorb on a white background"


def test_pictures_are_removed_with_their_captions(client, zorbs):
    place = client.app.data_of(LOCAL_OWNER).paths.datasets / "zorbs"
    assert client.post("/easel/v1/datasets/remove", json={"folder": zorbs, "pictures": ["1.png"]}).status_code == 204
    assert sorted(path.name for path in place.iterdir()) == ["0.png", "0.txt", "2.png", "2.txt"]


def test_a_plan_shows_what_becomes_of_each_picture(client, zorbs):
    sent(client, zorbs, "wide.png", picture("blue", (100, 50)))
    sent(client, zorbs, "copy.png", picture("blue", (100, 50)))
    plan = client.post("/easel/v1/train/plan", json={"fields": {
        "train_data_dir": zorbs, "resolution": "64", "train_batch_size": 2, "max_train_steps": 30,
    }}).json()
    pictures = plan["pictures"]
    [wide] = [each for each in pictures["placed"] if each["picture"] == "wide.png"]
    assert (wide["size"], wide["bucket"], wide["scaled"]) == ([100, 50], [88, 40], [88, 44]) and wide["crop"] == [0, 2]
    assert {tuple(each["size"]): each["pictures"] for each in pictures["buckets"]} == {(64, 64): 3, (88, 40): 2}
    assert [(each["code"], each["picture"]) for each in pictures["problems"]] == [("duplicate", "wide.png")]
    assert "5 pictures, batch 2 → 3 steps an epoch" in pictures["sum"] and pictures["steps"] == 30
    assert plan["where"]["network_dim"] == "default of LoRA" and plan["values"]["network_dim"] == 16
    assert plan["where"]["max_train_steps"] == "your choice" and 'train_data_dir = "' in plan["toml"]


@pytest.mark.parametrize(("text", "values"), [
    ("[network]\nnetwork_dim = 8\nlearning_rte = 0.1", {"network_dim": 8}),
    ('{"LoRA_type": "Standard", "max_resolution": "512,512", "epoch": 3, "network_dim": 8}', {"network_dim": 8, "max_train_epochs": 3}),
    ("accelerate launch train_network.py \\\n --network_dim 8 --output_name zorb", {"network_dim": 8, "output_name": "zorb"}),
    ('{"learn_rate": "0.005:100, 1e-3", "data_root": "x", "steps": 7}', {"learning_rate": "0.005:100, 1e-3", "max_train_steps": 7}),
    ('{"training_method": "LORA", "lora_rank": 8}', {"network_dim": 8}),
    ("lora_unet:\n  - lr: 1e-4\n    rank: 8\n    layers: ['']", {"network_dim": 8}),
])
def test_a_pasted_file_of_any_tool_is_translated_and_shown(client, text, values):
    plan = client.post("/easel/v1/train/plan", json={"configs": [{"text": text}], "fields": {"seed": 4}}).json()
    assert {name: plan["values"][name] for name in values} == values and plan["values"]["seed"] == 4
    assert plan["pictures"] is None and plan["missing"]["message"]
    if "rte" in text:
        assert "Did you mean 'learning_rate'" in plan["unknown"][0]


def test_a_batch_is_the_one_that_a_step_is_trained_with(client, zorbs):
    fields = {"train_data_dir": zorbs, "resolution": "32", "seed": 7, "flip_aug": True, "shuffle_caption": True, "train_batch_size": 2}
    told = client.post("/easel/v1/train/batch", json={"fields": fields, "step": 3}).json()
    assert (told["epoch"], len(told["pictures"])) == (2, 1)
    place = client.app.data_of(LOCAL_OWNER).paths.datasets / "zorbs"
    data = data_set_of(Training(**fields | {"train_data_dir": str(place)}), 512)
    [trained] = data.batches(stream(7, "order", 1))[1]
    sample, [shown] = load_sample(trained, stream(7, "picture", 3, 0)), told["pictures"]
    assert (shown["name"], shown["flipped"]) == (trained.path.name, sample.flipped)
    pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(shown["image"]))), float)
    assert np.abs(pixels - np.asarray(sample.image, float)).mean() < 12      # JPEG
    assert shown["caption"] == trained.caption_at(stream(7, "caption", 3, 0), 3, 2) and shown["map"] is None
    followed = {"fields": fields | {"method": "controlnet"}, "step": 3}
    [shown] = client.post("/easel/v1/train/batch", json=followed).json()["pictures"]
    lines = np.asarray(Image.open(io.BytesIO(base64.b64decode(shown["map"]))), float)
    assert np.abs(lines - canny_map(np.asarray(sample.image), MapOptions(32, 100, 200))).mean() < 12


def test_members_have_data_sets_only_if_they_may_train_and_each_its_own(guarded):
    assert guarded.get("/easel/v1/datasets", auth=BOB).status_code == 403
    before = guarded.app.settings.current.members_train
    guarded.app.settings.change(**{"members_train": True})
    try:
        for who in (ALICE, BOB):
            folder = guarded.post("/easel/v1/datasets", json={"name": "mine"}, auth=who).json()["folder"]
        assert sent(guarded, folder, "a.png", picture(), auth=ALICE).status_code == 200
        assert [each["pictures"] for each in guarded.get("/easel/v1/datasets", auth=BOB).json()] == [0]
        hers = guarded.app.data_of("alice").paths.datasets / "mine"
        for named in (str(hers), "datasets/../alice/mine", "/etc", "datasets/../../config.json"):
            reply = guarded.get("/easel/v1/datasets/view", params={"folder": named}, auth=BOB)
            assert reply.status_code == 403, named
            plan = guarded.post("/easel/v1/train/plan", json={"fields": {"train_data_dir": named}}, auth=BOB).json()
            assert plan["pictures"] is None and "shared" in plan["missing"]["message"], named
            assert guarded.post("/easel/v1/train", json={"train_data_dir": named}, auth=BOB).status_code == 403
        sent(guarded, folder, "b.png", picture(), auth=BOB)
        (hers / "secret.txt").write_text("a secret")
        (hers / "secret.json").write_text('{"b.png": "a secret"}')
        subset = {"image_dir": folder, "metadata_file": str(hers / "secret.json")}
        for more in ({"sample_prompts": str(hers / "secret.txt")}, {"template_file": str(hers / "secret.txt")},
                     {"in_json": str(hers / "secret.json")}, {"datasets": [{"subsets": [subset]}]}):
            asked = {"train_data_dir": folder, **more}
            assert guarded.post("/easel/v1/train", json=asked, auth=BOB).status_code == 403, more
            plan = guarded.post("/easel/v1/train/plan", json={"fields": asked}, auth=BOB)
            assert "a secret" not in plan.text and plan.json()["pictures"] is None, more
        assert guarded.post("/easel/v1/datasets/delete", json={"folder": "datasets/mine"}, auth=BOB).status_code == 204
        assert (hers / "a.png").is_file()
    finally:
        guarded.app.settings.change(**{"members_train": before})


def test_a_member_s_data_sets_count_to_its_room(guarded):
    kept = {name: getattr(guarded.app.settings.current, name) for name in ("members_train", "quota_member_storage")}
    used = guarded.app.data_of("bob").outputs.bytes() // 2**20 + 1
    guarded.app.settings.change(**{"members_train": True, "quota_member_storage": used})
    try:
        folder = guarded.post("/easel/v1/datasets", json={"name": "large"}, auth=BOB).json()["folder"]
        noise = np.random.default_rng(0).integers(0, 255, (700, 700, 3), np.uint8)
        file = io.BytesIO()
        Image.fromarray(noise).save(file, "PNG")
        reply = sent(guarded, folder, "large.png", file.getvalue(), auth=BOB)
        assert reply.status_code == 429 and reply.json()["error"] == "quota"
    finally:
        guarded.post("/easel/v1/datasets/delete", json={"folder": "datasets/large"}, auth=BOB)
        guarded.app.settings.change(**kept)


@pytest.mark.parametrize("name", ["~", "${HOME}", "../x", "a/b", "nul"])
def test_a_name_that_would_surprise_is_refused(client, name):
    reply = client.post("/easel/v1/datasets", json={"name": name})
    assert reply.status_code == 422 and "cannot be called" in reply.text
