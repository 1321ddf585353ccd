"""The tabs of network cards under the prompts: their names, ids and folders. What is in them is drawn by assets/cards/."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from pathlib import Path

import gradio as gr

from modules.settings.flags import Paths
from modules.ui.words import Words


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of file with cards.

    name: as /easel/v1/cards calls it; title: the tab's label; page: its name within A1111's element ids
    """

    name: str
    title: str
    page: str
    folder: Callable[[Paths], Path]


def tabs(tab: str) -> gr.Tabs:
    """Where `build` is called, after the form's own tab; `tab` is "txt2img" or "img2img"."""
    return gr.Tabs(elem_id=f"{tab}_extra_tabs", elem_classes="extra-networks", overflow_behavior="wrap")


def build(tab: str, paths: Paths, words: Words) -> None:
    """One tab for each kind, inside the `tabs` that are open."""
    for kind in KINDS:
        with gr.Tab(words(kind.title), id=f"{tab}_{kind.page}", elem_id=f"{tab}_{kind.page}"):
            gr.HTML(place(tab, kind, paths), elem_id=f"{tab}_{kind.page}_cards_html", padding=False)


def place(tab: str, kind: Kind, paths: Paths) -> str:
    """Where the scripts draw the cards, and what they cannot know themselves."""
    known = {"tab": tab, "kind": kind.name, "page": kind.page, "folder": str(kind.folder(paths))}
    return '<div class="networks"{}></div>'.format("".join(f' data-{name}="{escape(value)}"' for name, value in known.items()))


KINDS = (
    Kind("embedding", "Textual Inversion", "textual_inversion", lambda paths: paths.embeddings[0]),
    Kind("hypernetwork", "Hypernetworks", "hypernetworks", lambda paths: paths.hypernetworks[0]),
    Kind("checkpoint", "Checkpoints", "checkpoints", lambda paths: paths.checkpoints[0]),
    Kind("lora", "Lora", "lora", lambda paths: paths.loras[0]),
)
