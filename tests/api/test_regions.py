"""Regional prompts over the API."""

from __future__ import annotations

import base64
import io
import json

import pytest
from PIL import Image

SMALL = {"steps": 1, "width": 64, "height": 64, "seed": 1, "sampler_name": "Euler"}


def asked(client, **body):
    return client.post("/sdapi/v1/txt2img", json={**SMALL, **body})


def mask():
    file = io.BytesIO()
    Image.new("L", (8, 8), 255).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


@pytest.mark.slow
def test_regions_and_other_programs_arguments_make_the_same_picture(client):
    own = [{"prompt": "a cat", "right": 0.5}, {"prompt": "a dog", "left": 0.5}]
    reply = asked(client, prompt="a room", regions=own, region_base=0.2).json()
    couple = {"forge couple": {"args": [True, "Basic", "", "Horizontal", "First Line", 0.25]}}
    again = asked(client, prompt="a room\na cat\na dog", alwayson_scripts=couple).json()
    assert again["images"] == reply["images"] and not json.loads(again["info"]).get("warnings")
    [text] = json.loads(reply["info"])["infotexts"]
    told = client.post("/easel/v1/read-infotext", json={"text": text, "tab": "txt2img"}).json()
    assert [each["prompt"] for each in told["fields"]["regions"]] == ["a cat", "a dog"] and not told["unknown"]
    painted = asked(client, prompt="a room", regions=[{"prompt": "a cat", "mask": mask()}]).json()
    assert painted["parameters"]["regions"][0]["mask"] is None


@pytest.mark.parametrize(("body", "told"), [
    ({"regions": [{"left": 0.5, "right": 0.5}]}, "Region 0 is empty"),
    ({"regions": [{"weight": 99}]}, "weight"),
    ({"regions": [{"mask": "no picture"}]}, "image"),
    ({"alwayson_scripts": {"Regional Prompter": {"args": [True, False, "Mask"]}}}, "Matrix"),
])
def test_a_region_that_cannot_be_is_refused_by_name(client, body, told):
    reply = asked(client, prompt="x", **body)
    assert reply.status_code == 422 and told in reply.text, reply.text
