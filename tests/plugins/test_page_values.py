"""What controls hold in the page becomes a script's arguments as plain data."""

from __future__ import annotations

import io
import json

import gradio as gr
import numpy as np
from PIL import Image

from modules.plugins.page_values import PICTURE, page_arguments, with_pictures
from modules.plugins.scripts import LoadedScript


def script(*controls) -> LoadedScript:
    return LoadedScript(None, "x", "txt2img", "X", True, list(controls))


def test_values_are_as_a_function_of_the_control_gets_them():
    with gr.Blocks():
        loaded = script(
            gr.Dropdown(["a", "b"], value="a", type="index"), gr.Slider(0, 10, value=3), gr.Checkbox(value=True),
            gr.State({"hidden": 1}), gr.Radio(["p", "q"], value="p"),
        )
    assert page_arguments(loaded, ["b", 7, False, None, "q"], lambda content: "") == [1, 7, False, {"hidden": 1}, "q"]
    assert page_arguments(loaded, ["b"], lambda content: "") == [1, 3, True, {"hidden": 1}, "p"]


def test_a_choice_that_came_later_stays_as_it_is():
    with gr.Blocks():
        loaded = script(gr.Dropdown(["a"], value="a"))
    assert page_arguments(loaded, ["new"], lambda content: "") == ["new"]


def test_what_is_no_plain_data_is_none():
    with gr.Blocks():
        loaded = script(gr.State(object()), gr.Number(value=1))
    arguments = page_arguments(loaded, [None, 2], lambda content: "")
    assert arguments[1] == 2 and json.dumps(arguments)


def test_a_picture_is_kept_by_content_and_read_again(tmp_path):
    kept = {}

    def keep(content):
        kept["name.png"] = content
        return "name.png"

    Image.new("RGB", (3, 2), "red").save(path := tmp_path / "a.png")
    with gr.Blocks():
        loaded = script(gr.Image(type="pil"), gr.Image(type="numpy"))
    sent = {"path": str(path), "orig_name": "a.png", "meta": {"_type": "gradio.FileData"}}
    arguments = page_arguments(loaded, [sent, sent], keep)
    assert arguments == [{PICTURE: "name.png"}] * 2
    read = with_pictures(arguments, lambda name: Image.open(io.BytesIO(kept[name])))
    assert all(np.array_equal(np.asarray(each), np.asarray(Image.open(path))) for each in read)
