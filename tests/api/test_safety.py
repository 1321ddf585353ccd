"""The safety checker over the API: what A1111's and diffusers' clients, and Easel's own routes, are told."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path

import pytest
from PIL import Image

from modules.imaging.blur import blurred_picture
from tests.models.safety.checkers import ALWAYS, small_checker, write_checker

SMALL = {"prompt": "a red circle", "steps": 2, "width": 64, "height": 64, "seed": 11, "sampler_name": "Euler"}


@pytest.fixture(scope="module")
def checking(client):
    """The shared server while it has a checker, which flags everything."""
    folder = client.app.flags.paths.models / "safety_checker"
    files = [write_checker(folder / "model.safetensors", small_checker(ALWAYS)), folder / "config.json"]
    yield client
    for path in files:
        path.unlink()


WITHOUT_GRIDS = {"return_grid": False, "grid_save": False}


def post(client, action, **fields):
    overrides = {"override_settings": {"safety_checker_administrator": action, **WITHOUT_GRIDS}, "save_images": True}
    return client.post("/sdapi/v1/txt2img", json={**SMALL, **overrides, **fields})


def opened(encoded):
    return Image.open(io.BytesIO(base64.b64decode(encoded)))


def test_without_a_checker_the_verdict_is_null_as_in_diffusers(client):
    info = json.loads(client.post("/sdapi/v1/txt2img", json=SMALL).json()["info"])
    assert info["nsfw_content_detected"] is None
    [picture] = client.get(f"/easel/v1/jobs/{info['task_id']}").json()["pictures"]
    assert (picture["nsfw_content_detected"], picture["withheld"]) == (None, None)


@pytest.mark.slow
@pytest.mark.parametrize(("action", "withheld"), [("Mark", None), ("Blur", "blurred"), ("Refuse", "refused")])
def test_a_reply_has_as_many_pictures_as_were_asked_for_and_the_verdict_on_each(checking, action, withheld):
    plain = [opened(each) for each in post(checking, "Off", n_iter=2).json()["images"]]
    reply = post(checking, action, n_iter=2)
    assert reply.status_code == 200
    info, images = json.loads(reply.json()["info"]), [opened(each) for each in reply.json()["images"]]
    black = [Image.new("RGB", (64, 64))] * 2
    expected = {"Mark": plain, "Blur": [blurred_picture(each) for each in plain], "Refuse": black}[action]
    assert [each.tobytes() for each in images] == [each.tobytes() for each in expected]
    assert info["nsfw_content_detected"] == [True, True] and info["all_seeds"] == [11, 12]
    assert info["infotexts"] == [each.text["parameters"] for each in plain]
    assert bool(info["warnings"]) == (action != "Mark")
    job = checking.get(f"/easel/v1/jobs/{info['task_id']}").json()
    assert [(each["nsfw_content_detected"], each["withheld"]) for each in job["pictures"]] == [(True, withheld)] * 2
    assert [each["saved"] for each in job["pictures"]] == [action != "Refuse"] * 2


def test_a_job_whose_pictures_are_all_refused_ends_as_that_and_its_outputs_stay_empty(checking):
    outputs = checking.app.flags.paths.outputs
    before = set(outputs.rglob("*.png"))
    info = json.loads(post(checking, "Refuse").json()["info"])
    job = checking.get(f"/easel/v1/jobs/{info['task_id']}").json()
    assert (job["state"], job["error"]["error"], info["state"]) == ("failed", "refused", "failed")
    assert set(outputs.rglob("*.png")) == before and "refused" in info["error"]
    [kept] = checking.app.jobs.get(job["id"]).pictures
    assert not any(Image.open(Path(kept.path)).convert("RGB").tobytes())


def test_what_a_checker_is_missing_for_is_not_drawn_and_a1111s_clients_are_told(client):
    reply = post(client, "Refuse", override_settings={
        "safety_checker_administrator": "Refuse", "safety_checker_model": "gone",
    })
    assert reply.status_code == 422 and reply.json()["error"] == "model_missing"
    assert "safety_checker_administrator is Refuse" in reply.text


def test_the_setting_names_a_file_that_is_here(checking):
    reply = checking.post("/sdapi/v1/options", json={"safety_checker_model": "no such file"})
    assert reply.status_code == 422 and "safety_checker_model" in reply.text
    assert checking.post("/sdapi/v1/options", json={"safety_checker_model": "model"}).status_code == 200
    assert checking.get("/sdapi/v1/options").json()["safety_checker_model"] == "model.safetensors"
    assert checking.post("/sdapi/v1/options", json={"safety_checker_model": ""}).status_code == 200


def test_nobody_with_an_account_takes_the_check_off_a_request(guarded):
    for auth in (("alice", "a-secret"), ("bob", "b-secret")):
        body = {**SMALL, "override_settings": {"safety_checker_member": "Off", "safety_checker_administrator": "Off"}}
        reply = guarded.post("/sdapi/v1/txt2img", json=body, auth=auth)
        assert reply.status_code == 403 and "safety_checker_member" in reply.text
