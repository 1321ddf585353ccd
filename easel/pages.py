"""An extension's tab in the page, described rather than drawn: it outlives the next version of the page's library."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, is_dataclass
from typing import Any, TypeAlias

from PIL import Image

from easel.declared import declared_class

TabAnswer: TypeAlias = "str | Image.Image | list[Image.Image]"
Submit: TypeAlias = Callable[..., TabAnswer]


@dataclass(frozen=True)
class TextPart:
    """A paragraph of Markdown."""

    markdown: str


@dataclass(frozen=True)
class FormPart:
    """A form of declared fields with a button; what `submit` returns for its values is shown below it."""

    fields: type[Any]
    submit: Submit
    button: str


@dataclass
class Page:
    """A tab in the making: its parts are shown in the order in which they are added."""

    parts: list[TextPart | FormPart] = field(default_factory=list)

    def text(self, markdown: str) -> None:
        """Add a paragraph of Markdown."""
        self.parts.append(TextPart(markdown))

    def form(self, fields: type[Any], submit: Submit, button: str = "Go") -> None:
        """Add a form of a class of declared fields, written as the one of `Extension.arguments`.

        submit: called with a value of the class; it returns Markdown, a picture, or a list of pictures
        """
        self.parts.append(FormPart(fields if is_dataclass(fields) else declared_class(fields), submit, button))
