"""The page as gradio builds it."""

from __future__ import annotations

import gradio as gr
from fastapi import FastAPI

from modules.ui.page import PageBlocks


def test_a_page_is_described_once_it_has_been_mounted(monkeypatch):
    described = []
    monkeypatch.setattr(gr.Blocks, "get_config_file", count(gr.Blocks.get_config_file, described))
    with PageBlocks() as page:
        gr.Textbox(elem_id="prompt")
    assert not described
    gr.mount_gradio_app(FastAPI(), page, path="/", ssr_mode=False)
    assert len(described) == 1
    assert "prompt" in {each["props"].get("elem_id") for each in page.config["components"]}


def count(function, calls):
    def counted(self):
        calls.append(self)
        return function(self)

    return counted
