"""A1111's `modules.infotext_utils`, for extensions."""

from __future__ import annotations

from collections.abc import Collection

from modules.params import infotext
from modules.params.infotext import quote, unquote
from modules.prompts.grammar import emphasised

__all__ = ["parse_generation_parameters", "quote", "unquote"]


def parse_generation_parameters(x: str, skip_fields: Collection[str] | None = None) -> dict[str, object]:
    """Every pair of a text and its prompts, without `skip_fields`."""
    values = infotext.parse_infotext(x, emphasised)
    return {key: value for key, value in values.items() if key not in (skip_fields or ())}
