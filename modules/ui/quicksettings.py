"""The line above the tabs: which model draws, what the queue looks like, light or dark."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr
from gradio.components import Component

from modules.app.app import App
from modules.base.fields import declared, defaults
from modules.requests.model_choice import ALWAYS_VAES, missing_choices
from modules.settings.choices import MODEL_SETTINGS
from modules.settings.options import Settings
from modules.ui.widgets import Lists, component
from modules.ui.words import Words

if TYPE_CHECKING:
    from modules.library.catalog import ModelFile

LISTED = ("sd_model_checkpoint", "sd_vae")      # whose choices are files


def build(app: App, lists: Lists, others: Sequence[tuple[Component, str]], words: Words) -> dict[str, Component]:
    """The row; returns its pickers by the settings they choose. What they offer and what is chosen comes with the document.

    others: controls elsewhere that offer files, each with the name of its list; they follow what there is
    """
    pickers = {name: picker(name, lists, words) for name in MODEL_SETTINGS}
    with gr.Row(elem_id="quicksettings"):
        pickers["sd_model_checkpoint"].render()
        refresh = gr.Button(words("Refresh the list of models"), elem_id="refresh_sd_model_checkpoint", elem_classes="tool refresh")
        gr.Button(words("VAE and clip skip"), elem_id="easel_quick_more", elem_classes="tool sliders")
        pickers["sd_vae"].render()
        pickers["CLIP_stop_at_last_layers"].render()
        gr.HTML(elem_id="easel_model", padding=False)
        gr.HTML(elem_id="easel_queue", padding=False)
        gr.Button(words("Light or dark"), elem_id="easel_theme", elem_classes="tool theme")
    notes = gr.HTML(elem_id="easel_model_notes", padding=False)

    def look_again() -> list[Any]:
        """New lists; what was chosen on this page stays chosen."""
        app.cards.look_again()
        found = offered(app)
        updates = [gr.update(choices=found[name], visible=has_choice(name, found)) for name in LISTED]
        files = [list(lists[name]()) for _, name in others]
        return [*updates, notes_on(app, words), *(gr.update(choices=choices, visible=bool(choices)) for choices in files)]

    outputs = [*(pickers[name] for name in LISTED), notes, *(control for control, _ in others)]
    refresh.click(look_again, None, outputs, queue=False, show_progress="hidden", api_visibility="private")
    return pickers


def picker(name: str, lists: Lists, words: Words) -> Component:
    """A setting's own control, without its help: the row has no room."""
    if name == "sd_model_checkpoint":      # its list comes with the page, for it says more than names
        return gr.Dropdown([], label=words("Stable Diffusion checkpoint"), elem_id=f"setting_{name}", interactive=True, render=False)
    param = replace(declared(Settings)[name], help="")
    return component(param, defaults(Settings)[name], lists, words, elem_id=f"setting_{name}", render=False)


def offered(app: App) -> dict[str, list[tuple[str, str]]]:
    """What the pickers offer: broken files are there, marked, so that nobody looks for them in vain."""
    return {
        "sd_model_checkpoint": [(listed(found, found.title), found.name) for found in app.models.checkpoints.list()],
        "sd_vae": [*((name, name) for name in ALWAYS_VAES), *((listed(found, found.name), found.name) for found in app.models.vaes.list())],
    }


def has_choice(name: str, found: Mapping[str, Sequence[Any]]) -> bool:
    """Where there is no VAE file, nobody needs to choose one."""
    return name != "sd_vae" or len(found[name]) > len(ALWAYS_VAES)


def listed(file: ModelFile, title: str) -> str:
    return f"⚠ {file.name}" if file.problem else title


def notes_on(app: App, words: Words) -> str:
    """What is wrong with the files, or where to put one if there is none."""
    checkpoints = app.models.checkpoints.list()
    problems = [*missing_choices(app), *(found.problem for found in checkpoints if found.problem), *app.style_files.problems()]
    if app.settings.problem:
        problems.insert(0, app.settings.problem)
    return ("" if checkpoints else empty(app.models.checkpoints.roots, words)) + "".join(f"<p>⚠ {escape(problem)}</p>" for problem in problems)


def empty(folders: Sequence[Path], words: Words) -> str:
    sentence = words("There is no model yet. Put a checkpoint file into this folder, then press refresh:")
    return f"<p>{escape(sentence)} <code>{escape(str(folders[0]))}</code></p>"
