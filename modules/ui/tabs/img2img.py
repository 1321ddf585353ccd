"""The img2img tab: an input picture, with an editor for each way to use it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gradio as gr
from gradio.components import Component

from modules.library.library import Library
from modules.params.batch import Img2ImgBatch
from modules.params.img2img import NAMED_VALUES, ORIGINAL
from modules.params.regions import ATTENTION_MODE
from modules.settings.flags import Flags
from modules.ui import cards
from modules.ui.form import Form, TabFields
from modules.ui.tabs import batch, generation, scripts
from modules.ui.tabs.scripts import ScriptedForm
from modules.ui.words import Words

TAB = "img2img"

# A1111's tabs: title, id, and the mode of the editor in it (assets/img2img/).
MODES = (
    ("img2img", "img2img_img2img_tab", "image"),
    ("Sketch", "img2img_img2img_sketch_tab", "sketch"),
    ("Inpaint", "img2img_inpaint_tab", "mask"),
    ("Inpaint sketch", "img2img_inpaint_sketch_tab", "mask-sketch"),
    ("Inpaint upload", "img2img_inpaint_upload_tab", "upload"),
)


# Without a control: the scripts upload the pictures, and pasted data may contain a noise multiplier in place of the
# setting's.
IMG2IMG_HELD: Mapping[str, Any] = {
    "init_images": [],
    "mask": "",
    "initial_noise_multiplier": None,
    "batch_source": "",
    "batch_sent": [],
    "control": [],
    "detailer": [],
    "detailer_only": False,
    "regions": [],
    "region_mode": ATTENTION_MODE,
    "region_base": 0.2,
}


def img2img_fields(words: Words) -> TabFields:
    def choice(field: str, value: Any, elem_id: str) -> gr.Radio:
        label, values = NAMED_VALUES[field]
        return gr.Radio(
            [(words(name), each) for name, each in values.items()],
            value=value,
            label=words(label),
            elem_id=elem_id,
            render=False,
        )

    controls: dict[str, Component] = {
        "resize_mode": choice("resize_mode", 0, "resize_mode"),
        "inpainting_mask_invert": choice("inpainting_mask_invert", 0, "img2img_mask_mode"),
        "inpainting_fill": choice("inpainting_fill", ORIGINAL, "img2img_inpainting_fill"),
        "inpaint_full_res": choice("inpaint_full_res", False, "img2img_inpaint_full_res"),
        **batch.batch_controls(words),
    }
    return TabFields(controls, IMG2IMG_HELD)


def build(models: Library, flags: Flags, form: ScriptedForm[Img2ImgBatch], words: Words) -> None:
    with gr.Column(elem_id=f"{TAB}_page"):
        generation.prompts(TAB, form)
        with gr.Column(elem_id=f"{TAB}_input"):
            picture_editors(flags, form, words)
        with generation.work_column(TAB) as work:
            generation.actions(TAB, form, words)
        with cards.tabs(TAB):
            with gr.Tab(words("Generation"), id=f"{TAB}_generation"):
                img2img_settings(form, words)
            cards.build(TAB, models, words)
        generation.results(TAB, form, work)


def img2img_settings(form: ScriptedForm[Img2ImgBatch], words: Words) -> None:
    with gr.Column(elem_id=f"{TAB}_settings"):
        form.place("resize_mode")
        inpainting(form, words)
        generation.sampler_row(TAB, form)
        generation.refiner(TAB, form, words)
        form.place("resize_by")
        generation.size_and_batch(TAB, form, words)
        form.place("cfg_scale", "image_cfg_scale", "denoising_strength")
        form.placing.section("cfg")
        generation.seed(TAB, form, words)
        form.rest()
        generation.control(TAB, words)
        scripts.build(form, words)


def picture_editors(flags: Flags, form: ScriptedForm[Img2ImgBatch], words: Words) -> None:
    """Build an editor for each way to use one picture, and the tab for many."""
    with gr.Tabs(elem_id="mode_img2img", overflow_behavior="wrap"):
        for title, elem_id, kind in MODES:
            with gr.Tab(words(title), id=elem_id, elem_id=elem_id):
                gr.HTML(f'<div class="editor-place" data-kind="{kind}"></div>', padding=False)
        with gr.Tab(words("Batch"), id="img2img_batch_tab", elem_id="img2img_batch_tab", render_children=True):
            batch.build(form, flags, words)


def inpainting(form: Form[Img2ImgBatch], words: Words) -> None:
    """Build the controls that are shown with a mask."""
    with gr.Column(elem_id="inpaint_controls"):
        with gr.Row():
            form.place("mask_blur", "inpaint_full_res_padding")
        form.place("inpainting_mask_invert", "inpainting_fill", "inpaint_full_res")
        with gr.Accordion(words("Soft inpainting"), open=False, elem_id="soft_inpainting"):
            form.components["soft_inpainting"].label = words("Enable")      # the accordion has its name
            form.place("soft_inpainting")
            with gr.Row():
                form.place("mask_blend_power", "mask_blend_scale", "inpaint_detail_preservation")
            with gr.Row():
                form.place(
                    "composite_mask_influence", "composite_difference_threshold", "composite_difference_contrast"
                )
