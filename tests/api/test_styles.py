"""Styles over the API: changed by their owner, shared ones by an administrator, found again in pasted data."""

from __future__ import annotations

import base64
import json

import pytest

from modules.prompts.styles import Style, write_styles
from tests.api.test_isolation import ALICE, BOB

DATA = "a cat, in ink\nNegative prompt: photo\nSteps: 1, Sampler: Euler, CFG scale: 7, Seed: 1, Size: 64x64"
INK = {"name": "ink", "prompt": "in ink", "negative_prompt": "photo"}


def names(reply):
    return [style["name"] for style in reply.json()["styles"]]


@pytest.fixture
def emptied(client):
    yield client
    if there := names(client.get("/easel/v1/styles")):
        client.post("/easel/v1/styles/delete", json={"names": there})


def test_styles_are_saved_ordered_imported_applied_and_listed_as_in_a1111(emptied):
    assert names(emptied.post("/easel/v1/styles", json=INK)) == ["ink"]
    file = base64.b64encode(json.dumps([{"name": "oil", "prompt": "{prompt}, oil"}]).encode()).decode()
    reply = emptied.post("/easel/v1/styles/import", json={"name": "x.json", "content": file}).json()
    assert reply["added"] == ["oil"] and reply["styles"][1]["category"] == "x"
    assert names(emptied.post("/easel/v1/styles/order", json={"names": ["oil", "ink"]})) == ["oil", "ink"]
    applied = emptied.post("/easel/v1/styles/apply", json={"prompt": "a cat", "styles": ["oil", "ink"]}).json()
    assert applied == {"prompt": "a cat, oil, in ink", "negative_prompt": "photo"}
    assert emptied.get("/sdapi/v1/prompt-styles").json()[1] == INK
    assert emptied.post("/easel/v1/styles", json=INK).status_code == 409
    assert emptied.get("/easel/v1/styles/preview?name=ink").status_code == 404


@pytest.mark.parametrize(("how", "prompt", "keeps", "styles"), [
    ("Apply if any", "a cat", False, ["ink"]), ("Apply", "a cat", False, ["ink"]),
    ("Discard", "a cat", True, None), ("Ignore", "a cat, in ink", True, None),
])
def test_pasted_data_choose_styles_as_the_setting_says(emptied, how, prompt, keeps, styles):
    emptied.post("/easel/v1/styles", json=INK)
    emptied.post("/sdapi/v1/options", json={"infotext_styles": how})
    found = emptied.post("/easel/v1/read-infotext", json={"text": DATA, "tab": "txt2img"}).json()
    emptied.post("/sdapi/v1/options", json={"infotext_styles": "Apply if any"})
    assert (found["fields"]["prompt"], found["keeps_styles"], found["fields"].get("styles")) == (prompt, keeps, styles)


def test_styles_of_an_account_are_its_own(guarded):
    guarded.post("/easel/v1/styles", json={**INK, "name": "hers"}, auth=ALICE)
    assert "hers" not in names(guarded.get("/easel/v1/styles", auth=BOB))
    hers = guarded.app.data_of("alice").paths.styles_files[-1]
    assert hers.parent.name == "alice" and b"hers" in hers.read_bytes()
    shared = guarded.app.flags.paths.styles_files[0]
    write_styles(shared, [Style("everybody's")])
    found = {style["name"]: style["editable"] for style in guarded.get("/easel/v1/styles", auth=ALICE).json()["styles"]}
    assert found["hers"] and names(guarded.get("/easel/v1/styles", auth=BOB)) == ["everybody's"]
