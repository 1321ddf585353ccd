"""The Checkpoint Merger tab: A1111's controls in its order, and what it lacks folded below."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from html import escape
from itertools import takewhile
from typing import Any

import gradio as gr
from gradio.components import Component

from modules.app.app import App
from modules.app.chores import Chore, Work
from modules.base.errors import UnknownName, WebUIError
from modules.engine.jobs import LOCAL
from modules.tasks.model_making import ConvertRequest, ExtractRequest, MergeRequest, converting, extracting, merging
from modules.ui.widgets import Lists
from modules.ui.words import Words

METHODS = ("Weighted sum", "Add difference", "Sum of more", "No interpolation")
PRECISIONS = ("keep", "fp16", "bf16", "fp32")
CONFIGS = ("A, B or C", "B", "C", "Don't")
WITH_MULTIPLIER = ("Weighted sum", "Add difference")
LOOK_SECONDS = 0.3
LOOK_AGAIN = "() => document.getElementById('refresh_sd_model_checkpoint')?.click()"      # so that all lists of the page have what was made
FORMULAS = {
    "Weighted sum": "A · (1 − M) + B · M",
    "Add difference": "A + (B − C) · M",
    "Sum of more": "A · (what is left) + each other · its share",
    "No interpolation": "A alone: to bake in a VAE, change the precision or discard weights",
}

Making = Callable[[App, Mapping[str, Any]], Work]      # from what the form holds; raises WebUIError or ValueError for what cannot be


def build(tab: gr.Tab, app: App, lists: Lists, words: Words) -> None:
    with gr.Row(elem_id="modelmerger_page"):
        with gr.Column(elem_id="modelmerger_settings"):
            fields = merge_fields(words)
            merge = gr.Button(words("Merge"), elem_id="modelmerger_merge", variant="primary")
            with gr.Accordion(words("Convert or prune"), open=False):
                conversion = convert_fields(words)
                convert = gr.Button(words("Convert"), elem_id="modelmerger_convert")
            with gr.Accordion(words("Extract a LoRA from two checkpoints"), open=False):
                extraction = extract_fields(words)
                extract = gr.Button(words("Extract"), elem_id="modelmerger_extract")
        with gr.Column(elem_id="modelmerger_made"):
            result = gr.HTML(elem_id="modelmerger_results", padding=False)
            stop = gr.Button(words("Stop"), elem_id="modelmerger_stop", visible=False)
    running = gr.State("")
    pickers = [fields[name] for name in ("a", "b", "others")] + [conversion["model"], extraction["tuned"], extraction["base"]]
    outside: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
    offer: dict[str, Any] = {
        "fn": lambda: offered(lists, len(pickers), words), "outputs": [*pickers, fields["c"], fields["vae"]], "queue": False, **outside,
    }
    tab.select(**offer)
    for button, given, work in ((merge, fields, merge_work), (convert, conversion, convert_work), (extract, extraction, extract_work)):
        done = button.click(following(app, words, given, work), list(given.values()), [result, stop, running], **outside)
        done.then(**offer).then(None, js=LOOK_AGAIN, queue=False, **outside)
    stop.click(stopping(app), running, None, queue=False, **outside)


def merge_fields(words: Words) -> dict[str, Component]:
    with gr.Row():
        models = {
            letter: gr.Dropdown([], label=words(f"{which} model ({letter.upper()})"), elem_id=f"modelmerger_{which.lower()}_model_name")
            for letter, which in (("a", "Primary"), ("b", "Secondary"), ("c", "Tertiary"))
        }
    name = gr.Textbox("", label=words("Custom name (optional)"), elem_id="modelmerger_custom_name", max_length=150)
    method = gr.Radio(list(METHODS), value="Weighted sum", label=words("Interpolation method"), elem_id="modelmerger_interp_method")
    formula = gr.HTML(FORMULAS["Weighted sum"], elem_id="modelmerger_interp_description", padding=False)
    multiplier = gr.Slider(0, 1, 0.3, step=0.01, label=words("Multiplier (M)"), elem_id="modelmerger_interp_amount", buttons=[])
    with gr.Row(visible=False, elem_id="modelmerger_sum") as several:
        others = gr.Dropdown([], multiselect=True, label=words("More models (D, E, …)"), elem_id="modelmerger_other_model_names")
        more = gr.Textbox("", label=words("Shares of B, C, …"), placeholder="0.3, 0.2", elem_id="modelmerger_shares")
    method.change(
        lambda chosen: (FORMULAS[chosen], gr.update(visible=chosen in WITH_MULTIPLIER), gr.update(visible=chosen == "Sum of more")),
        method, [formula, multiplier, several], queue=False, show_progress="hidden", api_visibility="private",
    )
    with gr.Row():
        precision = gr.Radio(list(PRECISIONS), value="fp16", label=words("Precision"), elem_id="modelmerger_precision")
        vae = gr.Dropdown(["None"], value="None", label=words("Bake in VAE"), elem_id="modelmerger_bake_in_vae")
    with gr.Accordion(words("More"), open=False):
        blocks = gr.Textbox(
            "", label=words("Block weights in place of M: BASE, IN00 – IN11, M00, OUT00 – OUT11"), placeholder="26 numbers",
            elem_id="modelmerger_blocks",
        )
        discard = gr.Textbox("", label=words("Discard weights with matching name"), elem_id="modelmerger_discard_weights")
        config = gr.Radio(list(CONFIGS), value=CONFIGS[0], label=words("Copy config from"), elem_id="modelmerger_config_source")
        copied = gr.Checkbox(value=True, label=words("Copy metadata"), elem_id="modelmerger_copy_metadata")
        recipe = gr.Checkbox(value=True, label=words("Save the recipe in the metadata"), elem_id="modelmerger_add_merge_recipe")
    return {
        **models, "others": others, "name": name, "method": method, "multiplier": multiplier, "precision": precision, "vae": vae,
        "more": more, "block_weights": blocks, "discard": discard, "copy_metadata": copied, "add_recipe": recipe, "config": config,
    }


def convert_fields(words: Words) -> dict[str, Component]:
    return {
        "model": gr.Dropdown([], label=words("Checkpoint"), elem_id="modelmerger_convert_model"),
        "precision": gr.Radio(list(PRECISIONS), value="fp16", label=words("Precision"), elem_id="modelmerger_convert_precision"),
        "ema": gr.Checkbox(label=words("Take the averaged (EMA) weights"), elem_id="modelmerger_convert_ema"),
    }


def extract_fields(words: Words) -> dict[str, Component]:
    return {
        "tuned": gr.Dropdown([], label=words("Tuned checkpoint"), elem_id="modelmerger_extract_tuned"),
        "base": gr.Dropdown([], label=words("What it came from"), elem_id="modelmerger_extract_base"),
        "rank": gr.Slider(1, 256, 32, step=1, label=words("Rank"), elem_id="modelmerger_extract_rank", buttons=[]),
    }


def offered(lists: Lists, pickers: int, words: Words) -> list[Any]:
    """What there is to choose, for the `pickers`, for C, which may be left out again, and for the VAE."""
    checkpoints, vaes = list(lists["checkpoints"]()), [name for name in lists["vaes"]() if name != "Automatic"]
    optional = [(words("None"), ""), *((name, name) for name in checkpoints)]
    return [gr.update(choices=checkpoints)] * pickers + [gr.update(choices=optional), gr.update(choices=vaes)]


def sources(values: Mapping[str, Any]) -> tuple[str, ...]:
    """The chosen checkpoints; where each has its own part in the formula, none moves up into an empty place."""
    models = [values[letter] for letter in ("a", "b", "c")]
    if values["method"] == "Sum of more":
        return tuple(filter(None, [*models, *(values["others"] or ())]))
    return tuple(takewhile(bool, models))


def merge_work(app: App, values: Mapping[str, Any]) -> Work:
    plain = {name: values[name] for name in ("name", "method", "multiplier", "precision", "vae", "discard", "copy_metadata", "add_recipe", "config")}
    lists = {"models": sources(values), "more": numbers(values["more"]), "block_weights": numbers(values["block_weights"])}
    return merging(MergeRequest(**plain, **lists), app.models, app.cards)


def convert_work(app: App, values: Mapping[str, Any]) -> Work:
    return converting(ConvertRequest(**{**values, "model": values["model"] or ""}), app.models, app.cards)


def extract_work(app: App, values: Mapping[str, Any]) -> Work:
    return extracting(ExtractRequest(tuned=values["tuned"] or "", base=values["base"] or "", rank=int(values["rank"])), app.models, app.cards)


def numbers(text: str) -> tuple[float, ...]:
    """Numbers between commas; what is none is a nan, which is refused later by name."""
    return tuple(float(part) for part in text.replace(",", " ").split())


Shown = tuple[str, Any, str]      # what is told, the button that stops, the chore it is for


def following(app: App, words: Words, fields: Mapping[str, Component], work: Making) -> Callable[..., Iterator[Shown]]:
    """Begin a chore and show how far it is until it has ended."""
    def follow(request: gr.Request, *values: Any) -> Iterator[Shown]:
        try:
            chore = app.chores.begin("Merge", owner(request), work(app, dict(zip(fields, values, strict=True))))
        except ValueError:
            yield alone(card(words("That is no list of numbers."), words("Write them with commas between, like 0.3, 0.2.")))
            return
        except WebUIError as error:
            yield alone(card(str(error), error.hint))
            return
        while chore.state in ("queued", "running"):
            yield progress(chore, words), gr.update(visible=True), chore.id
            time.sleep(LOOK_SECONDS)
        yield alone(ended(chore, words))

    return follow


def alone(told: str) -> Shown:
    return told, gr.update(visible=False), ""


def stopping(app: App) -> Callable[[str, gr.Request], None]:
    def stop_chore(chore: str, request: gr.Request) -> None:
        with contextlib.suppress(UnknownName):      # it has ended meanwhile
            app.chores.stop(chore, owner(request))

    return stop_chore


def owner(request: gr.Request) -> str:
    return request.request.scope.get("owner", LOCAL)


def progress(chore: Chore, words: Words) -> str:
    percent = round(100 * chore.done / chore.of) if chore.of else 0
    return f'<div class="chore"><progress max="100" value="{percent}"></progress><p>{escape(words("Working"))} · {percent} %</p></div>'


def ended(chore: Chore, words: Words) -> str:
    if chore.error:
        return card(str(chore.error.get("message", "")), str(chore.error.get("hint", "")))
    if chore.state != "done":
        return f'<div class="chore"><p>{escape(words("This was stopped. Nothing was written."))}</p></div>'
    return f'<div class="chore"><p>{escape(words("Written:"))} <strong>{escape(str(chore.result.get("name", "")))}</strong></p></div>'


def card(message: str, hint: str) -> str:
    return f'<div class="card" role="alert"><h3>{escape(message)}</h3><p>{escape(hint)}</p></div>'
