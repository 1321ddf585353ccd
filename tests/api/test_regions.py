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
    masks = {"Forge Couple": {"args": [True, False, "Mask", "", "Horizontal", "First Line", 0.25, [{"mask": mask()}]]}}
    coupled = asked(client, prompt="a room\na cat", alwayson_scripts=masks).json()
    assert coupled["images"] == painted["images"]


@pytest.mark.slow
def test_what_forge_couple_asks_in_vain_is_told(client):
    hires = {"enable_hr": True, "hr_upscaler": "Latent", "hr_scale": 1.125, "denoising_strength": 0.5}
    couple = {"Forge Couple": {"args": [True, True, "Basic", "", "Horizontal", "None", 0.5]}}
    told = asked(client, prompt="a cat\na dog", alwayson_scripts=couple, **hires).json()
    assert ["disable_hr" in each for each in json.loads(told["info"])["warnings"]] == [True]
    plain = asked(client, prompt="a cat\na dog", alwayson_scripts=couple).json()
    assert not json.loads(plain["info"]).get("warnings")


def couple_args(mapping, mode="Advanced", weight=0.5):
    args = [True, False, mode, "", "Horizontal", "First Line", weight, mapping]
    return {"alwayson_scripts": {"forge couple": {"args": args}}}


@pytest.mark.parametrize(("body", "told"), [
    (couple_args([None]), "mapping cannot have None in place 0"), (couple_args([[0, 1, None, 1, 1]]), "x1, x2, y1, y2"),
    (couple_args([{"x": 1}]), "mapping"), (couple_args([5]), "mapping"), (couple_args([], "Basic", -1), "background weight"),
    (couple_args([[0, 2, 0, 1, 1]]), "right"), (couple_args([{"mask": "no picture"}], "Mask"), "1 masks for 0 lines"),
    ({"alwayson_scripts": {"Regional Prompter": {"args": [
        True, False, "Matrix", "Columns", "Mask", "Prompt", "1,1", "0.2,0.5", True, False, False, "Attention"]}},
      "prompt": "a ADDBASE b BREAK c"}, "base ratios"),
    ({"regions": [{"left": 0.5, "right": 0.5}]}, "Region 0 is empty"),
    ({"regions": [{"weight": 99}]}, "weight"),
    ({"regions": [{"mask": "no picture"}]}, "image"),
    ({"alwayson_scripts": {"Regional Prompter": {"args": [True, False, "Mask"]}}}, "Matrix"),
])
def test_a_region_that_cannot_be_is_refused_by_name(client, body, told):
    reply = asked(client, **{"prompt": "x", **body})
    assert reply.status_code == 422 and told in reply.text, reply.text
