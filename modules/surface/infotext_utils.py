"""A1111's `modules.infotext_utils`: generation data, and buttons that send them and pictures to a tab."""

from __future__ import annotations

import base64
import io
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Any

from PIL import Image

from modules.params import infotext
from modules.params.infotext import quote as quote
from modules.params.infotext import unquote as unquote
from modules.prompts.grammar import emphasised
from modules.surface.binding import bound_host, view
from modules.surface.ui_components import gr

type_of_gr_update = dict        # gradio's updates are dictionaries


@dataclass
class ParamBinding:
    """A button of an extension that fills a tab."""

    paste_button: Any
    tabname: str
    source_text_component: Any = None
    source_image_component: Any = None
    source_tabname: str | None = None
    override_settings_component: Any = None
    paste_field_names: list[str] = field(default_factory=list)


class PasteField(tuple):  # type: ignore[type-arg]
    """A pair of a component and its infotext key, with its name in the API."""

    def __new__(cls, component: Any, target: Any, *, api: Any = None) -> PasteField:
        return super().__new__(cls, (component, target))

    def __init__(self, component: Any, target: Any, *, api: Any = None) -> None:
        self.api, self.component = api, component
        self.label = target if isinstance(target, str) else None
        self.function = target if callable(target) else None


def __getattr__(name: str) -> Any:
    if name == "registered_param_bindings":
        return bindings()
    if name == "paste_fields":
        return filled_fields()
    raise AttributeError(f"module 'modules.infotext_utils' has no attribute {name!r}")


def bindings() -> list[ParamBinding]:
    return view("param_bindings", no_bindings)


def no_bindings(host: Any) -> list[ParamBinding]:
    return []


def filled_fields() -> dict[str, Any]:
    return view("paste_fields", no_fields)


def no_fields(host: Any) -> dict[str, Any]:
    return {}


def parse_generation_parameters(x: str, skip_fields: Collection[str] | None = None) -> dict[str, object]:
    """Return every pair of a text and its prompts, without `skip_fields`."""
    values = infotext.parse_infotext(x, emphasised)
    return {key: value for key, value in values.items() if key not in (skip_fields or ())}


def register_paste_params_button(params: ParamBinding) -> None:
    """Let a button send its text and picture to its tab, in the page that is being built."""
    bindings().append(params)


def create_buttons(tabs_list: Iterable[str]) -> dict[str, Any]:
    """Make a button that sends to each of the tabs; return them by tab."""
    return {tab: gr.Button(f"Send to {tab}", elem_id=f"{tab}_tab") for tab in tabs_list}


def bind_buttons(buttons: dict[str, Any], send_image: Any, send_generate_info: Any) -> None:
    """Let buttons send a picture, and its generation data: a component, or the name of a tab that has them."""
    for tab, button in buttons.items():
        text = None if isinstance(send_generate_info, str) else send_generate_info
        register_paste_params_button(ParamBinding(button, tab, text, send_image))


def add_paste_fields(tabname: str, init_img: Any, fields: Any, override_settings_component: Any = None) -> None:
    filled_fields()[tabname] = {"init_img": init_img, "fields": fields}


def image_from_url_text(filedata: Any) -> Image.Image | None:
    """Return the picture of a gallery's value: a data: address, or a file below the outputs."""
    if isinstance(filedata, list):
        filedata = filedata[0] if filedata else None
    if isinstance(filedata, tuple):
        filedata = filedata[0]
    if isinstance(filedata, Image.Image) or filedata is None:
        return filedata
    named = filedata.get("path") or filedata.get("name") if isinstance(filedata, dict) else filedata
    if isinstance(named, str) and named.startswith("data:"):
        return Image.open(io.BytesIO(base64.b64decode(named.partition(",")[2])))
    return Image.open(named) if named and is_shown(str(named)) else None


def is_shown(path: str) -> bool:
    """Return whether a picture lies below the data folder, or in gradio's cache."""
    from pathlib import Path

    from gradio.utils import get_upload_folder

    roots = (bound_host().program.flags.data_dir, Path(get_upload_folder()))
    return any(Path(path).resolve().is_relative_to(root.resolve()) for root in roots)


def create_override_settings_dict(text_pairs: Iterable[str]) -> dict[str, Any]:
    """Return the settings of texts like "Clip skip: 2"."""
    pairs = dict(pair.partition(":")[::2] for pair in text_pairs)
    keys = dict(infotext_keys())
    return {keys[key.strip()]: value.strip() for key, value in pairs.items() if key.strip() in keys}


def get_override_settings(params: dict[str, Any], *, skip_fields: Collection[str] = ()) -> list[tuple[str, str, Any]]:
    """Return (key, setting, value) of the generation data that are settings."""
    return [(key, name, params[key]) for key, name in infotext_keys() if key in params and key not in skip_fields]


def infotext_keys() -> list[tuple[str, str]]:
    """Return (infotext key, setting) of all settings that stand in generation data."""
    from modules.base.fields import declared_params
    from modules.settings.options import Settings

    own = [(param.infotext, name) for name, param in declared_params(Settings).items() if param.infotext]
    return own + [(option.infotext, name) for name, option in bound_host().options.items() if option.infotext]


def connect_paste_params_buttons() -> None:
    """Easel connects the buttons when the page is built."""


def reset() -> None:
    """Forget all buttons."""
    bindings().clear()


