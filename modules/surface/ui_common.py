"""A1111's `modules.ui_common`: pieces of its page around pictures."""

from __future__ import annotations

import html
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import ZipFile

from modules.requests.patterns import below_outputs
from modules.settings.account_paths import account_paths
from modules.surface import shared
from modules.surface.asking import asking_account
from modules.surface.binding import bound_host
from modules.surface.images import save_image
from modules.surface.infotext_utils import image_from_url_text
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


def save_files(js_data: str, images: Any, do_make_zip: bool, index: int) -> tuple[Any, str]:
    """Save a gallery's pictures into the folder for saving by hand; returns an update of a list of files, and HTML.

    js_data: JSON with `infotexts`, one for each picture; index: of the one that is saved, -1 for all
    """
    texts = json.loads(js_data).get("infotexts") or []
    own = account_paths(bound_host().program.flags.paths, asking_account().name).outputs
    folder = str(own.joinpath(*below_outputs(shared.opts.outdir_save)))
    one = index >= 0 and shared.opts.save_selected_only
    saved: list[str] = []
    for number, source in enumerate(images):
        if one and number != index:
            continue
        if picture := gallery_picture(source):
            text = texts[number] if number < len(texts) else ""
            how = {"extension": shared.opts.samples_format, "save_to_dirs": shared.opts.use_save_to_dirs_for_ui}
            saved.append(save_image(picture, folder, "", info=text, **how)[0])
    if do_make_zip and saved:
        saved.insert(0, zipped(saved))
    told = f"Saved: {Path(saved[0]).name}" if saved else "There is no picture to save."
    return gr.update(value=saved, visible=bool(saved)), plaintext_to_html(told)


def gallery_picture(source: Any) -> Any:
    """Return a picture of a gallery's value, which may be a pair with its caption; None if it is none."""
    return image_from_url_text(source[0] if isinstance(source, tuple | list) else source)


def zipped(paths: Sequence[str]) -> str:
    """Write files into an archive beside the first of them; returns its path."""
    target = Path(paths[0]).with_suffix(".zip")
    with ZipFile(target, "x") as archive:
        for path in paths:
            archive.write(path, Path(path).name)
    return str(target)


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
