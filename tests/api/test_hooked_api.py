"""A1111's records of its hooks that are no picture's alone: routes are called on a server with extensions."""

from __future__ import annotations

import base64
import io
import json
import re
import shutil
import sys
from typing import Any

import numpy as np
import pytest
from PIL import Image

from modules.imaging.read import open_image
from tests.golden_data import GOLDEN
from tests.playing import TOLERANCE, fields
from tests.servers import serving, settled, with_tiny_model

pytestmark = pytest.mark.slow      # a server with extensions

HOOKS = GOLDEN / "hooks"
TRACE = "easel_extensions.trace.trace_hooks"


def case_of(name: str) -> dict[str, Any]:
    return json.loads((HOOKS / name / "case.json").read_text())


def in_base64(name: str) -> str:
    return base64.b64encode((GOLDEN / name.removeprefix("@")).read_bytes()).decode()


@pytest.fixture(scope="module")
def traced(tmp_path_factory):
    data = with_tiny_model(tmp_path_factory.mktemp("traced"))
    shutil.copytree(HOOKS / "trace/extension", data / "extensions/trace")
    with serving(data) as client:
        assert client.app.extensions.ready.wait(60)
        yield client


def events_of(hooks: set[str]) -> list[dict[str, Any]]:
    return [each for each in sys.modules[TRACE].EVENTS if each["hook"] in hooks]


def test_who_hears_of_pasted_data_hears_of_png_info_too(traced):
    theirs = json.loads((HOOKS / "trace-png-info/trace.json").read_text())
    before = len(events_of({"infotext_pasted"}))
    image = in_base64(case_of("trace-png-info")["payload"]["image"])
    assert traced.post("/sdapi/v1/png-info", json={"image": image}).status_code == 200
    [ours] = events_of({"infotext_pasted"})[before:]
    assert (ours["infotext"], ours["params"]) == (theirs[0]["infotext"], theirs[0]["params"])


def test_who_hears_before_tokens_are_counted_hears_what_a1111_tells(traced):
    theirs = json.loads((HOOKS / "trace-token-counter/trace.json").read_text())
    before = len(events_of({"before_token_counter"}))
    asked = ("prompt", "steps", "styles", "is_positive")
    (traced.app.data_of("local").paths.styles_files[0]).write_text(
        "name,prompt,negative_prompt\nsuffix,\"{prompt}, best\",blurry\n"
    )
    counted = [traced.post("/easel/v1/tokens", json={key: each[key] for key in asked}).json() for each in theirs]
    ours = events_of({"before_token_counter"})[before:]
    assert [[each[key] for key in asked] for each in ours] == [[each[key] for key in asked] for each in theirs]
    shown = [re.search(r"(\d+)/(\d+)", text) for text in case_of("trace-token-counter")["html"]]
    assert [(each["tokens"], each["limit"]) for each in counted] == [(int(m[1]), int(m[2])) for m in shown]


def test_arguments_of_scripts_are_read_from_generation_data(traced):
    case = case_of("trace-infotext")
    theirs = json.loads((HOOKS / "trace-infotext/trace.json").read_text())
    begun = len(sys.modules[TRACE].EVENTS)
    reply = traced.post(case["endpoint"], json=case["payload"]).json()
    told = json.loads((HOOKS / "trace-infotext/result.json").read_text())
    assert [fields(text) for text in json.loads(reply["info"])["infotexts"]] == [
        fields(text) for text in told["infotexts"]
    ]
    hooks = {each["hook"] for each in theirs} & {"process_batch", "postprocess_image", "post_sample", "before_process_batch"}
    ours = [each for each in sys.modules[TRACE].EVENTS[begun:] if each["hook"] in hooks]
    assert [(each["hook"], each.get("args")) for each in ours] == [
        (each["hook"], each.get("args")) for each in theirs if each["hook"] in hooks
    ]
    check_pictures("trace-infotext", reply["images"])


def test_scripts_of_extras_see_a_picture_as_in_a1111(traced):
    case = case_of("trace-extras")
    theirs = json.loads((HOOKS / "trace-extras/trace.json").read_text())
    begun = len(sys.modules[TRACE].EVENTS)
    payload = {**case["payload"], "image": in_base64(case["payload"]["image"])}
    reply = traced.post(case["endpoint"], json=payload).json()
    ours = [each for each in sys.modules[TRACE].EVENTS[begun:] if each["hook"] in {each["hook"] for each in theirs}]
    compared = ("hook", "args", "info", "shared", "extra_images", "disable_processing")
    assert [{key: each.get(key) for key in compared} for each in ours] == [
        {key: each.get(key) for key in compared} for each in theirs
    ]
    assert ours[0]["image"]["image"] == theirs[0]["image"]["image"]
    check_pictures("trace-extras", [reply["image"]])


def test_scripts_of_extras_change_pictures_and_add_others(tmp_path):
    """In order with upscaling: one before it, one after it; what they tell is in the generation data."""
    data = with_tiny_model(tmp_path)
    scripts = data / "extensions/after/scripts"
    scripts.mkdir(parents=True)
    (scripts / "after.py").write_text(AFTER)
    image = in_base64("@inputs/init_a.png")
    asked = {"imageList": [{"data": image, "name": "a"}], "upscaling_resize": 2, "upscaler_1": "Lanczos"}
    with serving(data) as client:
        assert client.app.extensions.ready.wait(60)
        reply = client.post("/sdapi/v1/extra-batch-images", json=asked).json()
        info = client.post("/sdapi/v1/png-info", json={"image": reply["images"][0]}).json()["info"]
    made, added = (open_image(base64.b64decode(each)) for each in reply["images"])
    assert made.size == (128, 128) and added.size == (32, 32)
    assert np.asarray(made.convert("L")).std() == 0      # one colour, as the script after the upscaler leaves it
    assert info.endswith("Postprocess upscaler: Lanczos, After: 128")


TINTING = """
import gradio as gr
from modules import scripts_postprocessing

class Tinting(scripts_postprocessing.ScriptPostprocessing):
    name = "Tinting"
    order = 1500

    def ui(self):
        with gr.Row():
            enable = gr.Checkbox(False, label="Tint")
            tone = gr.Dropdown(["red", "blue"], value="red", label="Tone", elem_id="tinting_tone")
        return {"enable": enable, "tone": tone}

    def process(self, pp, enable, tone):
        pp.info["Tint"] = f"{enable} {tone}"
"""


def test_what_the_page_sends_of_an_extras_scripts_controls_is_given_to_it_by_name(tmp_path):
    data = with_tiny_model(tmp_path)
    (data / "extensions/tinting/scripts").mkdir(parents=True)
    (data / "extensions/tinting/scripts/tinting.py").write_text(TINTING)
    with serving(data) as client:
        assert client.app.extensions.ready.wait(60)
        picture = client.post("/easel/v1/inputs", json={"image": white_picture()}).json()["name"]
        body = {"kind": "extras", "fields": {"images": [picture], "infotexts": [""], "upscaler_1": "Lanczos"}}
        told = [
            extras_data(client, body | {"extensions": extensions})
            for extensions in ({}, {"Tinting": [True, "blue"]})
        ]
        refused = client.post("/easel/v1/jobs", json=body | {"extensions": {"Tinting": [True, "green"]}})
    assert [text.rpartition("Tint: ")[2] for text in told] == ["None None", "True blue"]
    assert refused.status_code < 500


def white_picture() -> str:
    file = io.BytesIO()
    Image.new("RGB", (32, 32), "white").save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


def extras_data(client, body) -> str:
    """The generation data of a job's picture."""
    job = settled(client, client.post("/easel/v1/jobs", json=body).json()["job"])
    return job["pictures"][0]["infotext"]


AFTER = """
from modules import scripts_postprocessing

class After(scripts_postprocessing.ScriptPostprocessing):
    name = "After"
    order = 1500

    def process(self, pp):
        pp.info["After"] = pp.image.width
        if pp.image.width == 128:
            pp.extra_images.append(pp.image.resize((32, 32)))
        pp.image = pp.image.convert("RGB").resize((1, 1)).resize(pp.image.size)

class Fails(scripts_postprocessing.ScriptPostprocessing):
    name = "Fails"
    order = 1600

    def process(self, pp):
        raise ValueError("on purpose")
"""


def check_pictures(name: str, images: list[str]) -> None:
    told = json.loads((HOOKS / name / "result.json").read_text())
    for ours, theirs in zip(images, told["images"], strict=True):
        made = np.asarray(open_image(base64.b64decode(ours)).convert("RGB")).astype(int)
        picture = np.asarray(open_image((HOOKS / name / theirs).read_bytes()).convert("RGB")).astype(int)
        assert np.abs(made - picture).max() <= TOLERANCE


def test_names_and_styles_that_extensions_write_are_taken(tmp_path):
    """Of a file before it is saved, and of `p` before it is processed."""
    data = with_tiny_model(tmp_path)
    for name in ("save-filename", "styles-on"):
        shutil.copytree(HOOKS / name / "extension", data / "extensions" / name)
    (data / "styles.csv").write_text("name,prompt,negative_prompt\noracle style,\"masterpiece, {prompt}, detailed\",blurry\n")
    with serving(data) as client:
        assert client.app.extensions.ready.wait(60)
        set_off(client, "styles-on")
        case = case_of("save-filename")
        case["payload"]["override_settings"] |= {"return_grid": False}       # as the recorded server's settings had it
        reply = client.post(case["endpoint"], json=case["payload"]).json()
        saved = sorted(path.name for path in (data / "outputs").rglob("*-pic.png"))
        set_off(client, "save-filename")
        styled = client.post(case_of("styles-on")["endpoint"], json=case_of("styles-on")["payload"]).json()
    assert saved == sorted(path.name for path in (HOOKS / "save-filename/saved").iterdir())
    check_pictures("save-filename", reply["images"])
    check_pictures("styles-on", styled["images"])
    told = json.loads((HOOKS / "styles-on/result.json").read_text())
    assert [fields(text) for text in json.loads(styled["info"])["infotexts"]] == [fields(t) for t in told["infotexts"]]


def set_off(client, name: str) -> None:
    """Leave one extension out of the next pictures, and use the other."""
    for state in client.app.extensions.extensions:
        state.state = "off" if state.name == name else "loaded"


@pytest.fixture(scope="module")
def with_axes(tmp_path_factory):
    data = with_tiny_model(tmp_path_factory.mktemp("axes"))
    shutil.copytree(HOOKS / "own-axis/extension", data / "extensions/own-axis")
    with serving(data) as client:
        assert client.app.extensions.ready.wait(60)
        yield client


def test_an_estimate_of_a_plot_knows_the_axes_of_extensions(with_axes):
    arguments = {"x_type": "[Test] Dim", "x_values": "0.5,1", "y_type": "[Test] Tail", "y_values": "dark,bright"}
    body = {
        "kind": "txt2img", "fields": {"prompt": "a circle", "steps": 2, "width": 64, "height": 64},
        "script": {"name": "X/Y/Z plot", "arguments": arguments},
    }
    found = with_axes.post("/easel/v1/jobs/estimate", json=body).json()
    assert (found["shape"], found["pictures"], found["grid"]) == ([2, 2, 1], 4, [128, 128])
    axes = with_axes.get("/easel/v1/plots/axes/txt2img").json()
    assert {each["name"] for each in axes} > {"[Test] Dim", "[Test] Tail"}
    arguments["x_values"] = "half"
    assert with_axes.post("/easel/v1/jobs/estimate", json=body).status_code == 422
