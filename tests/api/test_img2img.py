"""img2img as A1111's clients ask for it."""

from __future__ import annotations

import base64
import io
import json

import numpy as np
import pytest
from PIL import Image

from tests.golden_data import GOLDEN

PICTURE = base64.b64encode((GOLDEN / "inputs/init_a.png").read_bytes()).decode()
MASK = base64.b64encode((GOLDEN / "inputs/mask_circle.png").read_bytes()).decode()
SMALL = {"steps": 4, "width": 64, "height": 64, "seed": 1, "sampler_name": "Euler a", "prompt": "a red circle"}


def made(client, **body):
    reply = client.post("/sdapi/v1/img2img", json={**SMALL, **body})
    assert reply.status_code == 200, reply.text
    return reply.json()


def pixels(reply):
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(reply["images"][0]))).convert("RGB")).astype(int)


@pytest.mark.slow
def test_the_reply_is_a1111s(client):
    reply = made(client, init_images=[PICTURE], denoising_strength=0.5)
    assert (reply["parameters"]["init_images"], reply["parameters"]["mask"]) == (None, None)
    assert "Denoising strength: 0.5" in json.loads(reply["info"])["infotexts"][0]
    assert made(client, init_images=[PICTURE], include_init_images=True)["parameters"]["init_images"] == [PICTURE]


@pytest.mark.slow
def test_a_data_address_is_a_picture_too(client):
    plain, address = (
        made(client, init_images=[image], denoising_strength=0.4)
        for image in (PICTURE, f"data:image/png;base64,{PICTURE}")
    )
    assert np.array_equal(pixels(plain), pixels(address))


def test_outside_the_mask_nothing_changes(client):
    """Original content, no blur: what is black in the mask is the picture itself."""
    before = np.asarray(Image.open(GOLDEN / "inputs/init_a.png").convert("RGB").resize((64, 64))).astype(int)
    mask = np.asarray(Image.open(GOLDEN / "inputs/mask_circle.png").convert("L").resize((64, 64)))
    after = pixels(
        made(
            client,
            init_images=[PICTURE],
            mask=MASK,
            mask_blur=0,
            inpainting_fill=1,
            inpaint_full_res=False,
            denoising_strength=0.9,
        )
    )
    assert np.array_equal(after[mask == 0], before[mask == 0])
    assert not np.array_equal(after[mask == 255], before[mask == 255])


def test_soft_inpainting_is_an_always_on_script(client):
    scripts = {"Soft Inpainting": {"args": [True, 1, 0.5, 4, 0, 0.5, 2]}}
    reply = made(client, init_images=[PICTURE], mask=MASK, denoising_strength=0.7, alwayson_scripts=scripts)
    assert "Soft inpainting enabled: True" in json.loads(reply["info"])["infotexts"][0]


@pytest.mark.parametrize(("body", "status"), [
    ({}, 422), ({"init_images": []}, 422), ({"init_images": ["!!!"]}, 422), ({"init_images": ["aGVsbG8="]}, 422),
    ({"init_images": [PICTURE] * 1000}, 422), ({"init_images": ["http://127.0.0.1/x.png"]}, 422),
    ({"init_images": [PICTURE], "mask": "aGVsbG8="}, 422), ({"init_images": [PICTURE], "denoising_strength": 2}, 422),
])
def test_what_is_no_picture_is_refused(client, body, status):
    reply = client.post("/sdapi/v1/img2img", json={**SMALL, **body})
    assert reply.status_code == status, reply.text


@pytest.mark.slow
def test_masks_are_returned_after_their_pictures_as_in_a1111(client):
    masked = {
        "init_images": [PICTURE],
        "mask": MASK,
        "denoising_strength": 0.9,
        "n_iter": 2,
        "force_task_id": "with-masks",
    }
    reply = made(client, **masked, override_settings={"return_mask": True, "return_mask_composite": True})
    images = [Image.open(io.BytesIO(base64.b64decode(each))) for each in reply["images"]]
    assert [image.mode for image in images] == ["RGB", "RGB", "RGBA"] * 2
    assert ["parameters" in image.info for image in images] == [True, False, False] * 2
    assert len(json.loads(reply["info"])["infotexts"]) == 2
    pictures = client.get("/easel/v1/jobs/with-masks").json()["pictures"]
    shown = [client.get(url).content for picture in pictures for url in (picture["url"], *picture["returned"])]
    assert shown == [base64.b64decode(each) for each in reply["images"]]
    assert client.get(f"{pictures[0]['url']}/returned/2").status_code == 404
    assert client.get(f"{pictures[0]['url']}/returned/-1").status_code == 422
