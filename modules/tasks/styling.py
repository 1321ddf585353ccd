"""Styles written out into the prompts, before a request is recorded. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from modules.base.errors import UnknownName
from modules.params.txt2img import Txt2Img
from modules.prompts.styles import Style, apply_styles_to_prompt


def with_styles(params: Txt2Img, known: Mapping[str, Style]) -> Txt2Img:
    """The request with its styles in its prompts and none left to apply. Raises UnknownName or PromptTooLong."""
    for name in params.styles:
        if name not in known:
            raise UnknownName("style", name, known)
    styles = [known[name] for name in params.styles]
    return replace(
        params,
        prompt=apply_styles_to_prompt(params.prompt, [style.prompt for style in styles]),
        negative_prompt=apply_styles_to_prompt(params.negative_prompt, [style.negative_prompt for style in styles]),
        styles=(),
    )
