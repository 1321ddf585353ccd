"""Two people on one server: what is one's does not exist for the other."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import pytest
from PIL import Image

from tests.servers import settled

ALICE, BOB = ("alice", "a-secret"), ("bob", "b-secret")
TINY = {"prompt": "a cat", "steps": 1, "width": 64, "height": 64, "sampler_name": "Euler", "seed": 1}


def picture(colour: str = "red") -> str:
    """A PNG file in base64."""
    file = io.BytesIO()
    Image.new("RGB", (64, 64), colour).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


def started(guarded, auth, **body):
    reply = guarded.post("/easel/v1/jobs", json={"kind": "txt2img", "fields": TINY, **body}, auth=auth)
    assert reply.status_code == 200, reply.text
    return reply.json()["job"]


def without_id(reply):
    """Status and body, but for the number that each refusal has."""
    return reply.status_code, {name: value for name, value in reply.json().items() if name != "request_id"}


@pytest.fixture(scope="module")
def alices(guarded):
    """A finished job of hers."""
    job = started(guarded, ALICE)
    assert settled(guarded, job, auth=ALICE)["state"] == "done"
    return job


def test_pictures_of_an_account_lie_in_a_folder_of_its_own(guarded, alices):
    outputs = guarded.app.flags.paths.outputs
    [saved] = guarded.app.jobs.get(alices).pictures
    assert saved.saved and Path(saved.path).is_relative_to(outputs / "alice" / "txt2img-images")
    copied = guarded.post(f"/easel/v1/jobs/{alices}/save", json={"index": 0}, auth=ALICE).json()["files"]
    assert copied and all(name.startswith("outputs/alice/log/images/") for name in copied)


def sent(guarded, auth, colour="red"):
    return guarded.post("/easel/v1/inputs", json={"image": picture(colour)}, auth=auth).json()["name"]


def from_inputs(name: str, own: str) -> dict[str, dict]:
    """Every place of a request that names a picture which was sent."""
    drawing = {**TINY, "denoising_strength": 0.5}
    return {
        "init_images": {"kind": "img2img", "fields": {**drawing, "init_images": [name]}},
        "mask": {"kind": "img2img", "fields": {**drawing, "init_images": [own], "mask": name}},
        "batch": {
            "kind": "img2img",
            "fields": {**drawing, "batch_source": "upload", "batch_sent": [{"image": own}, {"image": name}]},
        },
        "resized": {"kind": "img2img", "fields": {**drawing, "init_images": [name], "resize_by": True}},
        "extras": {"kind": "extras", "fields": {"images": [own, name], "infotexts": ["", ""]}},
    }


@pytest.mark.parametrize("place", from_inputs("", ""))
def test_the_name_of_somebody_elses_picture_says_no_more_than_a_made_up_one(guarded, place):
    hers, his, nobodys = sent(guarded, ALICE), sent(guarded, BOB, "blue"), "0" * 64 + ".png"
    refusals = [
        guarded.post("/easel/v1/jobs", json=from_inputs(name, his)[place], auth=BOB) for name in (hers, nobodys)
    ]
    assert [reply.status_code for reply in refusals] == [422, 422]
    assert without_id(refusals[0]) == without_id(refusals[1])
    accepted = guarded.post("/easel/v1/jobs", json=from_inputs(hers, hers)[place], auth=ALICE)
    assert accepted.status_code == 200, accepted.text
    assert settled(guarded, accepted.json()["job"], auth=ALICE)["state"] == "done"


def test_the_same_picture_sent_by_two_is_two_files(guarded):
    name = sent(guarded, ALICE, "green")
    assert sent(guarded, BOB, "green") == name
    found = sorted(path.parent.name for path in (guarded.app.flags.paths.cache / "inputs").rglob(name))
    assert found == ["alice", "bob"]


def test_styles_are_the_servers_and_ones_own(guarded):
    (guarded.app.flags.paths.data_dir / "styles.csv").write_text("name,prompt,negative_prompt\nOurs,warm,\n")
    own = guarded.app.data_of("alice").paths.styles_files[-1]
    own.parent.mkdir(parents=True, exist_ok=True)
    own.write_text("name,prompt,negative_prompt\nMine,a secret word,\n")
    try:
        listed = {auth: guarded.get("/sdapi/v1/prompt-styles", auth=auth).json() for auth in (ALICE, BOB)}
        assert [style["name"] for style in listed[ALICE]] == ["Ours", "Mine"]
        assert [style["name"] for style in listed[BOB]] == ["Ours"]
        offered = guarded.get("/easel/v1/choices", auth=BOB).json()["lists"]["styles"]
        assert offered == [["Ours", "Ours"]]
        bobs = {"kind": "txt2img", "fields": {**TINY, "styles": ["Mine"]}}
        refused = guarded.post("/easel/v1/jobs", json=bobs, auth=BOB)
        assert refused.status_code == 404 and "a secret word" not in refused.text
        job = started(guarded, ALICE, fields={**TINY, "styles": ["Mine"]})
        assert settled(guarded, job, auth=ALICE)["params"]["prompt"] == "a cat, a secret word"
    finally:
        own.unlink()
        (guarded.app.flags.paths.data_dir / "styles.csv").unlink()
