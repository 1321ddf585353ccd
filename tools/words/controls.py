"""The texts of the page's controls: labels, help and choices, as gradio draws them and as the API tells them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from html import unescape
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import gradio as gr

from modules.app.languages import LANGUAGE_NAMES
from modules.commands.assemble import assemble
from modules.library.model_kinds import MODEL_KINDS
from modules.requests.training_fields import training_fields
from modules.sampling.samplers import SAMPLERS
from modules.sampling.schedules import SCHEDULES
from modules.settings.flags import Flags
from modules.ui import page

READ = ("label", "info", "placeholder")
TEXT = re.compile(r">([^<>]{2,400})<")
OF_SAMPLERS = {each.name for each in (*SAMPLERS, *SCHEDULES)} - {"Automatic"}
# names: of formats, functions, upscalers, files; they are the same in all languages
NAME = re.compile(
    r"[\w.]*\d[\w.]*|[a-z]*_[a-z_]+|png|jpe?g|webp|avif|gif|[a-z]*re?lu|\w+Uniform|\w+Normal|.*\.\w{4,}|\W*"
    r"|R-ESRGAN .*|easel-.*|\[ControlNet.*|elu"
)
NAMES = OF_SAMPLERS | {
    "Lanczos", "CodeFormer", "GFPGAN", "TAESD", "xformers", "Doggettx", "InvokeAI", "GPU", "CPU", "NV", "swish", "tanh",
    "sigmoid", "logSNR", "sub-quadratic", *(name for name in LANGUAGE_NAMES.values()),
}


def control_texts() -> set[str]:
    """Return the texts of a page without extensions, and of what the page's scripts draw from declared fields."""
    with TemporaryDirectory() as folder:
        app = assemble(Flags(data_dir=Path(folder)))
        blocks, facts = page.build(app)
        found = {text for block in blocks.blocks.values() for text in block_texts(block, facts["lists"])}
    found |= {text for text in described(training_fields()) if text not in NAMES}
    found |= {text for kind in MODEL_KINDS if kind.page for text in (kind.title, kind.empty)}
    return {text for text in found if re.search("[A-Za-z]{2}", text)}


def block_texts(block: Any, listed: Mapping[str, str]) -> Iterator[str]:
    yield from (text for name in READ if isinstance(text := getattr(block, name, None), str))
    if isinstance(block, gr.Button):
        yield str(block.value)
    if isinstance(block, gr.HTML) and isinstance(block.value, str):
        yield from map(unescape, TEXT.findall(block.value))
    choices = getattr(block, "choices", None)
    if isinstance(choices, list) and block.elem_id not in listed:
        yield from (name for name, _ in choices if name not in NAMES and not NAME.fullmatch(name))


def described(told: Any) -> Iterator[str]:
    """Yield the labels, help and titles in what the API tells of fields."""
    for name, each in told.items() if isinstance(told, dict) else ():
        if name in ("label", "help", "title"):
            yield each
        yield from described(each)
    for each in told if isinstance(told, list) else ():
        yield from described(each)
