"""The txt2img tab: A1111's controls in A1111's places. What moves (progress, pictures, shortcuts) is in assets/."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import gradio as gr
from gradio.components import Component

from modules.app.app import LOCAL, App
from modules.base.errors import WebUIError
from modules.params.txt2img import Txt2Img
from modules.settings.options import changed
from modules.tasks.requests import prepared
from modules.tasks.styling import with_styles
from modules.ui import cards
from modules.ui.form import Form
from modules.ui.words import Words

log = logging.getLogger(__name__)
Reply = dict[str, Any]      # {"job": id} or {"error": {"error", "message", "hint"}}


def build(app: App, form: Form[Txt2Img], quick: Mapping[str, Component], words: Words) -> None:
    with gr.Column(elem_id="txt2img_page"):
        prompts(form)
        actions(words)
        with gr.Tabs(elem_id="txt2img_extra_tabs", elem_classes="extra-networks", overflow_behavior="wrap"):
            with gr.Tab(words("Generation"), id="txt2img_generation"):
                settings(form, words)
            cards.build("txt2img", app.flags.paths, words)
        results()
    wire(app, form, quick)


def prompts(form: Form[Txt2Img]) -> None:
    with gr.Column(elem_id="txt2img_toprow"):
        with gr.Column(elem_id="txt2img_prompt_row"):
            form.place("prompt")
            gr.HTML(elem_id="txt2img_token_counter", padding=False)
        with gr.Column(elem_id="txt2img_neg_prompt_row"):
            form.place("negative_prompt")
            gr.HTML(elem_id="txt2img_negative_token_counter", padding=False)


def actions(words: Words) -> None:
    with gr.Column(elem_id="txt2img_actions_column"):
        with gr.Row(elem_id="txt2img_generate_box"):
            gr.Button(words("Interrupt"), elem_id="txt2img_interrupt")
            gr.Button(words("Skip"), elem_id="txt2img_skip")
            gr.Button(words("Generate"), elem_id="txt2img_generate", variant="primary")
        with gr.Row(elem_id="txt2img_tools"):
            tool("paste", "Read generation data from the prompt, or take the last picture's", "paste", words)
            tool("txt2img_clear_prompt", "Clear the prompts", "trash", words)
            tool("txt2img_restore_progress", "Show my newest job", "restore", words)


def settings(form: Form[Txt2Img], words: Words) -> None:
    with gr.Column(elem_id="txt2img_settings"):
        with gr.Row(elem_id="sampler_selection_txt2img"):
            form.place("sampler_name", "scheduler", "steps")
        with gr.Accordion(words("Hires. fix"), open=False, elem_id="txt2img_hr"):
            hires(form)
        with gr.Accordion(words("Refiner"), open=False, elem_id="txt2img_enable"), gr.Row():
            form.place("refiner_checkpoint", "refiner_switch_at")
        with gr.Row(elem_id="txt2img_dimensions"):
            with gr.Column(elem_id="txt2img_column_size"):
                form.place("width", "height")
            tool("txt2img_res_switch_btn", "Swap width and height", "swap", words)
            with gr.Column(elem_id="txt2img_column_batch"):
                form.place("n_iter", "batch_size")
        form.place("cfg_scale")
        with gr.Row(elem_id="txt2img_seed_row"):
            form.place("seed")
            tool("txt2img_random_seed", "A new seed each time", "dice", words)
            tool("txt2img_reuse_seed", "Use the shown picture's seed again", "recycle", words)
        with gr.Accordion(words("Extra"), open=False, elem_id="txt2img_seed_extras"):
            with gr.Row():
                form.place("subseed")
                tool("txt2img_random_subseed", "A new variation seed each time", "dice", words)
                tool("txt2img_reuse_subseed", "Use the shown picture's variation seed again", "recycle", words)
            form.place("subseed_strength")
            with gr.Row():
                form.place("seed_resize_from_w", "seed_resize_from_h")
        form.rest()


def hires(form: Form[Txt2Img]) -> None:
    form.place("enable_hr")
    with gr.Row(elem_id="txt2img_hires_fix_row1"):
        form.place("hr_upscaler", "hr_second_pass_steps", "denoising_strength")
    with gr.Row(elem_id="txt2img_hires_fix_row2"):
        form.place("hr_scale", "hr_resize_x", "hr_resize_y")
    with gr.Row(elem_id="txt2img_hires_fix_row3"):
        form.place("hr_checkpoint_name", "hr_sampler_name", "hr_scheduler")
    form.place("hr_cfg")
    with gr.Row(elem_id="txt2img_hires_fix_row4"):
        form.place("hr_prompt", "hr_negative_prompt")


def results() -> None:
    with gr.Column(elem_id="txt2img_results"):
        gr.HTML(elem_id="txt2img_gallery", padding=False)
        gr.HTML(elem_id="html_info_txt2img", padding=False)


def tool(elem_id: str, name: str, icon: str, words: Words) -> gr.Button:
    """A small button that shows an icon; its text is what a screen reader says and the tooltip shows."""
    return gr.Button(words(name), elem_id=elem_id, elem_classes=f"tool {icon}")


def wire(app: App, form: Form[Txt2Img], quick: Mapping[str, Component]) -> None:
    """Three events, of which one reaches the server: submit, and the scripts' way into and out of the form."""
    overrides = gr.JSON({}, visible=False)
    reply = gr.JSON(visible=False)
    fill = gr.Button(elem_id="txt2img_fill", visible="hidden")
    inputs = [*quick.values(), overrides, *form.components.values()]
    outside: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
    gr.on([c.change for c in inputs if hasattr(c, "change")], None, inputs, js="(...values) => easel.heard(values)", **outside)
    fill.click(None, inputs, inputs, js="(...values) => easel.wanted(values)", trigger_mode="multiple", **outside)
    generate = gr.Button(elem_id="txt2img_submit", visible="hidden")
    sent = generate.click(submission(app, form, list(quick)), inputs, reply, preprocess=False, **outside)
    sent.success(None, reply, js="(reply) => easel.answered(reply)", **outside)
    sent.failure(None, js="() => easel.unanswered()", **outside)


def submission(app: App, form: Form[Txt2Img], quick: Sequence[str]) -> Callable[..., Reply]:
    """quick: the settings whose values come first, then those for this request alone, then the form"""
    def submit(request: gr.Request, *values: Any) -> Reply:
        owner = request.request.scope.get("owner", LOCAL)
        chosen = {name: value for name, value in zip(quick, values, strict=False) if value not in (None, "")}
        overrides, fields = values[len(quick)], values[len(quick) + 1:]
        try:
            snapshot = changed(app.settings.current, {**chosen, **(overrides or {})})
            return {"job": app.jobs.submit("txt2img", asdict(prepared(with_styles(form.read(fields), app.styles()))), snapshot, owner)}
        except WebUIError as error:
            return {"error": {"error": error.code, "message": str(error), "hint": error.hint}}
        except Exception:
            log.exception("A request could not be submitted")
            return {"error": {"error": "internal", "message": "Something went wrong inside Easel.",
                              "hint": "The server's log tells more."}}

    return submit
