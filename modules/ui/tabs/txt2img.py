"""The txt2img tab."""

from __future__ import annotations

import gradio as gr

from modules.library.library import Library
from modules.params.txt2img import Txt2Img
from modules.ui import cards
from modules.ui.form import Form
from modules.ui.tabs import generation, scripts
from modules.ui.tabs.scripts import ScriptedForm
from modules.ui.words import Words

TAB = "txt2img"


def build(models: Library, form: ScriptedForm[Txt2Img], words: Words) -> None:
    with gr.Column(elem_id=f"{TAB}_page"):
        generation.prompts(TAB, form)
        with generation.work_column(TAB) as work:
            generation.actions(TAB, form, words)
        with cards.tabs(TAB):
            with gr.Tab(words("Generation"), id=f"{TAB}_generation"):
                txt2img_settings(form, words)
            cards.build(TAB, models, words)
        generation.results(TAB, form, work)


def txt2img_settings(form: ScriptedForm[Txt2Img], words: Words) -> None:
    with gr.Column(elem_id=f"{TAB}_settings"):
        generation.sampler_row(TAB, form)
        with gr.Accordion(words("Hires. fix"), open=False, elem_id=f"{TAB}_hr"):
            hires_settings(form, words)
        generation.refiner(TAB, form, words)
        generation.size_and_batch(TAB, form, words)
        form.place("cfg_scale")
        form.placing.section("cfg")
        generation.seed(TAB, form, words)
        form.rest()
        generation.control(TAB, words)
        scripts.build(form, words)


def hires_settings(form: Form[Txt2Img], words: Words) -> None:
    form.components["enable_hr"].label = words("Enable")      # the accordion has its name
    form.place("enable_hr")
    with gr.Row(elem_id=f"{TAB}_hires_fix_row1"):
        form.place("hr_upscaler", "hr_second_pass_steps", "denoising_strength")
    with gr.Row(elem_id=f"{TAB}_hires_fix_row2"):
        form.place("hr_scale", "hr_resize_x", "hr_resize_y")
    with gr.Row(elem_id=f"{TAB}_hires_fix_row3"):
        form.place("hr_checkpoint_name", "hr_sampler_name", "hr_scheduler")
    form.place("hr_cfg")
    with gr.Row(elem_id=f"{TAB}_hires_fix_row4"):
        form.place("hr_prompt", "hr_negative_prompt")
