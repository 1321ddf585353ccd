"""Stores: a form's values for the page's scripts, which hear each change and may set any control.

Nothing of it reaches the server.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import gradio as gr
from gradio.components import Component

QUIET: Mapping[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}


def connect(store: str, controls: Mapping[str, Component]) -> None:
    """Connect controls to a store of that name (assets/core/boot.js), which reads and sets their values."""
    heard = [control.change for control in controls.values() if hasattr(control, "change")]
    names = json.dumps(list(controls))
    gr.on(
        heard, None, list(controls.values()), js=f"(...values) => easel.store('{store}').hear({names}, values)", **QUIET
    )
    connect_filling(store, controls)


def connect_filling(store: str, controls: Mapping[str, Component]) -> None:
    """Connect controls to a store that only sets their values or their options."""
    bridge = gr.HTML(
        elem_id=f"{store}_store",
        js_on_load=f"easel.store('{store}').connect(() => trigger('fill'))",
        visible="hidden",
        padding=False,
    )
    names = json.dumps(list(controls))
    bridge.fill(
        None,
        None,
        list(controls.values()),
        js=f"() => easel.store('{store}').owed({names})",
        trigger_mode="multiple",
        **QUIET,
    )
