"""ControlNet over the API: the extension's arguments and routes."""

from __future__ import annotations

import base64
import io
import json

import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from modules.models.annotators.lineart import LineDrawer
from tests.golden_data import GOLDEN

SHAPES = base64.b64encode((GOLDEN / "inputs/cn_shapes.png").read_bytes()).decode()
SMALL = {"steps": 2, "width": 64, "height": 64, "seed": 1, "sampler_name": "Euler", "prompt": "a red circle"}
UNIT = {"module": "canny", "model": "tiny_control_canny [e95b407b]", "processor_res": 64, "image": SHAPES}


def asked(client, *units, name="ControlNet", to="txt2img", **more):
    scripts = {name: {"args": list(units)}}
    return client.post(f"/sdapi/v1/{to}", json={**SMALL, "alwayson_scripts": scripts, **more})


def made(client, *units, **more):
    reply = asked(client, *units, **more)
    assert reply.status_code == 200, reply.text
    return reply.json()


@pytest.mark.slow
def test_a_picture_follows_its_unit_and_comes_with_the_map(client):
    plain = client.post("/sdapi/v1/txt2img", json=SMALL).json()
    reply = made(client, UNIT)
    assert len(plain["images"]) == 1 and len(reply["images"]) == 2 and reply["images"][0] != plain["images"][0]
    drawn = Image.open(io.BytesIO(base64.b64decode(reply["images"][1])))
    with Image.open(GOLDEN / "images/controlnet/canny/1.png") as canny:
        assert drawn.tobytes() == canny.convert("RGB").tobytes()
    [text] = json.loads(reply["info"])["infotexts"]
    assert 'ControlNet 0: "Module: canny, Model: tiny_control_canny [e95b407b], Weight: 1.0' in text
    assert reply["parameters"]["control"][0]["image"] is None


@pytest.mark.slow
def test_without_units_that_are_on_the_picture_is_the_plain_one(client):
    plain = client.post("/sdapi/v1/txt2img", json=SMALL).json()["images"]
    off = made(client, UNIT | {"enabled": False}, {"image": SHAPES}, {})["images"]
    assert off == plain


def estimated(client, unit, x_type, x_values):
    arguments = {"x_type": x_type, "x_values": x_values}
    script = {"name": "X/Y/Z plot", "arguments": arguments}
    sent = client.post("/easel/v1/inputs", json={"image": SHAPES}).json()["name"]
    fields = {**SMALL, "control": [{**unit, "image": sent}]}
    return client.post("/easel/v1/jobs/estimate", json={"kind": "txt2img", "fields": fields, "script": script})


def test_a_plots_cells_need_what_their_units_need_and_no_more(client):
    reference = {"module": "reference_only"}
    assert estimated(client, reference, "CFG Scale", "3, 4").json()["pictures"] == 2
    refused = estimated(client, UNIT, "[ControlNet] Preprocessor", "canny, depth_midas")
    assert refused.status_code == 422 and "depth_midas" in refused.text


@pytest.mark.slow
def test_img2img_gives_its_own_picture(client):
    unit = {name: value for name, value in UNIT.items() if name != "image"}
    reply = made(client, unit, to="img2img", init_images=[SHAPES], name="controlnet", denoising_strength=0.9)
    assert len(reply["images"]) == 2
    bare = made(client, unit, to="img2img", init_images=[SHAPES], override_settings={"control_net_no_detectmap": True})
    assert len(bare["images"]) == 1


@pytest.mark.parametrize(("unit", "told"), [
    ({"model": "no_such_model"}, "no_such_model"), ({"module": "cany"}, "cany"), ({"weight": 9}, "weight"),
    ({"image": None}, "unit 0 has no picture"), ({"model": "None", "enabled": True}, "unit 0 has no model"),
    ({"guidance_start": 0.8, "guidance_end": 0.2}, "guidance_end"), ({"image": "aGVsbG8="}, "picture"),
    ({"module": "depth_midas"}, "dpt_hybrid-midas-501f0c75.pt"), ({"control_mode": "more"}, "control_mode"),
    ({"ipadapter_input": ["gAJ9cQAu"]}, "ipadapter_input"), ({"ipadapter_input": "gAJ9cQAu"}, "Send the picture"),
])
def test_a_unit_that_cannot_be_is_refused_by_name(client, unit, told):
    reply = asked(client, UNIT | unit)
    assert reply.status_code in (404, 422) and told in reply.text, reply.text


def test_units_that_are_off_are_not_looked_at(client):
    """A sampler is refused after the units were read."""
    off = [UNIT | {"enabled": False, "module": "cany"}, UNIT | {"enabled": False, "model": "no_such_model"}]
    wrong = {"sampler_name": "no such sampler"}
    assert "no such sampler" in asked(client, *off, *[{}] * 10, **wrong).text
    reply = asked(client, *[UNIT] * 11, **wrong)
    assert reply.status_code == 422 and "at most 10" in reply.text and "Disable some" in reply.text


def test_null_is_a_unit_that_is_off_and_the_others_keep_their_numbers(client):
    assert "unit 1 has no picture" in asked(client, None, UNIT | {"image": None}).text


@pytest.mark.parametrize("args", [[True, "canny", "model"], "canny", [[1]]])
def test_arguments_by_place_are_refused_in_words(client, args):
    reply = client.post("/sdapi/v1/txt2img", json={**SMALL, "alwayson_scripts": {"controlnet": {"args": args}}})
    assert reply.status_code == 422 and "list of units" in reply.text


def test_the_lists_that_clients_poll(client):
    assert client.get("/controlnet/version").json() == {"version": 3}
    assert client.get("/controlnet/settings").json() == {"control_net_unit_count": 3}
    models = client.get("/controlnet/model_list?update=true").json()["model_list"]      # what ships is among them
    assert "tiny_control_canny [e95b407b]" in models
    modules = client.get("/controlnet/module_list").json()
    assert modules["module_detail"]["canny"]["sliders"][1]["name"] == "Low Threshold"
    assert modules["module_detail"]["hed"]["why"][0].startswith("The preprocessor softedge_hed needs ControlNetHED.pth")
    assert "which Easel does not run" in modules["module_detail"]["dw_openpose_full"]["why"][0]
    assert not modules["module_detail"]["canny"]["why"]
    assert "softedge_pidinet" in client.get("/controlnet/module_list?alias_names=true").json()["module_list"]
    types = client.get("/controlnet/control_types").json()["control_types"]
    assert types["Canny"] == {
        "module_list": ["none", "canny", "invert (from white bg & black line)"],
        "model_list": ["None", *(name for name in models if "canny" in name)],
        "default_option": "canny", "default_model": next(name for name in models if "canny" in name),
    }
    assert types["Depth"]["default_model"] == "None"


def test_detect_makes_the_map_alone(client):
    body = {"controlnet_module": "canny", "controlnet_input_images": [SHAPES], "controlnet_processor_res": 128}
    reply = client.post("/controlnet/detect", json=body).json()
    drawn = Image.open(io.BytesIO(base64.b64decode(reply["images"][0])))
    with Image.open(GOLDEN / "controlnet-api/canny-cn_shapes-128-100-200-0.png") as canny:
        assert reply["info"] == "Success" and drawn.tobytes() == canny.tobytes()


@pytest.mark.slow
def test_a_networks_map_is_there_once_its_file_is(client):
    body = {"controlnet_module": "lineart", "controlnet_input_images": [SHAPES], "controlnet_processor_res": 64}
    assert "sk_model.pth" in client.post("/controlnet/detect", json=body).text
    assert "sk_model.pth" in made_refused(client, UNIT | {"module": "lineart"})
    path = client.app.models.of("annotator").roots[-1] / "sk_model.safetensors"
    path.parent.mkdir(exist_ok=True)
    torch.manual_seed(1)
    save_file(LineDrawer().state_dict(), path)
    try:
        assert client.get("/controlnet/module_list").json()["module_detail"]["lineart"]["needs"] == ""
        reply = client.post("/controlnet/detect", json=body).json()
        drawn = Image.open(io.BytesIO(base64.b64decode(reply["images"][0])))
        assert reply["poses"] == [] and drawn.size == (64, 64)
        pictures = made(client, UNIT | {"module": "lineart"})["images"]
        assert Image.open(io.BytesIO(base64.b64decode(pictures[1]))).tobytes() == drawn.convert("RGB").tobytes()
    finally:
        path.unlink()


def made_refused(client, unit):
    reply = asked(client, unit)
    assert reply.status_code == 422
    return reply.text


@pytest.mark.parametrize(("body", "told"), [
    ({"controlnet_module": "nosuch"}, "Module not available"), ({"controlnet_module": "hed"}, "ControlNetHED.pth"),
    ({"controlnet_module": "canny"}, "No image selected"),
    ({"controlnet_module": "inpaint_only", "controlnet_input_images": [SHAPES]}, "requires `controlnet_masks`"),
    ({"controlnet_module": "inpaint_only+lama", "controlnet_input_images": [SHAPES]}, "ControlNetLama.pth"),
    ({"controlnet_module": "canny", "controlnet_input_images": ["aGVsbG8="]}, "picture"),
])
def test_detect_refuses_as_the_extension_does(client, body, told):
    reply = client.post("/controlnet/detect", json=body)
    assert reply.status_code == 422 and told in reply.text


def pose_of(points=54, **more):
    people = [{"pose_keypoints_2d": [0.5, 0.5, 1] * (points // 3)}]
    return {"canvas_width": 64, "canvas_height": 48, "people": people, **more}


def test_a_pose_is_drawn_at_its_canvas(client):
    empty = {"people": [], "canvas_width": 32, "canvas_height": 16, "animals": []}
    reply = client.post("/controlnet/render_openpose_json", json=[pose_of(), empty])
    shown, black = (Image.open(io.BytesIO(base64.b64decode(each))) for each in reply.json()["images"])
    assert reply.json()["info"] == "Success" and shown.size == (64, 48) and black.size == (32, 16)
    assert shown.getpixel((32, 24)) != (0, 0, 0) and not black.getbbox()
    assert json.loads(shown.info["openpose"])["people"] == pose_of()["people"]


@pytest.mark.parametrize(("pose", "told"), [
    (pose_of(75), "18 points"), (pose_of(canvas_width=0), "canvas_width"),
    (pose_of(canvas_height=10**6), "4096"),
    (pose_of(people=[{"hand_left_keypoints_2d": [1e9] * 63}]), "hand_left_keypoints_2d"),
    (pose_of(people=[{}] * 21), "20"),
])
def test_a_pose_that_is_none_is_refused_naming_what_is_wrong(client, pose, told):
    reply = client.post("/controlnet/render_openpose_json", json=[pose])
    assert reply.status_code == 422 and told in reply.text
