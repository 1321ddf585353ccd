"""Tabs that extensions of Easel's own API describe, drawn into the page."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import gradio as gr
from PIL import Image
from pydantic import ValidationError

from easel.pages import FormPart, Page, TabAnswer, TextPart
from modules.base.fields import checker, declared_params
from modules.plugins.announcing import undone_after_error
from modules.plugins.host import CallFailed, Host
from modules.plugins.native import NativeExtension
from modules.requests.choices import Lists
from modules.ui.form import Form
from modules.ui.words import Words


def build_declared_tabs(host: Host, lists: Lists, words: Words) -> None:
    """Draw the tabs inside the page's open tabs; one that fails is left out."""
    for native in host.natives():
        for number, title in enumerate(native.declaration.tabs):
            host.told_call(native.folder, "tab", draw_declared_tab, host, native, title, f"{native.name}_{number}",
                           partial(Form, lists=lists, words=words))


def draw_declared_tab(
    host: Host, native: NativeExtension, title: str, name: str, make_form: Callable[..., Form[Any]]
) -> None:
    page = Page()
    native.declaration.tabs[title](page)
    with undone_after_error(), gr.Tab(title, id=name, elem_id=f"tab_{name}", elem_classes="extension-tab"):
        for number, part in enumerate(page.parts):
            if isinstance(part, TextPart):
                gr.Markdown(part.markdown)
            else:
                draw_form(part, partial(answered_form, host, native, part), make_form(part.fields, f"{name}_{number}"))


def draw_form(part: FormPart, answer: Callable[..., tuple[str, Any]], form: Form[Any]) -> None:
    """Draw a form with its button, and the places of the answer below it."""
    form.rest()
    button = gr.Button(part.button, variant="primary")
    text, pictures = gr.Markdown(), gr.Gallery(visible=False, show_label=False)
    button.click(answer, inputs=list(form.components.values()), outputs=[text, pictures])


def answered_form(host: Host, native: NativeExtension, part: FormPart, *values: Any) -> tuple[str, Any]:
    """Return what a form's button shows: Markdown, and pictures."""
    nothing = gr.update(visible=False)
    try:
        given = checker(part.fields).validate_python(dict(zip(declared_params(part.fields), values, strict=True)))
        submit = host.with_settings(native, part.submit)
        found: TabAnswer = host.call(native.folder, "form", submit, given)
    except CallFailed as error:
        return f"**{error}**", nothing
    except ValidationError as error:
        first = error.errors()[0]
        return f"**{first['loc'][0]} cannot be {first['input']!r:.80}. {first['msg']}.**", nothing
    if isinstance(found, str):
        return found, nothing
    return "", gr.update(value=[found] if isinstance(found, Image.Image) else list(found), visible=True)
