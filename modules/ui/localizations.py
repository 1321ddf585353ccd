"""The page's language: chosen in Settings or beside light and dark, else the browser's."""

from __future__ import annotations

from typing import Any

import gradio as gr
from gradio.components import Component
from starlette.datastructures import Headers
from starlette.types import Scope

from modules.app.app import App
from modules.app.languages import LANGUAGE_SETTING, NO_LANGUAGE, Language, language_of, offered_languages
from modules.ui.words import Words

LABEL = "Language"
LANGUAGE_HELP = "The page's language, once it is opened anew; also a file of localizations/, or an extension's."


def page_language(app: App, scope: Scope) -> Language:
    """Return the language of the page that is asked for."""
    return language_of(app, scope["account"].name, accepted=Headers(scope=scope).get("accept-language", ""))


def build_localization(app: App, words: Words) -> dict[str, Component]:
    """Build the choice of a language; return the control by its setting's name."""
    with gr.Column(elem_id="settings_localization", elem_classes="settings-section"):
        gr.HTML(f"<h2>{words(LABEL)}</h2>", padding=False)
        control = gr.Dropdown(
            [(name, value) for value, name in offered_languages(app).items()], value=NO_LANGUAGE, label=words(LABEL),
            info=words(LANGUAGE_HELP), elem_id=f"setting_{LANGUAGE_SETTING}", elem_classes="setting", interactive=True,
        )
    return {LANGUAGE_SETTING: control}


def localization_facts(words: Words) -> dict[str, dict[str, Any]]:
    """Return the setting's default and its label, by the names of the page's facts."""
    return {"settings": {LANGUAGE_SETTING: NO_LANGUAGE}, "labels": {LANGUAGE_SETTING: words(LABEL)}}
