"""Styles of other programs: A1111's tables, and the lists in JSON of Fooocus and of the SDXL style extensions."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping
from typing import Any

from modules.base.errors import Invalid
from modules.prompts.styles import LARGEST_STYLES, Style, decoded_table, style_rows

MOST_IMPORTED = 5_000      # styles of a file


def imported_styles(name: str, content: bytes) -> list[Style]:
    """Return the styles in a file, the last of each name. Raises Invalid.

    name: the file's, which tells its format, and names the category of styles in JSON
    """
    if len(content) > LARGEST_STYLES:
        raise Invalid(f"{name} is too large for a file of styles.", f"At most {LARGEST_STYLES >> 20} MB.", "content")
    stem, _, ending = name.rpartition(".")
    try:
        text, _ = decoded_table(name, content)
        rows = styles_in_json(json.loads(text), stem) if ending.lower() == "json" else style_rows(text)
        found = {style.name: style for style in rows if not style.is_comment}
    except (ValueError, RecursionError, csv.Error) as error:
        raise Invalid(
            f"{name:.100} cannot be read as styles ({error}).",
            "It is a .csv with the columns name, prompt and negative_prompt, or a .json of Fooocus or SDXL styles.",
            "content",
        ) from error
    if not found or len(found) > MOST_IMPORTED:
        raise Invalid(f"{name:.100} has {len(found):,} styles.", f"It may have 1 to {MOST_IMPORTED:,}.", "content")
    return list(found.values())


def styles_in_json(data: Any, category: str) -> Iterator[Style]:
    """Yield styles: a list of objects with `name`, `prompt`, `negative_prompt`, or an object of them by name."""
    if isinstance(data, Mapping) and not isinstance(data.get("name"), str):
        entries = [{"name": name, **each} for name, each in data.items() if isinstance(each, Mapping)]
    else:
        entries = data if isinstance(data, list) else [data]
    for entry in entries:
        if isinstance(entry, Mapping) and (name := written_text(entry, "name").strip()):
            prompt = written_text(entry, "prompt")
            negative = written_text(entry, "negative_prompt") or written_text(entry, "negative")
            yield Style(name, prompt, negative, written_text(entry, "category") or category)


def written_text(entry: Mapping[str, Any], key: str) -> str:
    value = entry.get(key)
    return value if isinstance(value, str) else ""
