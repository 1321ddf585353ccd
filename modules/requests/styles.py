"""Styles applied to the prompts, before a request is recorded. No torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from modules.base.errors import UnknownName
from modules.base.fields import defaults
from modules.params.txt2img import Generation, Txt2Img
from modules.prompts.styles import Style, apply_styles_to_prompt, extract_styles_from_prompt

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


def styled_prompts(
    prompt: str, negative_prompt: str, names: Sequence[str], known: Mapping[str, Style]
) -> dict[str, str]:
    """Return two prompts with styles in them. Raises UnknownName or PromptTooLong."""
    styled = with_styles(Txt2Img(prompt=prompt, negative_prompt=negative_prompt, styles=tuple(names)), known)
    return {"prompt": styled.prompt, "negative_prompt": styled.negative_prompt}


def unstyled(params: Generation, known: Mapping[str, Style]) -> dict[str, Any]:
    """Return the prompts without styles, as file names use them; {} if there were no styles."""
    if not params.styles:
        return {}
    styles = [(name, known[name].prompt) for name in params.styles]
    return {"unstyled": {"prompt": params.prompt, "negative_prompt": params.negative_prompt, "styles": styles}}


def with_found_styles(found: Mapping[str, Any], known: Mapping[str, Style], how: str) -> dict[str, Any]:
    """Return what was read of pasted data, the styles taken out of its prompts.

    found: the result of `read_infotext`; how: the setting `infotext_styles`. `fields` then has `styles`, unless the
    choice of the form is to stay.
    """
    fields = dict(found["fields"])
    if how == "Ignore" or "prompt" not in fields:
        return {**found, "keeps_styles": True}
    names, shorter = styles_in(fields, known)
    fields |= shorter if names else {}
    kept = how == "Discard"
    return {**found, "fields": fields if kept else {**fields, "styles": names}, "keeps_styles": kept}


def styles_in(fields: Mapping[str, Any], known: Mapping[str, Style]) -> tuple[list[str], dict[str, str]]:
    """Return the styles in pasted prompts, and the prompts without them; none if hires fix's prompts have others."""
    shorter: dict[str, str] = {}
    names: list[list[str]] = []
    for positive, negative in (("prompt", "negative_prompt"), ("hr_prompt", "hr_negative_prompt")):
        texts = [str(fields.get(each) or "") for each in (positive, negative)]
        if not any(texts):
            continue
        found, *rest = extract_styles_from_prompt(known.values(), texts[0], texts[1])
        names.append(found)
        shorter |= {name: text for name, text in zip((positive, negative), rest, strict=True) if fields.get(name)}
    return (names[0], shorter) if names and all(each == names[0] for each in names) else ([], {})


# Prompt → the part of a style that is added to it. An empty hires prompt stays empty: it means the first prompt with
# its styles.
STYLED = {
    "prompt": "prompt",
    "negative_prompt": "negative_prompt",
    "hr_prompt": "prompt",
    "hr_negative_prompt": "negative_prompt",
}
