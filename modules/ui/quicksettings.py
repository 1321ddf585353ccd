"""The line above the tabs: which model draws, what the queue looks like, light or dark."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr
from gradio.components import Component

from modules.app.app import App
from modules.base.errors import WebUIError
from modules.base.fields import declared, defaults
from modules.settings.options import Settings
from modules.ui.widgets import Lists, component
from modules.ui.words import Words

if TYPE_CHECKING:
    from modules.models.catalog import ModelFile


ALWAYS_VAES = ("Automatic", "None")
QUICK = ("sd_model_checkpoint", "sd_vae", "CLIP_stop_at_last_layers")      # settings that go with each request of the page


def build(page: gr.Blocks, app: App, lists: Lists, words: Words) -> dict[str, Component]:
    """The row; returns its pickers by the settings they choose."""
    with gr.Row(elem_id="quicksettings"):
        pickers = {name: picker(name, lists, words) for name in QUICK}
        again = words("Refresh the list of models")
        refresh = gr.Button(again, elem_id="refresh_sd_model_checkpoint", elem_classes="tool refresh")
        gr.HTML(elem_id="easel_model", padding=False)
        gr.HTML(elem_id="easel_queue", padding=False)
        gr.Button(words("Light or dark"), elem_id="easel_theme", elem_classes="tool theme")
    notes = gr.HTML(elem_id="easel_model_notes", padding=False)

    def show() -> list[Any]:
        return [*shown(app, lists), notes_on(app, words)]

    def look_again() -> list[Any]:
        app.models.refresh()
        return show()

    quiet: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
    outputs = [*pickers.values(), notes]
    page.load(show, outputs=outputs, **quiet)
    refresh.click(look_again, outputs=outputs, **quiet)
    for name, control in pickers.items():
        control.input(partial(choose, app, name), [control], **quiet, preprocess=False)
    return pickers


def picker(name: str, lists: Lists, words: Words) -> Component:
    """A setting's own control, without its help: the row has no room."""
    if name == "sd_model_checkpoint":      # its list comes with the page, for it says more than names
        return gr.Dropdown([], label=words("Stable Diffusion checkpoint"), elem_id=f"setting_{name}", interactive=True)
    param = replace(declared(Settings)[name], help="")
    return component(param, defaults(Settings)[name], lists, words, elem_id=f"setting_{name}")


def shown(app: App, lists: Lists) -> list[Any]:
    """What the pickers offer and what is chosen: broken files are there, marked, so that nobody looks for them in vain."""
    checkpoints, current = app.models.checkpoints.list(), app.settings.current
    vaes = list(lists["vaes"]())
    return [
        gr.update(choices=[(listed(found), found.name) for found in checkpoints], value=chosen(app)),
        gr.update(choices=vaes, value=current.sd_vae if current.sd_vae in vaes else "Automatic", visible=len(vaes) > len(ALWAYS_VAES)),
        gr.update(value=current.CLIP_stop_at_last_layers),
    ]


def listed(checkpoint: ModelFile) -> str:
    return f"⚠ {checkpoint.name}" if checkpoint.problem else checkpoint.title


def chosen(app: App) -> str | None:
    """The name of the model used if nobody says otherwise; None if there is none, or it has gone."""
    try:
        wanted = app.settings.current.sd_model_checkpoint
        found = app.models.checkpoints.find(wanted) if wanted else app.models.checkpoints.default()
    except WebUIError:
        return None
    return found.name if found else None


def choose(app: App, name: str, value: Any) -> None:
    app.settings.change(**{name: value})


def notes_on(app: App, words: Words) -> str:
    """What is wrong with the files, or where to put one if there is none."""
    checkpoints = app.models.checkpoints.list()
    if not checkpoints:
        return empty(app.flags.paths.checkpoints, words)
    broken = [found for found in checkpoints if found.problem]
    return "".join(f"<p>⚠ {escape(found.problem)}</p>" for found in broken)


def empty(folders: Sequence[Path], words: Words) -> str:
    sentence = words("There is no model yet. Put a checkpoint file into this folder, then press refresh:")
    return f"<p>{escape(sentence)} <code>{escape(str(folders[0]))}</code></p>"
