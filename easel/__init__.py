"""Easel for Python programs and for extensions. See docs/python.md and docs/extending.md.

An extension declares itself with `Extension`, its arguments with `Param` and a control, and listens to `moments`:

    from easel import Extension, moments

A program makes pictures with `Easel`, which is imported only when it is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from easel import moments
from easel.declared import DeclarationError
from easel.extension import API_VERSION, Extension
from easel.moments import Conditioning, Picture, Plan, Step, draw, upscale
from easel.pages import Page
from easel.scripts import Drawing, DrawingGrid, HeadingPart
from modules.base.errors import Invalid
from modules.base.fields import Checkbox, Choice, Number, Param, Radio, Slider, Text

if TYPE_CHECKING:
    from modules.commands.easel import Easel, Generated

__all__ = [
    "API_VERSION", "Checkbox", "Choice", "Conditioning", "DeclarationError", "Drawing", "DrawingGrid", "Easel",
    "Extension", "Generated", "HeadingPart", "Invalid", "Number", "Page", "Param", "Picture", "Plan", "Radio", "Slider",
    "Step", "Text", "draw", "moments", "upscale",
]


def __getattr__(name: str) -> Any:
    """Return `Easel` or `Generated`: the whole program, which an extension does not need."""
    if name not in ("Easel", "Generated"):
        raise AttributeError(f"module 'easel' has no attribute {name!r}")
    from modules.commands import easel

    return getattr(easel, name)
