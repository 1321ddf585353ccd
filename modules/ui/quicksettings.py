"""The row above the tabs: the pickers of the model, the state of the queue, light or dark.

Its values come with the document.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gradio as gr
from gradio.components import Component

from modules.base.fields import declared_params, defaults
from modules.settings.choices import MODEL_SETTINGS
from modules.settings.options import Settings
from modules.ui.widgets import Lists, component
from modules.ui.words import Words

# Pickers of files → the name of the list.
PICKER_LISTS: Mapping[str, str] = {"setting_sd_model_checkpoint": "titled_checkpoints", "setting_sd_vae": "titled_vaes"}


QUICK_LIST, QUICK_LABEL = "quicksettings_list", "Quicksettings list"      # A1111's names
QUICK_HELP = "Settings beside the checkpoint above the tabs; what is changed there holds at once."
USUAL_QUICK = ("sd_model_checkpoint",)      # A1111's; the checkpoint, VAE and clip skip are always there


def build(lists: Lists, words: Words) -> dict[str, Component]:
    """Build the row; return its pickers by setting."""
    pickers = {name: picker(name, lists, words) for name in MODEL_SETTINGS}
    with gr.Row(elem_id="quicksettings"):
        pickers["sd_model_checkpoint"].render()
        gr.Button(
            words("Refresh the list of models"), elem_id="refresh_sd_model_checkpoint", elem_classes="tool refresh"
        )
        gr.Button(words("VAE and clip skip"), elem_id="easel_quick_more", elem_classes="tool sliders")
        pickers["sd_vae"].render()
        pickers["CLIP_stop_at_last_layers"].render()
        gr.HTML(elem_id="easel_model", padding=False)
        gr.HTML(elem_id="easel_queue", padding=False)
        gr.Button(words("Light or dark"), elem_id="easel_theme", elem_classes="tool theme")
    gr.HTML(elem_id="easel_quick_list", padding=False)
    gr.HTML(elem_id="easel_model_notes", padding=False)
    return pickers


def picker(name: str, lists: Lists, words: Words) -> Component:
    """Return a setting's own control."""
    if name == "sd_model_checkpoint":  # its list comes with the page, with more data than names
        return gr.Dropdown(
            [],
            label=words("Stable Diffusion checkpoint"),
            info=words("The model that draws, for your own pictures alone."),
            elem_id=f"setting_{name}",
            interactive=True,
            render=False,
        )
    param, value = declared_params(Settings)[name], defaults(Settings)[name]
    return component(param, value, lists, words, elem_id=f"setting_{name}", render=False)


def build_quick_list(labels: Mapping[str, str], words: Words) -> dict[str, Component]:
    """Build the choice of settings above the tabs; return the control by its setting's name.

    labels: setting → label, of those that may be chosen
    """
    named = ((label, name) for name, label in labels.items())
    choices = [(words("Stable Diffusion checkpoint"), USUAL_QUICK[0]), *named]
    with gr.Column(elem_id="settings_quick", elem_classes="settings-section"):
        gr.HTML(f"<h2>{words(QUICK_LABEL)}</h2>", padding=False)
        control = gr.Dropdown(
            choices, value=list(USUAL_QUICK), multiselect=True, label=words(QUICK_LABEL), info=words(QUICK_HELP),
            elem_id=f"setting_{QUICK_LIST}", elem_classes="setting", interactive=True, allow_custom_value=True,
        )
    return {QUICK_LIST: control}


def quick_list_facts(words: Words) -> dict[str, dict[str, Any]]:
    """Return the setting's default and its label, by the names of the page's facts."""
    return {"settings": {QUICK_LIST: list(USUAL_QUICK)}, "labels": {QUICK_LIST: words(QUICK_LABEL)}}
