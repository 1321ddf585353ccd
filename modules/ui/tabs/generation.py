"""The common parts of txt2img and img2img: A1111's controls in A1111's places.

Dynamic parts (progress, pictures, shortcuts) are in assets/.
"""

from __future__ import annotations

from html import escape
from typing import Any

import gradio as gr

from modules.ui.form import Form
from modules.ui.words import Words


def prompts(tab: str, form: Form[Any]) -> None:
    with gr.Column(elem_id=f"{tab}_toprow"), gr.Column(elem_id=f"{tab}_prompt_container"):
        with gr.Column(elem_id=f"{tab}_prompt_row"):
            form.place("prompt")
            gr.HTML(elem_id=f"{tab}_token_counter", padding=False)
        with gr.Column(elem_id=f"{tab}_neg_prompt_row"):
            form.place("negative_prompt")
            gr.HTML(elem_id=f"{tab}_negative_token_counter", padding=False)


def actions(tab: str, form: Form[Any], words: Words) -> None:
    with gr.Column(elem_id=f"{tab}_actions_column"):
        with gr.Row(elem_id=f"{tab}_generate_box"):
            gr.Button(words("Interrupt"), elem_id=f"{tab}_interrupt")
            gr.Button(words("Skip"), elem_id=f"{tab}_skip")
            tool(form, f"{tab}_add", "Add to the queue (Shift+Enter)", "plus", words)
            form.placing.place(
                gr.Button(words("Generate"), elem_id=f"{tab}_generate", variant="primary", render=False)
            )
            tool(form, f"{tab}_generate_menu", "More ways to generate", "down", words)
        with gr.Row(elem_id=f"{tab}_tools"):
            tool(
                form,
                "paste" if tab == "txt2img" else f"{tab}_paste",
                "Read generation data from the prompt, or take the last picture's",
                "paste",
                words,
            )
            tool(form, f"{tab}_clear_prompt", "Clear the prompts", "trash", words)
            tool(form, f"{tab}_restore_progress", "Show my newest job", "restore", words)
            tool(form, f"{tab}_style_apply", "Write the chosen styles into the prompts", "into", words)
            tool(form, f"{tab}_styles_edit_button", "Styles: choose, save, edit", "styles", words)
            if tab == "img2img":
                tool(form, "interrogate", "Interrogate CLIP: put the picture into words", "caption", words)
            tool(form, f"{tab}_wildcards", "Wildcards: what the prompt becomes, and their files", "wildcards", words)
        with gr.Row(elem_id=f"{tab}_styles_row"):
            form.place("styles")


def work_column(tab: str) -> gr.Column:
    """Open the column that stays in view: `actions` are called inside, `results` with it once the form is there."""
    return gr.Column(elem_id=f"{tab}_work", elem_classes="work-column")


def sampler_row(tab: str, form: Form[Any]) -> None:
    with gr.Row(elem_id=f"sampler_selection_{tab}"):
        form.place("sampler_name", "scheduler", "steps")
    form.placing.section("sampler")


def size_and_batch(tab: str, form: Form[Any], words: Words) -> None:
    with gr.Row(elem_id=f"{tab}_dimensions"):
        with gr.Column(elem_id=f"{tab}_column_size"):
            form.place("width", "height")
            form.place(*(name for name in ("scale_by",) if name in form.components))
        with gr.Column(elem_id=f"{tab}_dimensions_row", elem_classes="dimension-tools", min_width=0, scale=0):
            tool(form, f"{tab}_res_switch_btn", "Swap width and height", "swap", words)
            if tab == "img2img":
                tool(form, f"{tab}_detect_image_size_btn", "Take the picture's size", "ruler", words)
        with gr.Column(elem_id=f"{tab}_column_batch"):
            form.place("n_iter", "batch_size")
    form.placing.section("dimensions")


def seed(tab: str, form: Form[Any], words: Words) -> None:
    with gr.Row(elem_id=f"{tab}_seed_row"):
        form.place("seed")
        tool(form, f"{tab}_random_seed", "A new seed each time", "dice", words)
        tool(form, f"{tab}_reuse_seed", "Use the shown picture's seed again", "recycle", words)
    with gr.Accordion(words("Extra"), open=False, elem_id=f"{tab}_seed_extras"):
        with gr.Row():
            form.place("subseed")
            tool(form, f"{tab}_random_subseed", "A new variation seed each time", "dice", words)
            tool(form, f"{tab}_reuse_subseed", "Use the shown picture's variation seed again", "recycle", words)
        form.place("subseed_strength")
        with gr.Row():
            form.place("seed_resize_from_w", "seed_resize_from_h")
    form.placing.section("seed")


def refiner(tab: str, form: Form[Any], words: Words) -> None:
    with gr.Accordion(words("Refiner"), open=False, elem_id=f"{tab}_enable"), gr.Row(elem_classes="refiner-row"):
        form.place("refiner_checkpoint", "refiner_switch_at")
    form.placing.section("accordions")


def control(tab: str, words: Words) -> None:
    """Place the folds of ControlNet, regions and the detailer, which assets/control/ draws."""
    for name, label in (("controlnet", "ControlNet"), ("regions", "Regions"), ("detailer", "Detailer")):
        fold = f'<details><summary class="label-wrap">{escape(words(label))}</summary>'
        gr.HTML(f'{fold}<div class="control-place"></div></details>', elem_id=f"{tab}_{name}", padding=False)


def results(tab: str, form: Form[Any], work: gr.Column) -> None:
    """Place the results below what is in `work`; extensions hear of their button after all of the form, as in A1111."""
    with gr.Column(elem_id=f"{tab}_results") as column:
        with gr.Column(elem_id=f"{tab}_gallery_container"):
            gr.HTML(elem_id=f"{tab}_gallery", padding=False)
        gr.HTML(elem_id=f"html_info_{tab}", padding=False)
        if form.placing.extended:
            anchor = gr.Button("i", elem_id=f"{tab}_generation_info_button", visible="hidden", render=False)
            form.placing.place(anchor)
    column.parent.children.remove(column)
    work.add(column)


def tool(form: Form[Any], elem_id: str, name: str, icon: str, words: Words) -> None:
    """Place a small button with an icon; its text is its tooltip, and what a screen reader says."""
    form.placing.place(gr.Button(words(name), elem_id=elem_id, elem_classes=f"tool {icon}", render=False))
