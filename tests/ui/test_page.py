"""The page as gradio builds it."""

from __future__ import annotations

import gradio as gr
from fastapi import FastAPI

from modules.commands.assemble import assemble
from modules.settings.flags import parse_flags
from modules.ui.gradio_sheets import COMPONENTS
from modules.ui.page import PageBlocks, build


def test_a_page_is_described_once_it_has_been_mounted(monkeypatch):
    described = []
    monkeypatch.setattr(gr.Blocks, "get_config_file", count(gr.Blocks.get_config_file, described))
    with PageBlocks() as page:
        gr.Textbox(elem_id="prompt")
    assert not described
    gr.mount_gradio_app(FastAPI(), page, path="/", ssr_mode=False)
    assert len(described) == 1
    assert "prompt" in {each["props"].get("elem_id") for each in page.config["components"]}


def test_every_kind_of_component_of_the_page_is_among_those_whose_sheets_are_sent(tmp_path):
    page, _ = build(assemble(parse_flags(["--data-dir", str(tmp_path)], {})))
    kinds = {block.get_block_name() for block in page.blocks.values()}
    assert len(kinds) > 10 and kinds <= {*COMPONENTS, "blocks"}


def count(function, calls):
    def counted(self):
        calls.append(self)
        return function(self)

    return counted
