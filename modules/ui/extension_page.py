"""Extensions' own places in the page: their tabs, their sections of the settings, and what the page's scripts know."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from html import escape
from html.parser import HTMLParser
from typing import Any
from urllib.parse import quote

import gradio as gr
from gradio.components import Component
from gradio.context import Context

from modules.base.fields import declared_params
from modules.plugins.announcing import drawn_whole, undone_after_error
from modules.plugins.callbacks import ExtensionListener
from modules.plugins.host import Host, surface
from modules.plugins.page_values import is_json
from modules.ui.form import Form
from modules.ui.store import QUIET
from modules.ui.tabs.scripts import ScriptedForm
from modules.ui.widgets import component
from modules.ui.words import Words

WEB = ("https://", "http://")                   # of an address that a link may lead to
ADDRESS_SIGNS = "%/:=&?~#+!$,;'@*[]"              # that stand in an address as they are: no parenthesis, which ends it
MARKDOWN_SIGNS = re.compile(r"[\\`*_<>~$|]")      # that would mean something in a text; brackets alone mean nothing


@dataclass(frozen=True)
class ExtensionTab:
    """A tab of an extension: a page of its own, rendered into ours."""

    extension: str
    page: gr.Blocks
    title: str
    name: str       # of its element, after "tab_"


def extension_tabs(host: Host) -> list[ExtensionTab]:
    """Have all tabs of extensions made, each in a page of its own outside of any."""
    found: list[ExtensionTab] = []
    for listener in host.listeners("ui_tabs"):
        with outside_page():
            found += host.told_call(listener.extension, "ui_tabs", made_tabs, listener) or ()
    return found


def made_tabs(listener: ExtensionListener) -> list[ExtensionTab]:
    made = listener.function() or ()
    return [ExtensionTab(listener.extension, page, str(title), str(name)) for page, title, name in made]


@contextmanager
def outside_page() -> Iterator[None]:
    """Let components that are made within stand in no page."""
    root, block = Context.root_block, Context.block
    Context.root_block = Context.block = None
    try:
        yield
    finally:
        Context.root_block, Context.block = root, block


def build_extension_tabs(host: Host, forms: Sequence[ScriptedForm[Any]]) -> None:
    """Have the tabs made, which may look for what the forms of pictures have, and render them inside the page's."""
    if not host.active:
        return
    for form in forms:
        surface("ui").set_paste_fields(form.kind, paste_fields(form))
    for tab in extension_tabs(host):
        host.told_call(tab.extension, "page", draw_tab, tab)


def draw_tab(tab: ExtensionTab) -> None:
    """Render a tab into the page; one that cannot be is left out of it."""
    place: dict[str, Any] = {"id": tab.name, "elem_id": f"tab_{tab.name}", "elem_classes": "extension-tab"}
    with undone_after_error(), gr.Tab(tab.title, **place):
        tab.page.render()
        if sheet := getattr(tab.page, "css", None):
            gr.HTML(f"<style>{sheet}</style>", padding=False)


def connect_sending_buttons(host: Host) -> None:
    """Let the buttons that extensions have registered send their text and picture to a tab, in the browser."""
    if not host.active:
        return
    blocks = Context.root_block.blocks
    for each in surface("infotext_utils").bindings():
        sources = {"text": each.source_text_component, "picture": each.source_image_component}
        given = {name: found for name, found in sources.items() if getattr(found, "_id", None) in blocks}
        if getattr(each.paste_button, "_id", None) in blocks:
            what = json.dumps([str(each.tabname), list(given), str(each.source_tabname or "")])
            js = f"(...values) => easel.sendTo(...{what}, values)"
            each.paste_button.click(None, list(given.values()), None, js=js, **QUIET)


def paste_fields(form: ScriptedForm[Any]) -> list[tuple[Component, str]]:
    """Return the controls of a form with the names that generation data have for them: the prompts first."""
    names = {"prompt": "Prompt", "negative_prompt": "Negative prompt"}
    params = declared_params(form.request)
    names |= {name: param.infotext or param.label for name, param in params.items() if name not in names}
    return [(form.components[name], shown) for name, shown in names.items() if name in form.components]


def build_extension_settings(host: Host, current: Mapping[str, Any], words: Words) -> dict[str, Component]:
    """Build a section of the settings for each that extensions have declared; return the controls by setting."""
    controls: dict[str, Component] = {}
    for (section, title), options in by_section(host.options).items():
        with gr.Column(elem_id=f"settings_{section}", elem_classes="settings-section"):
            gr.HTML(f"<h2>{escape(words(str(title)))}</h2>", padding=False)
            for name, option in options.items():
                if option.do_not_save:
                    gr.HTML(str(option.default or ""), elem_classes="setting-text", padding=False)
                    continue
                draw = partial(drawn_setting, name, option, current.get(name, option.default), words)
                owner = host.owners.get(name)
                if control := host.told_call(owner, "settings", draw) if owner else draw():
                    controls[name] = control
    return controls


def drawn_setting(name: str, option: Any, value: Any, words: Words) -> Component | None:
    """Draw an extension's setting; one that cannot be leaves nothing in the page."""
    draw = option_with_refresh if option.refresh else option_control
    control: Component | None = drawn_whole(partial(draw, name, option, value, words))
    return control


def option_with_refresh(name: str, option: Any, value: Any, words: Words) -> Component | None:
    """Return the control of a setting, with a button beside it that has its choices looked up anew."""
    with gr.Row(elem_classes="setting-refreshed"):
        if control := option_control(name, option, value, words):
            refresh = option.refresh, option.component_args, f"refresh_{name}"
            surface("ui_common").create_refresh_button(control, *refresh)
    return control


def by_section(options: Mapping[str, Any]) -> dict[tuple[Any, Any], dict[str, Any]]:
    """Return section (id, title) → its settings by name, in the order in which they were declared."""
    found: dict[tuple[Any, Any], dict[str, Any]] = {}
    for name, option in options.items():
        section, title = (*(option.section or ()), None, None)[:2]
        found.setdefault((section or "extensions", title or section or "Extensions"), {})[name] = option
    return found


def option_control(name: str, option: Any, value: Any, words: Words) -> Component | None:
    """Return the control of an extension's setting; None for one that the page cannot show."""
    given = option.component_args() if callable(option.component_args) else option.component_args
    kind = option.component or plain_control(option.default)
    how = {"label": words(option.label), "value": value, **(given or {})}
    if param := getattr(option, "param", None):
        return component(param, value, {}, words, elem_id=f"setting_{name}", elem_classes="setting")
    if not kind or how.get("visible") is False:
        return None
    if notes := f"{option.comment_before} {option.comment_after}".strip():
        how.setdefault("info", markdown_of(notes))
    try:
        return kind(**how, elem_id=f"setting_{name}", elem_classes="setting", interactive=True)
    except TypeError:       # a control without an `info`
        how.pop("info", None)
        return kind(**how, elem_id=f"setting_{name}", elem_classes="setting")


def plain_control(default: Any) -> type[Component] | None:
    """Return the control of a setting that names none, by the kind of its default."""
    kinds = ((bool, gr.Checkbox), (int | float, gr.Number), (str, gr.Textbox))
    return next((kind for of, kind in kinds if isinstance(default, of)), None)


def markdown_of(markup: str) -> str:
    """Return a little HTML as gradio's `info` has it: text, and links to pages of the web."""
    reader = MarkupReader()
    reader.feed(markup)
    reader.close()
    return " ".join("".join(reader.parts).split())


class MarkupReader(HTMLParser):
    """Reads HTML: `parts` are its text and its links, in Markdown."""

    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            address = quote(dict(attrs).get("href") or "", safe=ADDRESS_SIGNS)
            self.links.append(address if address.startswith(WEB) else "")
            self.parts.append("[" if self.links[-1] else "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "a" and self.links:
            address = self.links.pop()
            self.parts.append(f"]({address})" if address else "")

    def handle_data(self, data: str) -> None:
        self.parts.append(MARKDOWN_SIGNS.sub(r"\\\g<0>", data))


def extension_stores(forms: Mapping[str, Form[Any]]) -> dict[str, dict[str, Component]]:
    """Return the controls of extensions' scripts by the names of their stores."""
    found = {f"{tab}_extensions": form.placing.controls() for tab, form in forms.items()}
    return {name: controls for name, controls in found.items() if controls}


def extension_facts(host: Host, forms: Mapping[str, Form[Any]]) -> dict[str, Any]:
    """Return what the page's scripts know of extensions; nothing without any, so that the page is as ever."""
    if not host.active:
        return {}
    return {"extensions": {tab: form.placing.facts() for tab, form in forms.items()}}


def declared_options(host: Host) -> dict[str, Any]:
    """Return the settings that extensions have declared, by name: A1111's OptionInfo."""
    shown = ((name, option) for name, option in host.options.items() if not option.do_not_save)
    return {name: option for name, option in shown if is_json(option.default)}


def extension_setting_ids(host: Host) -> list[str]:
    """Return the element ids of extensions' settings, which are the server's: controls, and whole sections."""
    sections = [f"settings_{section}" for section, _ in by_section(host.options)]
    return sections + [f"setting_{name}" for name in host.options]
