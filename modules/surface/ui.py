"""A1111's `modules.ui`: pieces of its form that extensions use."""

from __future__ import annotations

import html
import sys
from collections.abc import Callable, Mapping
from typing import Any

from modules.surface.binding import view
from modules.surface.ui_common import create_output_panel as create_output_panel
from modules.surface.ui_common import create_refresh_button as create_refresh_button
from modules.surface.ui_common import setup_dialog as setup_dialog
from modules.surface.ui_components import gr

random_symbol = "\U0001f3b2\ufe0f"
reuse_symbol = "\u267b\ufe0f"
paste_symbol = "\u2199\ufe0f"
refresh_symbol = "\U0001f504"
save_style_symbol = "\U0001f4be"
apply_style_symbol = "\U0001f4cb"
clear_prompt_symbol = "\U0001f5d1\ufe0f"
extra_networks_symbol = "\U0001f3b4"
switch_values_symbol = "\u21c5"
restore_progress_symbol = "\U0001f300"
detect_image_size_symbol = "\U0001f4d0"
folder_symbol = "\U0001f4c2"

PasteFields = list[tuple[Any, Any]]

# lists of (component, infotext key) that the page fills (`set_paste_fields`), the prompts first
VIEWS: Mapping[str, Callable[[Any], Any]] = {
    "txt2img_paste_fields": lambda host: [],
    "img2img_paste_fields": lambda host: [],
}


def __getattr__(name: str) -> Any:
    if name in VIEWS:
        return view(name, VIEWS[name])
    raise AttributeError(f"module 'modules.ui' has no attribute {name!r}")


def set_paste_fields(tab: str, fields: PasteFields) -> None:
    """Tell which component of a tab's form has which part of generation data."""
    name = f"{tab}_paste_fields"
    view(name, VIEWS[name])[:] = fields


def gr_show(visible: bool = True) -> dict[str, Any]:
    return {"visible": visible, "__type__": "update"}


def plaintext_to_html(text: str, classname: str | None = None) -> str:
    """Return the text as HTML, its lines kept."""
    content = "<br>\n".join(html.escape(line) for line in str(text).split("\n"))
    return f"<p class='{classname}'>{content}</p>" if classname else f"<p>{content}</p>"


def versions_html() -> str:
    from modules.base.version import VERSION

    return f"Easel: {html.escape(VERSION)} \u2022 python: {sys.version.split()[0]} \u2022 gradio: {gr.__version__}"


def create_override_settings_dropdown(tabname: str, row: Any) -> Any:
    """Make the dropdown of settings that hold for a picture alone."""
    return gr.Dropdown([], label="Override settings", elem_id=f"{tabname}_override_settings", multiselect=True)


def ordered_ui_categories() -> list[str]:
    """Return the parts of A1111's form, in its order."""
    return [
        "prompt", "image", "dimensions", "cfg", "checkboxes", "accordions", "batch", "override_settings", "scripts",
        "inpaint",
    ]
