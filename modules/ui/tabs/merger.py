"""The Checkpoint Merger tab: A1111's controls in its order, and what it lacks folded below. assets/tabs/merger.js asks the API for the work."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape

import gradio as gr
from gradio.components import Component

from modules.ui.words import Words

METHODS = ("Weighted sum", "Add difference", "Sum of more", "No interpolation")
PRECISIONS = ("keep", "fp16", "bf16", "fp32")
CONFIGS = ("A, B or C", "B", "C", "Don't")
FORMULAS = {
    "Weighted sum": "A · (1 − M) + B · M",
    "Add difference": "A + (B − C) · M",
    "Sum of more": "A · (what is left) + each other · its share",
    "No interpolation": "A alone: to bake in a VAE, change the precision or discard weights",
}


# Pickers of files → the list that each offers.
MERGER_LISTS: Mapping[str, str] = {
    "modelmerger_primary_model_name": "checkpoints",
    "modelmerger_secondary_model_name": "checkpoints",
    "modelmerger_tertiary_model_name": "refiners",      # it may be left out again
    "modelmerger_other_model_names": "checkpoints",
    "modelmerger_bake_in_vae": "baked_vaes",
    "modelmerger_convert_model": "checkpoints",
    "modelmerger_extract_tuned": "checkpoints",
    "modelmerger_extract_base": "checkpoints",
}


def build(words: Words) -> dict[str, dict[str, Component]]:
    """The tab; returns the controls of each thing that can be made, by the names that its script uses."""
    with gr.Row(elem_id="modelmerger_page"):
        with gr.Column(elem_id="modelmerger_settings"):
            fields = merge_fields(words)
            gr.Button(words("Merge"), elem_id="modelmerger_merge", variant="primary")
            with gr.Accordion(words("Convert or prune"), open=False):
                conversion = convert_fields(words)
                gr.Button(words("Convert"), elem_id="modelmerger_convert")
            with gr.Accordion(words("Extract a LoRA from two checkpoints"), open=False):
                extraction = extract_fields(words)
                gr.Button(words("Extract"), elem_id="modelmerger_extract")
        with gr.Column(elem_id="modelmerger_made"):
            gr.HTML(elem_id="modelmerger_results", padding=False)
    return {"merge": fields, "convert": conversion, "extract-lora": extraction}


def merge_fields(words: Words) -> dict[str, Component]:
    with gr.Row():
        models = {
            letter: gr.Dropdown([], label=words(f"{which} model ({letter.upper()})"), elem_id=f"modelmerger_{which.lower()}_model_name")
            for letter, which in (("a", "Primary"), ("b", "Secondary"), ("c", "Tertiary"))
        }
    name = gr.Textbox("", label=words("Custom name (optional)"), elem_id="modelmerger_custom_name", max_length=150)
    method = gr.Radio(list(METHODS), value="Weighted sum", label=words("Interpolation method"), elem_id="modelmerger_interp_method")
    gr.HTML("".join(formulas(words)), elem_id="modelmerger_interp_description", padding=False)
    multiplier = gr.Slider(0, 1, 0.3, step=0.01, label=words("Multiplier (M)"), elem_id="modelmerger_interp_amount", buttons=[])
    with gr.Row(elem_id="modelmerger_sum"):
        others = gr.Dropdown([], multiselect=True, label=words("More models (D, E, …)"), elem_id="modelmerger_other_model_names")
        more = gr.Textbox("", label=words("Shares of B, C, …"), placeholder="0.3, 0.2", elem_id="modelmerger_shares")
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


def formulas(words: Words) -> Iterator[str]:
    """Of each method; the script shows that of the chosen one."""
    for method, formula in FORMULAS.items():
        yield f'<p data-method="{escape(method)}">{escape(words(formula))}</p>'


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
