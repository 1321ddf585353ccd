"""gradio 6 with the habits of gradio 3, for extension modules alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import gradio


@contextmanager
def unseen_page() -> Iterator[gradio.Blocks]:
    """A page that nobody sees: components made in it are in no page of ours."""
    with gradio.Blocks() as page:
        yield page


def default_value(component: Any) -> Any:
    """Return what a component hands to a function before anybody has touched it, as `preprocess` makes it."""
    value = getattr(component, "value", None)
    if callable(value):
        value = value()
    choices = getattr(component, "choices", None)
    if choices is not None and getattr(component, "type", "") == "index":
        return next((i for i, (_, each) in enumerate(choices) if each == value), None)
    return value
