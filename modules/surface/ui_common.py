"""A1111's `modules.ui_common`: pieces of its page around pictures."""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from modules.surface.ui_components import ToolButton, gr


@dataclass
class OutputPanel:
    """The places of a panel of pictures."""

    gallery: Any = None
    infotext: Any = None
    html_log: Any = None
    generation_info: Any = None
    button_upscale: Any = None

    def __iter__(self) -> Any:
        return iter((self.gallery, self.generation_info, self.infotext, self.html_log))


def create_output_panel(tabname: str, outdir: str, toprow: Any = None) -> OutputPanel:
    """Make a gallery with a place for generation data below it."""
    with gr.Column(elem_id=f"{tabname}_results"), gr.Group(elem_id=f"{tabname}_results_panel"):
        gallery = gr.Gallery(label="Output", show_label=False, elem_id=f"{tabname}_gallery", columns=4)
        info = gr.Textbox(visible=False, elem_id=f"generation_info_{tabname}")
        text = gr.HTML(elem_id=f"html_info_{tabname}")
        log = gr.HTML(elem_id=f"html_log_{tabname}")
    return OutputPanel(gallery, text, log, info)


def plaintext_to_html(text: str, classname: str | None = None) -> str:
    content = "<br>\n".join(html.escape(line) for line in str(text).split("\n"))
    return f"<p class='{classname}'>{content}</p>" if classname else f"<p>{content}</p>"


def create_refresh_button(
    refresh_component: Any, refresh_method: Callable[[], Any], refreshed_args: Any, elem_id: str
) -> Any:
    """Make a button that calls `refresh_method` and gives the component, or each of several, its new properties.

    refreshed_args: the properties, or a function that returns them
    """
    components = refresh_component if isinstance(refresh_component, list) else [refresh_component]

    def refresh() -> Any:
        refresh_method()
        properties = refreshed_args() if callable(refreshed_args) else refreshed_args
        updates = [gr.update(**(properties or {})) for _ in components]
        return updates if len(updates) > 1 else updates[0]

    button = ToolButton(value=SYMBOLS["refresh_symbol"], elem_id=elem_id, tooltip="Refresh")
    button.click(fn=refresh, inputs=[], outputs=components)
    return button


def setup_dialog(button_show: Any, dialog: Any, *, button_close: Any = None) -> None:
    """Let one button show a part of the page, another hide it."""
    button_show.click(fn=lambda: gr.update(visible=True), inputs=[], outputs=[dialog])
    if button_close:
        button_close.click(fn=lambda: gr.update(visible=False), inputs=[], outputs=[dialog])


def update_generation_info(generation_info: str, html_info: str, img_index: int) -> tuple[str, Any]:
    return html_info, gr.update()


def tool_button(**how: Any) -> Any:
    return ToolButton(**how)


SYMBOLS: Mapping[str, str] = {"folder_symbol": "\U0001f4c2", "refresh_symbol": "\U0001f504"}


def __getattr__(name: str) -> Any:
    if name in SYMBOLS:
        return SYMBOLS[name]
    raise AttributeError(f"module 'modules.ui_common' has no attribute {name!r}")
