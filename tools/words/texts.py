"""All texts of the pages."""

from __future__ import annotations

from pathlib import Path

import modules

from .controls import control_texts
from .messages import message_texts
from .scripts import page_texts, script_texts

PROGRAM = Path(modules.__path__[0])
PARTS = PROGRAM.parent / "extensions"       # of the program, which live as extensions
PAGE, ACCOUNTS = PROGRAM / "ui" / "assets", PROGRAM / "api" / "pages"


def read_texts() -> set[str]:
    """Return every English text that somebody may read on a page; it takes some seconds."""
    on_pages = script_texts(PAGE) | script_texts(ACCOUNTS) | page_texts(ACCOUNTS)
    return on_pages | control_texts() | set(message_texts(PROGRAM)) | set(message_texts(PARTS))
