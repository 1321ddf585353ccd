"""What txt2img and img2img have in common: A1111's controls in A1111's places. What moves (progress, pictures, shortcuts) is in assets/."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import gradio as gr
from gradio.components import Component

from modules.app.app import App
from modules.base.accounts import LOCAL
from modules.base.errors import WebUIError
from modules.params.scripts import Kind, settled
from modules.requests.model_choice import with_checkpoint_here
from modules.requests.resolve import prepared, prepared_img2img
from modules.requests.styles import unstyled, with_styles
from modules.settings.options import Settings, changed, check_places, for_request
from modules.ui.form import Form
from modules.ui.words import Words

log = logging.getLogger(__name__)
PREPARED: Mapping[str, Callable[[Any, Settings], Any]] = {"txt2img": lambda params, _: prepared(params), "img2img": prepared_img2img}
Recorded = Callable[[Any, Settings], dict[str, Any]]      # a request and the standing settings → the job's parameters
Reply = dict[str, Any]      # {"job": id} or {"error": {"error", "message", "hint"}}


def prompts(tab: str, form: Form[Any]) -> None:
    with gr.Column(elem_id=f"{tab}_toprow"):
        with gr.Column(elem_id=f"{tab}_prompt_row"):
            form.place("prompt")
            gr.HTML(elem_id=f"{tab}_token_counter", padding=False)
        with gr.Column(elem_id=f"{tab}_neg_prompt_row"):
            form.place("negative_prompt")
            gr.HTML(elem_id=f"{tab}_negative_token_counter", padding=False)


def actions(tab: str, words: Words) -> None:
    with gr.Column(elem_id=f"{tab}_actions_column"):
        with gr.Row(elem_id=f"{tab}_generate_box"):
            gr.Button(words("Interrupt"), elem_id=f"{tab}_interrupt")
            gr.Button(words("Skip"), elem_id=f"{tab}_skip")
            gr.Button(words("Generate"), elem_id=f"{tab}_generate", variant="primary")
        with gr.Row(elem_id=f"{tab}_tools"):
            tool("paste" if tab == "txt2img" else f"{tab}_paste", "Read generation data from the prompt, or take the last picture's", "paste", words)
            tool(f"{tab}_clear_prompt", "Clear the prompts", "trash", words)
            tool(f"{tab}_restore_progress", "Show my newest job", "restore", words)


def sampler_row(tab: str, form: Form[Any]) -> None:
    with gr.Row(elem_id=f"sampler_selection_{tab}"):
        form.place("sampler_name", "scheduler", "steps")


def size_and_batch(tab: str, form: Form[Any], words: Words) -> None:
    with gr.Row(elem_id=f"{tab}_dimensions"):
        with gr.Column(elem_id=f"{tab}_column_size"):
            form.place("width", "height")
            form.place(*(name for name in ("scale_by",) if name in form.components))
        with gr.Column(elem_classes="dimension-tools", min_width=0, scale=0):
            tool(f"{tab}_res_switch_btn", "Swap width and height", "swap", words)
            if tab == "img2img":
                tool(f"{tab}_detect_image_size_btn", "Take the picture's size", "ruler", words)
        with gr.Column(elem_id=f"{tab}_column_batch"):
            form.place("n_iter", "batch_size")


def seed(tab: str, form: Form[Any], words: Words) -> None:
    with gr.Row(elem_id=f"{tab}_seed_row"):
        form.place("seed")
        tool(f"{tab}_random_seed", "A new seed each time", "dice", words)
        tool(f"{tab}_reuse_seed", "Use the shown picture's seed again", "recycle", words)
    with gr.Accordion(words("Extra"), open=False, elem_id=f"{tab}_seed_extras"):
        with gr.Row():
            form.place("subseed")
            tool(f"{tab}_random_subseed", "A new variation seed each time", "dice", words)
            tool(f"{tab}_reuse_subseed", "Use the shown picture's variation seed again", "recycle", words)
        form.place("subseed_strength")
        with gr.Row():
            form.place("seed_resize_from_w", "seed_resize_from_h")


def refiner(tab: str, form: Form[Any], words: Words) -> None:
    with gr.Accordion(words("Refiner"), open=False, elem_id=f"{tab}_enable"), gr.Row(elem_classes="refiner-row"):
        form.place("refiner_checkpoint", "refiner_switch_at")


def results(tab: str) -> None:
    with gr.Column(elem_id=f"{tab}_results"):
        gr.HTML(elem_id=f"{tab}_gallery", padding=False)
        gr.HTML(elem_id=f"html_info_{tab}", padding=False)


def tool(elem_id: str, name: str, icon: str, words: Words) -> gr.Button:
    """A small button that shows an icon; its text is what a screen reader says and the tooltip shows."""
    return gr.Button(words(name), elem_id=elem_id, elem_classes=f"tool {icon}")


def wire(tab: str, app: App, form: Form[Any], quick: Mapping[str, Component], recorded: Recorded) -> None:
    """Three events, of which one reaches the server: submit, and the scripts' way into and out of the form."""
    overrides = gr.JSON({}, visible=False, elem_id=f"{tab}_override_settings")
    reply = gr.JSON(visible=False)
    fill = gr.Button(elem_id=f"{tab}_fill", visible="hidden")
    inputs = [*quick.values(), overrides, *form.components.values()]
    outside: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
    heard = [component.change for component in inputs if hasattr(component, "change")]
    gr.on(heard, None, inputs, js=f"(...values) => easel.heard('{tab}', values)", **outside)
    fill.click(None, inputs, inputs, js=f"(...values) => easel.wanted('{tab}', values)", trigger_mode="multiple", **outside)
    generate = gr.Button(elem_id=f"{tab}_submit", visible="hidden")
    sent = generate.click(submission(tab, app, form, list(quick), recorded), inputs, reply, preprocess=False, **outside)
    sent.success(None, reply, js=f"(reply) => easel.answered('{tab}', reply)", **outside)
    sent.failure(None, js=f"() => easel.unanswered('{tab}')", **outside)


def drawing(kind: Kind, app: App) -> Recorded:
    """Of a request for new pictures: its styles put in, its script's arguments checked, its names resolved."""
    def record(params: Any, standing: Settings) -> dict[str, Any]:
        styles = app.styles()
        drawn = PREPARED[kind](settled(with_styles(params, styles), kind, styles), standing)
        return asdict(drawn) | unstyled(params, styles)

    return record


def submission(kind: str, app: App, form: Form[Any], quick: Sequence[str], recorded: Recorded) -> Callable[..., Reply]:
    """quick: the settings whose values come first, then those for this request alone, then the form"""
    def submit(request: gr.Request, *values: Any) -> Reply:
        owner = request.request.scope["account"].name
        chosen = {name: value for name, value in zip(quick, values, strict=False) if value not in (None, "")}
        overrides, fields = values[len(quick)], values[len(quick) + 1:]
        try:
            standing = changed(app.settings.current, chosen)
            params = recorded(form.read(fields), standing)
            check_places(overrides or {}, shared=owner != LOCAL)
            settings, missing = with_checkpoint_here(app, for_request(standing, overrides or {}), {*chosen, *(overrides or {})})
            job = app.jobs.submit(kind, params, settings, owner)
            app.jobs.warn(job, missing)
            return {"job": job}
        except WebUIError as error:
            return {"error": {"error": error.code, "message": str(error), "hint": error.hint}}
        except Exception:
            log.exception("A request could not be submitted")
            return {"error": {"error": "internal", "message": "Something went wrong inside Easel.",
                              "hint": "The server's log tells more."}}

    return submit
