"""The Extras tab: finished pictures made larger, one, several or a folder of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.components import Component

from modules.app.app import App
from modules.base.errors import Invalid
from modules.imaging.inputs import load
from modules.params.batch import ExtrasBatch
from modules.params.extras import BY, TO, Extras, check_sent, check_sizes
from modules.requests.batch_inputs import extras_batch
from modules.settings.options import Settings
from modules.ui.form import Form
from modules.ui.tabs import batch, generation
from modules.ui.words import Words

TAB = "extras"


def own_controls(words: Words) -> dict[str, Component]:
    """Controls for what is declared without one. The pictures themselves are sent by the scripts."""
    ways = [(words("Scale by"), BY), (words("Scale to"), TO)]
    return {
        "images": gr.JSON([], visible=False, render=False),
        "infotexts": gr.JSON([], visible=False, render=False),
        "batch_source": gr.Textbox("", visible=False, render=False),
        "resize_mode": gr.Radio(ways, value=BY, label=words("Resize mode"), elem_id="extras_resize_mode", render=False),
    }


def build(app: App, form: Form[ExtrasBatch], quick: Mapping[str, Component], words: Words) -> None:
    with gr.Column(elem_id=f"{TAB}_page"):
        with gr.Column(elem_id=f"{TAB}_settings"):
            pictures(app, form, words)
            settings(form)
        generate(words)
        generation.results(TAB)
    generation.wire(TAB, app, form, quick, recorded(app))


def pictures(app: App, form: Form[ExtrasBatch], words: Words) -> None:
    """Sent from here, or of a folder of the server."""
    with gr.Tabs(elem_id=f"mode_{TAB}"):
        with gr.Tab(words("Pictures"), id="single_image", elem_id=f"{TAB}_single_tab"):
            gr.HTML(elem_id=f"{TAB}_image", padding=False)
        with gr.Tab(words("Batch from Directory"), id="batch_from_directory", elem_id=f"{TAB}_batch_directory_tab", render_children=True):
            batch.folder_fields(form, app.flags, words)


def settings(form: Form[ExtrasBatch]) -> None:
    form.place("resize_mode")
    with gr.Column(elem_id=f"{TAB}_scale_by"):
        form.place("upscaling_resize")
    with gr.Column(elem_id=f"{TAB}_scale_to"):
        with gr.Row():
            form.place("upscaling_resize_w", "upscaling_resize_h")
        form.place("upscaling_crop")
    with gr.Row():
        form.place("upscaler_1", "upscaler_2")
    form.place("extras_upscaler_2_visibility", "gfpgan_visibility")
    with gr.Row():
        form.place("codeformer_visibility", "codeformer_weight")
    form.rest()


def generate(words: Words) -> None:
    with gr.Column(elem_id=f"{TAB}_actions_column"), gr.Row(elem_id=f"{TAB}_generate_box"):
        gr.Button(words("Interrupt"), elem_id=f"{TAB}_interrupt")
        gr.Button(words("Skip"), elem_id=f"{TAB}_skip")
        gr.Button(words("Generate"), elem_id=f"{TAB}_generate", variant="primary")


def recorded(app: App) -> Callable[[ExtrasBatch, Settings], dict[str, Any]]:
    """What a job's record says of a request. Raises Invalid, InvalidImage or UnknownName."""
    inputs = app.flags.paths.cache / "inputs"

    def record(params: ExtrasBatch, standing: Settings) -> dict[str, Any]:
        for restoring in params.restorers:
            app.models.face_restorer(restoring.name)
        named = replace(params, upscaler_1=app.models.upscaler(params.upscaler_1), upscaler_2=app.models.upscaler(params.upscaler_2))
        common = {each.name: getattr(named, each.name) for each in fields(Extras)}
        if params.batch_source:
            return common | {"batch": asdict(extras_batch(params, named, app.flags))}
        return common | pictures_sent(params, inputs)

    return record


def pictures_sent(params: ExtrasBatch, inputs: Path) -> dict[str, Any]:
    check_pictures(params)
    sizes = [load(inputs, image).size for image in params.images]
    check_sent(sizes)
    check_sizes(params, sizes)
    lists = {"images": list(params.images), "infotexts": list(params.infotexts)}
    return lists | {"batch_size": len(params.images)}      # by which the queue counts pictures


def check_pictures(params: ExtrasBatch) -> None:
    if not params.images:
        raise Invalid("There is no picture to enlarge.", "Drop one into the field first.", field="images")
    if len(params.images) != len(params.infotexts):
        raise Invalid("The pictures and their generation data do not go together.", "Choose the pictures again.", field="infotexts")
