"""The line above the tabs: which model draws, what the queue looks like, light or dark."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr

from modules.app.app import App
from modules.base.errors import WebUIError
from modules.ui.words import Words

if TYPE_CHECKING:
    from modules.models.catalog import ModelFile


def build(page: gr.Blocks, app: App, words: Words) -> gr.Dropdown:
    """The row; returns the checkpoint picker, whose value goes with each request of this page."""
    with gr.Row(elem_id="quicksettings"):
        label = words("Stable Diffusion checkpoint")
        checkpoint = gr.Dropdown([], label=label, elem_id="setting_sd_model_checkpoint", interactive=True)
        again = words("Refresh the list of models")
        refresh = gr.Button(again, elem_id="refresh_sd_model_checkpoint", elem_classes="tool refresh")
        gr.HTML(elem_id="easel_model", padding=False)
        gr.HTML(elem_id="easel_queue", padding=False)
        gr.Button(words("Light or dark"), elem_id="easel_theme", elem_classes="tool theme")
    notes = gr.HTML(elem_id="easel_model_notes", padding=False)

    def show() -> tuple[Any, str]:
        return shown(app), notes_on(app, words)

    def look_again() -> tuple[Any, str]:
        app.models.checkpoints.refresh()
        return show()

    quiet: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
    page.load(show, outputs=[checkpoint, notes], **quiet)
    refresh.click(look_again, outputs=[checkpoint, notes], **quiet)
    checkpoint.input(lambda name: choose(app, name), [checkpoint], **quiet, preprocess=False)
    return checkpoint


def shown(app: App) -> Any:
    """The picker's choices and what is chosen: broken files are there, marked, so that nobody looks for them in vain."""
    checkpoints = app.models.checkpoints.list()
    return gr.update(choices=[(listed(found), found.name) for found in checkpoints], value=chosen(app))


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


def choose(app: App, name: str) -> None:
    app.settings.change(sd_model_checkpoint=name)


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
