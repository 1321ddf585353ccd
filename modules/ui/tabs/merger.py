"""The Checkpoint Merger tab: A1111's controls in its order, and what it lacks folded below. assets/tabs/merger.js asks the API for the work."""

from __future__ import annotations

import json
from typing import Any

import gradio as gr
from gradio.components import Component

from modules.ui.widgets import Lists
from modules.ui.words import Words

METHODS = ("Weighted sum", "Add difference", "Sum of more", "No interpolation")
PRECISIONS = ("keep", "fp16", "bf16", "fp32")
CONFIGS = ("A, B or C", "B", "C", "Don't")
WITH_MULTIPLIER = ("Weighted sum", "Add difference")
FORMULAS = {
    "Weighted sum": "A · (1 − M) + B · M",
    "Add difference": "A + (B − C) · M",
    "Sum of more": "A · (what is left) + each other · its share",
    "No interpolation": "A alone: to bake in a VAE, change the precision or discard weights",
}


def build(tab: gr.Tab, lists: Lists, words: Words) -> None:
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
            gr.HTML(elem_id="modelmerger_results", padding=False)
    again = gr.Button(elem_id="modelmerger_offer", visible="hidden")
    pickers = [fields[name] for name in ("a", "b", "others")] + [conversion["model"], extraction["tuned"], extraction["base"]]
    quiet: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
    for offering in (tab.select, again.click):
        offering(lambda: offered(lists, len(pickers), words), outputs=[*pickers, fields["c"], fields["vae"]], preprocess=False, **quiet)
    for button, kind, given in ((merge, "merge", fields), (convert, "convert", conversion), (extract, "extract-lora", extraction)):
        names = json.dumps(list(given))
        button.click(None, list(given.values()), js=f"(...values) => easel.make('{kind}', {names}, values)", **quiet)


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
        method_shown, method, [formula, multiplier, several], preprocess=False, queue=False, show_progress="hidden", api_visibility="private"
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


def method_shown(method: Any) -> tuple[Any, ...]:
    """What the formula says, and which of its figures there are."""
    shown = method if method in METHODS else METHODS[0]
    return FORMULAS[shown], gr.update(visible=shown in WITH_MULTIPLIER), gr.update(visible=shown == "Sum of more")


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
