"""The Settings tab: every declared setting, by section, each with a button for its default."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from itertools import groupby

import gradio as gr
from gradio.components import Component

from modules.base.fields import Param, declared_params, defaults
from modules.settings.choices import MODEL_SETTINGS
from modules.settings.options import Settings
from modules.ui.widgets import Lists, component
from modules.ui.words import Words

SHOWN_ELSEWHERE = frozenset(MODEL_SETTINGS)

TITLES: Mapping[str, str] = {
    "sd": "Stable Diffusion",
    "sdxl": "SDXL",
    "vae": "VAE",
    "img2img": "img2img",
    "upscaling": "Upscaling",
    "control-net": "ControlNet",
    "ADetailer": "Detailer",
    "face-restoration": "Face restoration",
    "extra_networks": "Extra networks",
    "optimizations": "Optimisations",
    "system": "System",
    "hypertile": "Hypertile",
    "compatibility": "Compatibility",
    "sampler-params": "Sampler parameters",
    "saving-images": "Saving images/grids",
    "saving-paths": "Paths for saving",
    "saving-to-dirs": "Saving to a directory",
    "infotext": "Generation data",
    "ui": "Page",
    "queue": "Queue",
    "safety-checker": "Safety checker",
    "accounts": "Accounts and limits",
}


def build(lists: Lists, words: Words) -> dict[str, Component]:
    """Build the tab; return the controls by setting.

    assets/tabs/settings.js applies them through the API and adds the buttons for defaults: gradio's start takes as long
    as it has elements.
    """
    controls: dict[str, Component] = {}
    with gr.Row(elem_id="settings_bar"):
        gr.HTML(elem_id="settings_search", padding=False)
        gr.Button(words("Apply settings"), elem_id="settings_submit", variant="primary")
        gr.HTML(elem_id="settings_result", padding=False)
    gr.HTML(elem_id="settings_sections", padding=False)
    for section, params in sections():
        with gr.Column(elem_id=f"settings_{section}", elem_classes="settings-section"):
            gr.HTML(f"<h2>{escape(words(TITLES.get(section, section)))}</h2>", padding=False)
            for name, param in params:
                value, placing = defaults(Settings)[name], {"elem_id": f"setting_{name}", "elem_classes": "setting"}
                controls[name] = component(param, value, lists, words, **placing)
    # filled by assets/tabs/defaults.js
    with gr.Column(elem_id="settings_defaults", elem_classes="settings-section"):
        gr.HTML(f"<h2>{escape(words('Defaults'))}</h2>", padding=False)
    return controls


def element_ids_of_servers() -> list[str]:
    """Return the element ids of settings that only an administrator may change: controls, and whole sections."""
    shown = list(sections())
    controls = [f"setting_{name}" for _, params in shown for name, param in params if param.server]
    return controls + [f"settings_{section}" for section, params in shown if all(param.server for _, param in params)]


def labels(words: Words) -> dict[str, str]:
    """Return the settings of this tab in the order of their controls, by label."""
    return {name: words(param.label) for _, params in sections() for name, param in params}


def sections() -> Iterator[tuple[str, list[tuple[str, Param]]]]:
    """Yield section → its settings: sections in the order of their titles, settings as they are declared."""
    params = [(name, param) for name, param in declared_params(Settings).items() if name not in SHOWN_ELSEWHERE]
    order = list(TITLES)
    params.sort(key=lambda pair: order.index(pair[1].section))
    for section, group in groupby(params, key=lambda pair: pair[1].section):
        yield section, list(group)
