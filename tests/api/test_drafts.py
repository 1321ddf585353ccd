"""Drafts over the API: an account's forms and sketches, on whichever device."""

from __future__ import annotations

import pytest

ALICE, BOB = ("alice", "a-secret"), ("bob", "b-secret")
FORM = {"values": {"prompt": "a secret fox"}, "base": {"prompt": ""}}
SKETCH = "/easel/v1/sketches/sketch.img2img.mask.0"


def kept(guarded, auth, value=FORM, device="desk", seen=0, name="form"):
    body = {"value": value, "device": device, "seen": seen}
    return guarded.post(f"/easel/v1/drafts/{name}", json=body, auth=auth)


def test_a_form_is_read_on_another_device_and_is_nobody_elses(guarded):
    written = kept(guarded, ALICE).json()
    assert written["replaced"] is None and written["device"] == "desk"
    assert guarded.get("/easel/v1/drafts/form", auth=ALICE).json()["value"] == FORM
    assert guarded.get("/easel/v1/drafts", auth=ALICE).json()["form"]["revision"] == written["revision"]
    assert guarded.get("/easel/v1/drafts/form", auth=BOB).status_code == 404
    assert guarded.get("/easel/v1/drafts", auth=BOB).json() == {}


def test_who_writes_over_another_devices_version_is_given_it(guarded):
    before = kept(guarded, BOB, device="phone", name="form.img2img").json()
    after = kept(guarded, BOB, {"values": {}}, "desk", name="form.img2img").json()
    assert after["replaced"] == {"revision": before["revision"], "changed": before["changed"], "device": "phone", "value": FORM}


def test_a_sketch_is_bytes_that_only_its_account_gets_back(guarded):
    content = b'{"file": 1}\n' + bytes(range(256))
    how = {"content": content, "params": {"device": "desk"}, "headers": {"content-type": "application/octet-stream"}}
    assert guarded.post(SKETCH, auth=ALICE, **how).status_code == 200
    found = guarded.get(SKETCH, auth=ALICE)
    assert found.content == content and found.headers["content-type"] == "application/octet-stream"
    assert guarded.get(SKETCH, auth=BOB).status_code == 404


@pytest.mark.parametrize("name", ["..", "form.txt", "sketch.img2img.mask.0", "a" * 5_000])
def test_only_forms_that_there_are_have_drafts(guarded, name):
    assert guarded.get(f"/easel/v1/drafts/{name}", auth=ALICE).status_code in (404, 405, 422)
    assert kept(guarded, ALICE, name=name).status_code in (404, 405, 422)


def test_a_draft_beyond_its_limit_is_refused(guarded):
    assert kept(guarded, ALICE, {"values": {"prompt": "a" * 2**19}}).status_code == 413
    how = {"content": bytes(2**23 + 1), "params": {"device": "desk"}}
    assert guarded.post(SKETCH, auth=ALICE, **how).status_code == 413


def test_a_server_without_accounts_leaves_drafts_to_browsers(client):
    assert client.get("/easel/v1/drafts").json() == {}
    refused = kept(client, None)
    assert refused.status_code == 409 and "browser" in refused.text
    assert client.get(SKETCH).status_code == 409
