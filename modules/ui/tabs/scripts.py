"""A1111's scripts at the foot of the settings: a choice, and the arguments of the chosen script.

Dynamic parts are in assets/generation/scripts.js.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

import gradio as gr

from modules.params.scripts import SCRIPTS, GenerationKind, Request, Script
from modules.plugins.native import NativeExtension
from modules.ui.form import NO_OWN_FIELDS, Form, TabFields
from modules.ui.placing import Placing
from modules.ui.widgets import Lists
from modules.ui.words import Words


class ScriptedForm(Form[Request]):
    """A request's form, with a form for each script that the request may choose."""

    def __init__(
        self, request: type[Request], kind: GenerationKind, lists: Lists, words: Words, own: TabFields = NO_OWN_FIELDS,
        scripts: Iterable[Script] = SCRIPTS,
    ) -> None:
        super().__init__(request, kind, lists, words, own)
        self.kind = kind
        offered = [script for script in scripts if kind in script.kinds]
        self.helps = {script.name: script.help for script in offered}
        self.scripts: dict[str, Form[Any]] = {
            script.name: Form(script.arguments, id_of(script, kind), lists, words) for script in offered
        }
        self.components["script_name"] = script_dropdown(self.scripts, kind, words)
        self.defaults["script_name"] = ""
        self.extensions: dict[str, Form[Any]] = {}      # the arguments of extensions of Easel's own API
        for form in self.scripts.values():
            self.components |= {control.elem_id: control for control in form.components.values()}
            self.defaults |= {control.elem_id: form.defaults[name] for name, control in form.components.items()}


def id_of(script: Script, kind: GenerationKind) -> str:
    """Return the prefix of its controls' ids: A1111's, with the kind if the script is in both."""
    title = re.sub(r"[^a-z0-9_]", "", script.name.lower().replace(" ", "_"))
    return f"script_{kind}_{title}" if len(script.kinds) > 1 else f"script_{title}"


def extend(form: ScriptedForm[Any], placing: Placing) -> None:
    """Let a form have extensions' scripts among those to choose from, and announce its components."""
    form.placing = placing
    titles = [script.title for script in placing.selectable() if script.title not in form.scripts]
    form.components["script_name"].choices += [(title, title) for title in titles]


def add_arguments(form: ScriptedForm[Any], natives: Iterable[NativeExtension], lists: Lists, words: Words) -> None:
    """Let a form have the arguments of extensions of Easel's own API; they stand where each extension's slot is."""
    for native in natives:
        if form.kind in native.declaration.kinds and (declared := native.declaration.argument_class):
            own = form.extensions[native.name] = Form(declared, f"{form.kind}_{native.name}", lists, words)
            form.components |= {control.elem_id: control for control in own.components.values()}
            form.defaults |= {control.elem_id: own.defaults[name] for name, control in own.components.items()}


def draw_arguments(form: ScriptedForm[Any], native: NativeExtension, words: Words) -> None:
    """Draw an extension's arguments in a fold of their own."""
    title, about = words(native.declaration.title), words(native.declaration.about)
    with gr.Accordion(title, open=False, elem_id=f"{form.kind}_{native.name}", elem_classes="extension-arguments"):
        if about:
            gr.HTML(f'<p class="hint">{escape(about)}</p>', padding=False)
        form.extensions[native.name].rest()


def script_dropdown(names: Mapping[str, Any], kind: GenerationKind, words: Words) -> gr.Dropdown:
    choices = [(words("None"), ""), *((words(name), name) for name in names)]
    return gr.Dropdown(
        choices,
        value="",
        label=words("Script"),
        info=words(HELP),
        elem_id=f"{kind}_script_list",
        interactive=True,
        render=False,
    )


def build(form: ScriptedForm[Any], words: Words) -> None:
    with gr.Column(elem_id=f"{form.kind}_script_container", elem_classes="scripts"):
        form.placing.always_on()
        form.placing.place(form.components["script_name"])
        for name, arguments in form.scripts.items():
            with gr.Column(elem_classes="script"):
                gr.HTML(
                    f'<p class="hint" data-script="{escape(name)}">{escape(words(form.helps[name]))}</p>', padding=False
                )
                arguments.rest()
                if text := arguments.components.get("text"):
                    gr.Button(words("Load a text file"), elem_id=f"{text.elem_id}_file", elem_classes="load-text")
        for script in form.placing.selectable():
            with gr.Column(elem_classes="script"):
                gr.HTML(f'<p class="hint" data-script="{escape(script.title)}"></p>', padding=False)
                form.placing.draw(script)


HELP = "What is done instead of drawing the request once."
