"""Settings of extensions in the page: their remarks with links, and a button that looks their choices up anew."""

from __future__ import annotations

from types import SimpleNamespace

import gradio as gr
import pytest

from modules.plugins.host import Host
from modules.settings.file import SettingsFile
from modules.settings.flags import Flags
from modules.ui.extension_page import build_extension_settings, markdown_of

CHOOSING = """
import gradio as gr
from modules import script_callbacks, shared

FOUND = ["one"]

def on_ui_settings():
    shared.opts.add_option("chosen", shared.OptionInfo(
        "one", "Chosen", gr.Dropdown, lambda: {"choices": list(FOUND)}, refresh=lambda: FOUND.append("two"),
        section=("choosing", "Choosing"),
    ).link("wiki", "https://example.org/wiki").info("of those that are there"))

script_callbacks.on_ui_settings(on_ui_settings)
"""


@pytest.mark.parametrize(("markup", "markdown"), [
    ("<span class='info'>(more &amp; more)</span>", "(more & more)"),
    ("[<a href='https://x.org/a(b)?c=1' target='_blank'>a_b</a>]", r"[[a\_b](https://x.org/a%28b%29?c=1)]"),
    ("<a href='javascript:alert(1)'>here</a>", "here"),
    ("<a onclick='go(); return false'>go</a> *now*", r"go \*now\*"),
    ("</a><b>bold</b>\n text", "bold text"),
])
def test_a_remark_is_its_text_and_its_links_to_pages_of_the_web(markup, markdown):
    assert markdown_of(markup) == markdown


def test_a_setting_with_refresh_has_a_button_that_looks_its_choices_up(tmp_path):
    scripts = tmp_path / "extensions/choosing/scripts"
    scripts.mkdir(parents=True)
    (scripts / "choosing.py").write_text(CHOOSING)
    host = Host(tmp_path / "extensions")
    host.load(SimpleNamespace(flags=Flags(data_dir=tmp_path), settings=SettingsFile(tmp_path / "config.json")))
    try:
        with gr.Blocks() as page:
            control = build_extension_settings(host, {"chosen": "one"}, str)["chosen"]
        assert [each for each, _ in control.choices] == ["one"]
        assert control.info == "[[wiki](https://example.org/wiki)] (of those that are there)"
        [event] = page.fns.values()
        [button] = [each for each in page.blocks.values() if each.elem_id == "refresh_chosen"]
        assert (event.targets, event.outputs) == ([(button._id, "click")], [control])
        assert event.fn()["choices"] == ["one", "two"]
    finally:
        host.unload()
