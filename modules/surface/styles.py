"""A1111's `modules.styles`: saved parts of prompts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from modules.prompts.styles import apply_styles_to_prompt as applied
from modules.surface.asking import asking_account
from modules.surface.binding import bound_host


class PromptStyle(NamedTuple):
    name: str
    prompt: str | None
    negative_prompt: str | None
    path: str | None = None


def apply_styles_to_prompt(prompt: str, styles: Iterable[str]) -> str:
    return applied(prompt, styles)


class StyleDatabase:
    """The styles of the account that asks; read again when their files change."""

    no_style = PromptStyle("None", "", "", None)

    def __init__(self, path: Any = None) -> None:
        """path: A1111's file; here each account has its own"""

    @property
    def styles(self) -> dict[str, PromptStyle]:
        found = bound_host().program.data_of(asking_account().name).style_files.styles()
        return {name: PromptStyle(name, style.prompt, style.negative_prompt) for name, style in found.items()}

    def reload(self) -> None:
        """Changed files are read at once."""

    def get_style_prompts(self, styles: Iterable[str]) -> list[str]:
        return [self.styles.get(name, self.no_style).prompt or "" for name in styles]

    def get_negative_style_prompts(self, styles: Iterable[str]) -> list[str]:
        return [self.styles.get(name, self.no_style).negative_prompt or "" for name in styles]

    def apply_styles_to_prompt(self, prompt: str, styles: Iterable[str]) -> str:
        return applied(prompt, self.get_style_prompts(styles))

    def apply_negative_styles_to_prompt(self, prompt: str, styles: Iterable[str]) -> str:
        return applied(prompt, self.get_negative_style_prompts(styles))
