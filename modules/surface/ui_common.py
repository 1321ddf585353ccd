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
    from modules.surface import ui

    return ui.create_refresh_button(refresh_component, refresh_method, refreshed_args, elem_id)


def setup_dialog(button_show: Any, dialog: Any, *, button_close: Any = None) -> None:
    from modules.surface import ui

    ui.setup_dialog(button_show, dialog, button_close=button_close)


def update_generation_info(generation_info: str, html_info: str, img_index: int) -> tuple[str, Any]:
    return html_info, gr.update()


def tool_button(**how: Any) -> Any:
    return ToolButton(**how)


SYMBOLS: Mapping[str, str] = {"folder_symbol": "\U0001f4c2", "refresh_symbol": "\U0001f504"}


def __getattr__(name: str) -> Any:
    if name in SYMBOLS:
        return SYMBOLS[name]
    raise AttributeError(f"module 'modules.ui_common' has no attribute {name!r}")
