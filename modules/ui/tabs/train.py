"""The Train tab: assets/training draws Easel's own page, which asks the API for all it does."""

from __future__ import annotations

import gradio as gr


def build() -> None:
    gr.HTML(elem_id="training_page", padding=False)
