"""The tabs of network cards under the prompts: names, ids and folders. assets/cards/ renders the cards."""

from __future__ import annotations

from html import escape

import gradio as gr

from modules.library.catalog import Catalog
from modules.library.library import Library
from modules.ui.words import Words


def tabs(tab: str) -> gr.Tabs:
    """Open the tabs; `build` is called inside, after the form's own tab. `tab` is "txt2img" or "img2img"."""
    return gr.Tabs(elem_id=f"{tab}_extra_tabs", elem_classes="extra-networks", overflow_behavior="wrap")


def build(tab: str, models: Library, words: Words) -> None:
    """Build one tab for each kind that has a page, inside the open `tabs`."""
    for catalog in models.catalogs.values():
        if page := catalog.kind.page:
            with gr.Tab(words(catalog.kind.title), id=f"{tab}_{page}", elem_id=f"{tab}_{page}"):
                gr.HTML(cards_place(tab, catalog, words), elem_id=f"{tab}_{page}_cards_html", padding=False)


def cards_place(tab: str, catalog: Catalog, words: Words) -> str:
    """Return the element for the cards, with the data that the scripts need."""
    kind = catalog.kind
    known = {
        "tab": tab,
        "kind": kind.name,
        "page": kind.page,
        "folder": str(catalog.roots[0]),
        "empty": words(kind.empty),
    }
    return '<div class="networks"{}></div>'.format(
        "".join(f' data-{name}="{escape(value)}"' for name, value in known.items())
    )
