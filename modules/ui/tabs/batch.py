"""The controls for many pictures: img2img's Batch tab, and the folders that Extras uses as well."""

from __future__ import annotations

from html import escape
from typing import Any

import gradio as gr
from gradio.components import Component

from modules.app.folders import opened_folders
from modules.settings.flags import Flags
from modules.ui.form import Form
from modules.ui.words import Words

TAB = "img2img_batch"


def batch_controls(words: Words) -> dict[str, Component]:
    """Return controls for fields that are declared without one."""
    return {
        "resize_by": gr.Radio(
            [(words("Resize to"), False), (words("Resize by"), True)],
            value=False,
            label=words("Size"),
            elem_id="img2img_tabs_resize",
            render=False,
        ),
    }


def build(form: Form[Any], flags: Flags, words: Words) -> None:
    """Build A1111's two ways to name the pictures, and the choice of what is taken from their generation data."""
    with gr.Tabs(elem_id=f"{TAB}_source", overflow_behavior="wrap"):
        with gr.Tab(words("Upload"), id=f"{TAB}_upload", elem_id=f"{TAB}_upload_tab"):
            gr.HTML('<div class="batch-place"></div>', elem_id=f"{TAB}_upload", padding=False)
        with gr.Tab(words("From directory"), id=f"{TAB}_from_dir", elem_id=f"{TAB}_from_dir_tab", render_children=True):
            folder_fields(form, flags, words, "batch_inpaint_mask_dir")
    with gr.Accordion(words("PNG info"), open=False, elem_id=f"{TAB}_png_info"):
        form.place("batch_use_png_info", "batch_png_info_props", "batch_png_info_dir")


def folder_fields(form: Form[Any], flags: Flags, words: Words, *more: str) -> None:
    with gr.Column(elem_classes="batch-folders"):
        gr.HTML(f'<p class="hint">{escape(whose_folders(flags, words))}</p>', padding=False)
        form.place("batch_input_dir", "batch_output_dir", *more)


def whose_folders(flags: Flags, words: Words) -> str:
    if not flags.shared:
        return words(
            "Folders on the machine where the server runs; only the first is needed. No file there is ever overwritten."
        )
    if flags.batch_dir:
        opened = words("This server is shared. Open for all are these folders on it:")
        return f"{opened} {opened_folders(flags.batch_dir)}"
    return words(
        "This server is shared, so the folders on its disk are closed. Whoever starts it can open some with "
        "--batch-dir."
    )
