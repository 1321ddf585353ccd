"""Many pictures at once: img2img's Batch tab, and the folders that Extras takes pictures from as well."""

from __future__ import annotations

from dataclasses import asdict, fields, replace
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.components import Component

from modules.app.app import App
from modules.app.folders import opened
from modules.imaging.inputs import load
from modules.params.batch import Img2ImgBatch
from modules.params.img2img import Img2Img
from modules.requests.batch_inputs import img2img_batch, scaled, sized
from modules.requests.png_info import OwnData
from modules.settings.flags import Flags
from modules.settings.options import Settings
from modules.ui.form import Form
from modules.ui.tabs import generation
from modules.ui.words import Words

TAB = "img2img_batch"


def own_controls(words: Words) -> dict[str, Component]:
    """For what is declared without a control: the scripts fill it in."""
    return {
        "batch_source": gr.Textbox("", visible=False, render=False),
        "batch_sent": gr.JSON([], visible=False, render=False),
        "resize_by": gr.Radio(
            [(words("Resize to"), False), (words("Resize by"), True)], value=False, label=words("Size"), elem_id="img2img_tabs_resize", render=False,
        ),
    }


def build(form: Form[Any], flags: Flags, words: Words) -> None:
    """A1111's two ways to name the pictures, and what is taken from their generation data."""
    with gr.Tabs(elem_id=f"{TAB}_source"):
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
        return words("Folders on the machine where the server runs; only the first is needed. No file there is ever overwritten.")
    if flags.batch_dir:
        return words("This server is shared. Open for all are these folders on it:") + f" {opened(flags)}"
    return words("This server is shared, so the folders on its disk are closed. Whoever starts it can open some with --batch-dir.")


def recorded(app: App) -> generation.Recorded:
    """What a job's record says of img2img's form, a batch or not. Raises Invalid, Forbidden, TooLarge …"""
    draw = generation.drawing("img2img", app)
    kept = app.flags.paths.cache / "inputs"

    def plain(params: Img2ImgBatch, standing: Settings) -> dict[str, Any]:
        drawn = draw(params, standing)
        return {each.name: drawn[each.name] for each in fields(Img2Img)}

    def record(params: Img2ImgBatch, standing: Settings) -> dict[str, Any]:
        if not params.batch_source:
            return plain(of_its_size(params, kept), standing)
        batch = img2img_batch(params, app.flags)
        first = replace(params, init_images=(batch.entries[0].image,), mask=batch.entries[0].mask)
        common = plain(first, standing)
        if params.batch_use_png_info:
            seeded = replace(first, seed=common["seed"], subseed=common["subseed"])
            batch = OwnData(seeded, lambda request: plain(request, standing), app.models.checkpoints).applied(batch)
        batch = sized(batch, params.scale_by, kept) if params.resize_by else batch
        return common | {"init_images": [], "mask": "", "batch": asdict(batch)}

    return record


def of_its_size(params: Img2ImgBatch, kept: Path) -> Img2ImgBatch:
    """With the size that the scale comes to, if that is how it is told. Raises Invalid."""
    if not params.resize_by or not params.init_images:
        return params
    return replace(params, **scaled(load(kept, params.init_images[0]).size, params.scale_by))
