"""The Checkpoint Merger tab: A1111's controls in its order, and our additions folded below.

assets/tabs/merger.js asks the API for the work.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

import gradio as gr
from gradio.components import Component

from modules.params.merge import Conversion, Extraction, Merge
from modules.params.merge_methods import MERGE_METHODS
from modules.ui.form import Form, TabFields
from modules.ui.widgets import Lists
from modules.ui.words import Words

TAB = "modelmerger"

# A1111's three pickers, and one for more: together they are the field `models`. Element id → list name.
MERGER_LISTS: Mapping[str, str] = {
    f"{TAB}_primary_model_name": "checkpoints",
    f"{TAB}_secondary_model_name": "checkpoints",
    f"{TAB}_tertiary_model_name": "refiners",      # it can be emptied again
    f"{TAB}_other_model_names": "checkpoints",
}


def merger_forms(lists: Lists, words: Words) -> dict[str, Form[Any]]:
    """Return the forms of model files, by job kind."""
    return {
        "merge": Form(Merge, TAB, lists, words, TabFields(source_pickers(words))),
        "convert": Form(Conversion, f"{TAB}_convert", lists, words),
        "extract_lora": Form(Extraction, f"{TAB}_extract", lists, words),
    }


def source_pickers(words: Words) -> dict[str, Component]:
    first = {
        letter: gr.Dropdown(
            [],
            label=words(f"{which} model ({letter.upper()})"),
            elem_id=f"{TAB}_{which.lower()}_model_name",
            render=False,
        )
        for letter, which in (("a", "Primary"), ("b", "Secondary"), ("c", "Tertiary"))
    }
    others = gr.Dropdown(
        [], multiselect=True, label=words("More models (D, E, …)"), elem_id=f"{TAB}_other_model_names", render=False
    )
    return {**first, "others": others}


def build(forms: Mapping[str, Form[Any]], words: Words) -> None:
    with gr.Row(elem_id=f"{TAB}_page"):
        with gr.Column(elem_id=f"{TAB}_settings"):
            merge_controls(forms["merge"], words)
            gr.Button(words("Merge"), elem_id=f"{TAB}_merge", variant="primary")
            with gr.Accordion(words("Convert or prune"), open=False):
                forms["convert"].rest()
                gr.Button(words("Convert"), elem_id=f"{TAB}_convert")
            with gr.Accordion(words("Extract a LoRA from two checkpoints"), open=False):
                forms["extract_lora"].rest()
                gr.Button(words("Extract"), elem_id=f"{TAB}_extract")
        with gr.Column(elem_id=f"{TAB}_made"):
            gr.HTML(elem_id=f"{TAB}_results", padding=False)


def merge_controls(form: Form[Merge], words: Words) -> None:
    with gr.Row():
        form.place("a", "b", "c")
    form.place("name", "method")
    gr.HTML("".join(formulas(words)), elem_id=f"{TAB}_interp_description", padding=False)
    form.place("multiplier")
    with gr.Row(elem_id=f"{TAB}_sum"):
        form.place("others", "more")
    with gr.Row():
        form.place("precision", "vae")
    with gr.Accordion(words("More"), open=False):
        form.rest()


def formulas(words: Words) -> Iterator[str]:
    """Yield each method's formula, with the field of its shares; the script shows those of the chosen one."""
    for method in MERGE_METHODS.values():
        data = f'data-method="{escape(method.name)}" data-shares="{method.shares}"'
        yield f"<p {data}>{escape(words(method.formula))}</p>"
