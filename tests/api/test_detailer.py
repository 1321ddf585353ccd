"""The detailer over the API: ADetailer's arguments and routes."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from modules.api.always_on import with_own_scripts
from tests.golden_data import GOLDEN

FACE = base64.b64encode((Path(__file__).parents[1] / "models/detection/face.jpg").read_bytes()).decode()
SHAPES = base64.b64encode((GOLDEN / "inputs/cn_shapes.png").read_bytes()).decode()
SMALL = {"steps": 2, "width": 64, "height": 64, "seed": 1, "sampler_name": "Euler", "prompt": "a red circle"}
LEFT, RIGHT = [0.1, 0.25, 0.4, 0.75], [0.6, 0.25, 0.9, 0.75]
TAB = {"ad_model": "mtcnn_face", "ad_boxes": [LEFT], "ad_denoising_strength": 1.0, "ad_mask_blur": 0}


def drawn(client, *args, to="txt2img", **more):
    body = {**SMALL, "alwayson_scripts": {"ADetailer": {"args": list(args)}}, **more}
    reply = client.post(f"/sdapi/v1/{to}", json=body)
    assert reply.status_code == 200, reply.text
    images = [np.asarray(Image.open(io.BytesIO(base64.b64decode(each)))) for each in reply.json()["images"]]
    return images, json.loads(reply.json()["info"])


def asked(client, *args):
    return client.post("/sdapi/v1/txt2img", json={**SMALL, "alwayson_scripts": {"adetailer": {"args": list(args)}}})


def changed_box(one, other):
    rows, columns = np.nonzero((one != other).any(-1))
    return (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1) if len(rows) else None


@pytest.mark.slow
def test_only_what_is_found_is_painted_anew(client):
    [plain], _ = drawn(client)
    [one], info = drawn(client, True, TAB)
    left, top, right, bottom = changed_box(plain, one)
    assert 0.1 * 64 - 4 <= left < right <= 0.4 * 64 + 5 and 0.25 * 64 - 4 <= top < bottom <= 0.75 * 64 + 5
    assert "ADetailer model: mtcnn_face, ADetailer confidence: 0.3, ADetailer dilate erode: 4" in info["infotexts"][0]
    assert "ADetailer boxes: 0.1 0.25 0.4 0.75" in info["infotexts"][0]
    [both], _ = drawn(client, TAB | {"ad_boxes": [LEFT, RIGHT]})
    assert np.array_equal(both[:, :32], one[:, :32]) and changed_box(one, both)[0] >= 32
    [skipped], _ = drawn(client, TAB | {"ad_boxes": [LEFT, RIGHT], "ad_prompt": "[SKIP][SEP][PROMPT]"})
    assert np.array_equal(skipped[:, :32], plain[:, :32]) and changed_box(plain, skipped)[0] >= 32
    for off in ((False, TAB), (TAB | {"ad_tab_enable": False},), (TAB | {"ad_model": "None", "ad_boxes": []},)):
        assert np.array_equal(drawn(client, *off)[0][0], plain)


@pytest.mark.slow
def test_a_picture_comes_out_alike_in_a_batch_and_with_hires_fix(client):
    [alone], _ = drawn(client, TAB, seed=2)
    together, _ = drawn(client, TAB, batch_size=2, override_settings={"return_grid": False})
    assert np.abs(together[1].astype(int) - alone).max() <= 1
    [hires], info = drawn(client, TAB, enable_hr=True, hr_scale=2, hr_upscaler="Latent", denoising_strength=0.5)
    [plain], _ = drawn(client, enable_hr=True, hr_scale=2, hr_upscaler="Latent", denoising_strength=0.5)
    assert hires.shape == (128, 128, 3) and changed_box(plain, hires)[2] <= 0.4 * 128 + 8
    assert "Hires upscale: 2" in info["infotexts"][0]


@pytest.mark.slow
def test_img2img_may_paint_the_finds_alone_and_those_its_mask_meets(client):
    picture = np.asarray(Image.open(io.BytesIO(base64.b64decode(FACE))).convert("RGB"))
    tab = {"ad_model": "mediapipe_face_full", "ad_denoising_strength": 1.0}
    [face], info = drawn(client, True, True, tab, to="img2img", init_images=[FACE])
    left, top, right, bottom = changed_box(picture, face)
    assert face.shape == picture.shape and 10 < left < 40 and 80 < right < 120 and 10 < top < bottom < 140
    file = io.BytesIO()
    corner = Image.new("L", (64, 64))
    corner.paste(255, (58, 58, 64, 64))
    corner.save(file, "PNG")
    mask = base64.b64encode(file.getvalue()).decode()
    [kept], _ = drawn(client, True, True, tab, to="img2img", init_images=[FACE], mask=mask)
    assert np.array_equal(kept, picture)


@pytest.mark.slow
def test_finds_may_be_told_before_they_are_painted(client):
    tab = {"ad_model": "mtcnn_face"}
    [shown], info = drawn(client, tab, to="img2img", init_images=[FACE], detailer_only=True, detailer_finds=True)
    [text] = info["infotexts"]
    [box] = client.post("/easel/v1/read-infotext", json={"text": text, "tab": "img2img"}).json()["fields"]["detailer"][0]["ad_boxes"]
    assert np.abs(np.array(box) - (0.23, 0.2, 0.76, 0.78)).max() < 0.08
    assert shown.shape == (147, 126, 3)


def tabs_of(*args):
    return with_own_scripts({"alwayson_scripts": {"ADetailer": {"args": list(args)}}}).get("detailer")


def test_arguments_of_other_kinds_are_skipped_beside_a_tab():
    tab = {"ad_model": "mtcnn_face"}
    for beside in ([], ["true"], [None, "false"], [True, None], [None, False], [0], [True, False, "x"]):
        assert tabs_of(*beside, tab, *beside[2:], tab) == [tab, tab], beside
    assert tabs_of(False, tab) is None and tabs_of(False, "true", tab) is None
    assert tabs_of(tab | {"ad_tap_enable": False}) == [tab | {"ad_tab_enable": False}]
    assert tabs_of(tab | {"ad_tap_enable": False, "ad_tab_enable": True}) == [tab | {"ad_tab_enable": True}]
    for nothing in ("face_yolov8n.pt", None, 3):
        with pytest.raises(ValueError, match="a list of tabs"):
            tabs_of(nothing)


def test_a_mask_blur_wider_than_the_forms_is_taken_and_sizes_up_to_those_of_hires_fix(client):
    def refused(**tab):
        return asked(client, {"ad_model": "face_yolov9z.pt", "ad_mask_blur": 200, **tab}).text

    assert "face_yolov9z.pt" in refused(ad_steps=150, ad_inpaint_width=8192, ad_inpaint_height=2056)
    assert "blur" not in refused()
    assert "ad_steps" in refused(ad_steps=151) and "ad_inpaint_width" in refused(ad_inpaint_width=8200)


@pytest.mark.parametrize(("tab", "told"), [
    ({"ad_model": "face_yolov9z.pt"}, "face_yolov9z.pt"), ({"ad_confidence": 7}, "ad_confidence"),
    ({"ad_mask_min_ratio": 0.9, "ad_mask_max_ratio": 0.1}, "least area"), ({"ad_boxes": [[0.5, 0, 0.2, 1]]}, "empty box"),
    ({"ad_use_sampler": True, "ad_sampler": "no such"}, "no such"),
])
def test_a_tab_that_cannot_be_is_refused_by_name(client, tab, told):
    reply = asked(client, {"ad_model": "mtcnn_face", **tab})
    assert reply.status_code in (404, 422) and told in reply.text, reply.text


def test_clients_find_what_they_look_for(client):
    assert "mtcnn_face" in client.get("/adetailer/v1/ad_model").json()["ad_model"]
    assert "ad_prompt" in client.get("/adetailer/v1/schema").json()["properties"]
    assert client.get("/adetailer/v1/version").json()["version"]
