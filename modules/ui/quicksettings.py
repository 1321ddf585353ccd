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


def build(page: gr.Blocks, app: App, lists: Lists, others: Sequence[tuple[Component, str]], words: Words) -> dict[str, Component]:
    """The row; returns its pickers by the settings they choose.

    others: controls elsewhere that offer files, each with the name of its list; they follow what there is
    """
    with gr.Row(elem_id="quicksettings"):
        pickers = {name: picker(name, lists, words) for name in QUICK}
        again = words("Refresh the list of models")
        refresh = gr.Button(again, elem_id="refresh_sd_model_checkpoint", elem_classes="tool refresh")
        gr.HTML(elem_id="easel_model", padding=False)
        gr.HTML(elem_id="easel_queue", padding=False)
        gr.Button(words("Light or dark"), elem_id="easel_theme", elem_classes="tool theme")
    notes = gr.HTML(elem_id="easel_model_notes", padding=False)

    def show() -> list[Any]:
        return [*shown(app), notes_on(app, words), *(gr.update(choices=list(lists[name]())) for _, name in others)]

    def look_again(*values: Any) -> list[Any]:
        """New lists; what was chosen on this page stays, as long as it is there."""
        app.models.refresh()
        app.cards.begin()
        updates = show()
        return [*(kept(update, value) for update, value in zip(updates, values, strict=False)), *updates[len(values):]]

    quiet: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
    outputs = [*pickers.values(), notes, *(control for control, _ in others)]
    page.load(show, outputs=outputs, **quiet)
    refresh.click(look_again, list(pickers.values()), outputs, preprocess=False, **quiet)
    for name, control in pickers.items():
        control.input(partial(choose, app, name), [control], **quiet, preprocess=False)
    return pickers


def picker(name: str, lists: Lists, words: Words) -> Component:
    """A setting's own control, without its help: the row has no room."""
    if name == "sd_model_checkpoint":      # its list comes with the page, for it says more than names
        return gr.Dropdown([], label=words("Stable Diffusion checkpoint"), elem_id=f"setting_{name}", interactive=True)
    param = replace(declared(Settings)[name], help="")
    return component(param, defaults(Settings)[name], lists, words, elem_id=f"setting_{name}")


def shown(app: App) -> list[Any]:
    """What the pickers offer and what is chosen: broken files are there, marked, so that nobody looks for them in vain."""
    current = app.settings.current
    checkpoints = [(listed(found, found.title), found.name) for found in app.models.checkpoints.list()]
    vaes = [*((name, name) for name in ALWAYS_VAES), *((listed(found, found.name), found.name) for found in app.models.vaes.list())]
    vae = current.sd_vae if current.sd_vae in (name for _, name in vaes) else "Automatic"
    return [
        gr.update(choices=checkpoints, value=chosen(app)),
        gr.update(choices=vaes, value=vae, visible=len(vaes) > len(ALWAYS_VAES)),
        gr.update(value=current.CLIP_stop_at_last_layers),
    ]


def kept(update: dict[str, Any], value: Any) -> dict[str, Any]:
    """The update without its value, if the control's own is still to be had."""
    there = "choices" not in update or value in (name for _, name in update["choices"])
    return {name: told for name, told in update.items() if name != "value"} if there else update


def listed(file: ModelFile, title: str) -> str:
    return f"⚠ {file.name}" if file.problem else title


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
    problems = [*(found.problem for found in checkpoints if found.problem), *app.style_files.problems()]
    return ("" if checkpoints else empty(app.flags.paths.checkpoints, words)) + "".join(f"<p>⚠ {escape(problem)}</p>" for problem in problems)


def empty(folders: Sequence[Path], words: Words) -> str:
    sentence = words("There is no model yet. Put a checkpoint file into this folder, then press refresh:")
    return f"<p>{escape(sentence)} <code>{escape(str(folders[0]))}</code></p>"
