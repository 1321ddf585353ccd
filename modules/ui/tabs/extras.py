"""The Extras tab: enlarging one finished picture, several or a folder of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gradio as gr

from modules.params.batch import ExtrasBatch
from modules.params.extras import BY, TO
from modules.settings.flags import Flags
from modules.ui.form import Form, TabFields
from modules.ui.tabs import batch, generation
from modules.ui.words import Words

TAB = "extras"


# without a control: the scripts upload the pictures
EXTRAS_HELD: Mapping[str, Any] = {"images": [], "infotexts": [], "batch_source": ""}


def extras_fields(words: Words) -> TabFields:
    ways = [(words("Scale by"), BY), (words("Scale to"), TO)]
    resizing = gr.Radio(ways, value=BY, label=words("Resize mode"), elem_id="extras_resize_mode", render=False)
    return TabFields({"resize_mode": resizing}, EXTRAS_HELD)


def build(flags: Flags, form: Form[ExtrasBatch], words: Words) -> None:
    with gr.Column(elem_id=f"{TAB}_page"):
        with gr.Column(elem_id=f"{TAB}_settings"):
            picture_inputs(flags, form, words)
            extras_settings(form)
        with generation.work_column(TAB) as work:
            generate_column(words)
        generation.results(TAB, form, work)


def picture_inputs(flags: Flags, form: Form[ExtrasBatch], words: Words) -> None:
    """Build the inputs: uploads, or a folder of the server."""
    with gr.Tabs(elem_id=f"mode_{TAB}", overflow_behavior="wrap"):
        with gr.Tab(words("Pictures"), id="single_image", elem_id=f"{TAB}_single_tab"):
            gr.HTML(elem_id=f"{TAB}_image", padding=False)
        with gr.Tab(
            words("Batch from Directory"),
            id="batch_from_directory",
            elem_id=f"{TAB}_batch_directory_tab",
            render_children=True,
        ):
            batch.folder_fields(form, flags, words)


def extras_settings(form: Form[ExtrasBatch]) -> None:
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
    if form.placing.extended:
        with gr.Column(elem_id=f"{TAB}_script_container", elem_classes="scripts"):
            form.placing.always_on()


def generate_column(words: Words) -> None:
    with gr.Column(elem_id=f"{TAB}_actions_column"), gr.Row(elem_id=f"{TAB}_generate_box"):
        gr.Button(words("Interrupt"), elem_id=f"{TAB}_interrupt")
        gr.Button(words("Skip"), elem_id=f"{TAB}_skip")
        gr.Button(words("Add to the queue (Shift+Enter)"), elem_id=f"{TAB}_add", elem_classes="tool plus")
        gr.Button(words("Generate"), elem_id=f"{TAB}_generate", variant="primary")
