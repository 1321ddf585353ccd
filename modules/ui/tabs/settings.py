"""The Settings tab: every declared setting, by section, each with a way back to its default."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from html import escape
from itertools import groupby
from typing import Any

import gradio as gr
from gradio.components import Component

from modules.app.app import App
from modules.base.errors import WebUIError
from modules.base.fields import Param, declared, defaults
from modules.engine.jobs import LOCAL
from modules.settings.options import Settings
from modules.tasks.settings_change import change_settings
from modules.ui.quicksettings import QUICK
from modules.ui.widgets import Lists, component
from modules.ui.words import Words

ELSEWHERE = frozenset(QUICK)

TITLES: Mapping[str, str] = {
    "sd": "Stable Diffusion",
    "sdxl": "SDXL",
    "vae": "VAE",
    "img2img": "img2img",
    "upscaling": "Upscaling",
    "face-restoration": "Face restoration",
    "extra_networks": "Extra networks",
    "optimizations": "Optimisations",
    "hypertile": "Hypertile",
    "compatibility": "Compatibility",
    "sampler-params": "Sampler parameters",
    "saving-images": "Saving images/grids",
    "saving-paths": "Paths for saving",
    "saving-to-dirs": "Saving to a directory",
    "infotext": "Generation data",
    "ui": "Page",
}


def build(tab: gr.Tab, app: App, lists: Lists, words: Words) -> None:
    controls: dict[str, Component] = {}
    with gr.Row(elem_id="settings_bar"):
        gr.HTML(elem_id="settings_search", padding=False)
        apply = gr.Button(words("Apply settings"), elem_id="settings_submit", variant="primary")
        said = gr.HTML(elem_id="settings_result", padding=False)
    gr.HTML(elem_id="settings_sections", padding=False)
    for section, params in sections():
        with gr.Column(elem_id=f"settings_{section}", elem_classes="settings-section"):
            gr.HTML(f"<h2>{escape(words(TITLES.get(section, section)))}</h2>", padding=False)
            for name, param in params:
                controls[name] = row(name, param, lists, words)
    names = list(controls)

    def change(request: gr.Request, *values: Any) -> str:
        owner = request.request.scope.get("owner", LOCAL)
        return applied(app, owner, dict(zip(names, values, strict=True)), words)

    quiet: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
    apply.click(change, list(controls.values()), said, preprocess=False, **quiet)
    tab.select(lambda: [getattr(app.settings.current, name) for name in names], outputs=list(controls.values()), **quiet)


def sections() -> Iterator[tuple[str, list[tuple[str, Param]]]]:
    """Section → its settings, both in declared order."""
    params = [(name, param) for name, param in declared(Settings).items() if name not in ELSEWHERE]
    order = list(dict.fromkeys(param.section for _, param in params))
    params.sort(key=lambda pair: order.index(pair[1].section))
    for section, group in groupby(params, key=lambda pair: pair[1].section):
        yield section, list(group)


def row(name: str, param: Param, lists: Lists, words: Words) -> Component:
    """One setting, and the button that puts its default back (to be applied like any change)."""
    with gr.Row(elem_classes="setting"):
        control = component(param, defaults(Settings)[name], lists, words, elem_id=f"setting_{name}")
        reset = gr.Button(words("Back to the default"), elem_id=f"reset_{name}", elem_classes="tool undo")
    default = json.dumps(defaults(Settings)[name])
    reset.click(None, None, control, js=f"() => {default}", queue=False, show_progress="hidden", api_visibility="private")
    return control


def applied(app: App, owner: str, values: Mapping[str, Any], words: Words) -> str:
    """Change what differs; says what was done, or what is wrong, as HTML."""
    before = app.settings.current
    wanted = {name: value for name, value in values.items() if value != getattr(before, name)}
    try:
        change_settings(app, owner, wanted)
    except WebUIError as error:
        return f'<p class="refused" role="alert">{escape(str(error))} {escape(error.hint)}</p>'
    after = app.settings.current
    names = [name for name in wanted if getattr(before, name) != getattr(after, name)]
    labels = ", ".join(words(declared(Settings)[name].label) for name in names)
    return f'<p role="status">{escape(words("Changed:") + " " + labels if names else words("Nothing was changed."))}</p>'
