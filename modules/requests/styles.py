"""Styles applied to the prompts, before a request is recorded. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypeVar

from modules.base.errors import UnknownName
from modules.base.fields import defaults
from modules.params.txt2img import Generation
from modules.prompts.styles import Style, apply_styles_to_prompt

P = TypeVar("P", bound=Generation)


def with_styles(params: P, known: Mapping[str, Style]) -> P:
    """Return the request with its styles in its prompts and no styles left. Raises UnknownName or PromptTooLong."""
    for name in params.styles:
        if name not in known:
            raise UnknownName("style", name, known)
    chosen = [known[name] for name in params.styles]
    styled: dict[str, Any] = {
        field: apply_styles_to_prompt(getattr(params, field), [getattr(style, part) for style in chosen])
        for field, part in STYLED.items()
        if field in defaults(type(params)) and (field == part or getattr(params, field))
    }
    return replace(params, **styled, styles=())


def unstyled(params: Generation, known: Mapping[str, Style]) -> dict[str, Any]:
    """Return the prompts without styles, as file names use them; {} if there were no styles."""
    if not params.styles:
        return {}
    styles = [(name, known[name].prompt) for name in params.styles]
    return {"unstyled": {"prompt": params.prompt, "negative_prompt": params.negative_prompt, "styles": styles}}


# Prompt → the part of a style that is added to it. An empty hires prompt stays empty: it means the first prompt with
# its styles.
STYLED = {
    "prompt": "prompt",
    "negative_prompt": "negative_prompt",
    "hr_prompt": "prompt",
    "hr_negative_prompt": "negative_prompt",
}
