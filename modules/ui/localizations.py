"""The page's language: a table of words in `localizations/`, of the data folder or an extension, chosen in Settings."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.components import Component

from modules.app.app import App
from modules.base.errors import Invalid
from modules.plugins.manifest import LOCALIZATIONS
from modules.ui.words import Words

log = logging.getLogger(__name__)
SETTING, LABEL, NO_LOCALIZATION = "localization", "Localization", "None"      # A1111's names
LANGUAGE_HELP = "The page's language, once it is opened anew: a file of localizations/, or an extension's."
LARGEST_TABLE = 8 * 2**20       # bytes


def localization_files(app: App) -> dict[str, Path]:
    """Return the tables of words by name; a file of the data folder comes before an extension's."""
    own = sorted((app.flags.paths.data_dir / LOCALIZATIONS).glob("*.json"))
    files = [path for state in app.extensions.active for path in state.extension.localizations]
    return {path.stem: path for path in [*files, *own] if path.is_file()}


def words_of(app: App, owner: str) -> Mapping[str, str]:
    """Return the words of an account's language: English text → the text shown; none for English."""
    chosen = str(app.data_of(owner).settings.foreign.get(SETTING) or NO_LOCALIZATION)
    path = localization_files(app).get(chosen)
    if path is None:
        return {}
    try:
        if path.stat().st_size > LARGEST_TABLE:
            raise Invalid(f"{path.name} is longer than {LARGEST_TABLE >> 20} MiB.", "Take another one.")
        return Words.read(path).table
    except (Invalid, OSError) as error:
        log.warning("The page stays in English: %s", error)
        return {}


def build_localization(app: App, words: Words) -> dict[str, Component]:
    """Build the choice of a language, where there is any; return the control by its setting's name."""
    names = sorted(localization_files(app))
    if not names:
        return {}
    with gr.Column(elem_id="settings_localization", elem_classes="settings-section"):
        gr.HTML(f"<h2>{words(LABEL)}</h2>", padding=False)
        control = gr.Dropdown(
            [NO_LOCALIZATION, *names], value=NO_LOCALIZATION, label=words(LABEL), info=words(LANGUAGE_HELP),
            elem_id=f"setting_{SETTING}", elem_classes="setting", interactive=True,
        )
    return {SETTING: control}


def localization_facts(app: App, words: Words) -> dict[str, dict[str, Any]]:
    """Return the setting's default and its label, by the names of the page's facts."""
    if not localization_files(app):
        return {"settings": {}, "labels": {}}
    return {"settings": {SETTING: NO_LOCALIZATION}, "labels": {SETTING: words(LABEL)}}
