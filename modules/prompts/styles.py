"""Styles: named texts that are added to the prompts, kept in a `styles.csv` as A1111 writes it."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from modules.base.errors import Invalid, PromptTooLong
from modules.base.fields import MAX_PROMPT
from modules.base.files import write_atomically

SLOT = "{prompt}"
COLUMNS = ("name", "prompt", "negative_prompt")


@dataclass(frozen=True, slots=True)
class Style:
    name: str
    prompt: str = ""
    negative_prompt: str = ""


def apply_styles_to_prompt(prompt: str, styles: Iterable[str]) -> str:
    """Add the styles' texts in order: in place of `{prompt}` where a style has it, else after a comma.

    Raises PromptTooLong: a style with two slots doubles the prompt.
    """
    for style in styles:
        if SLOT in style:
            if len(style) + style.count(SLOT) * (len(prompt) - len(SLOT)) > MAX_PROMPT:
                raise PromptTooLong("The prompt with its styles is too long.", f"At most {MAX_PROMPT:,} characters.", "styles")
            prompt = style.replace(SLOT, prompt)
        else:
            prompt = ", ".join(part for part in (prompt.strip(), style.strip()) if part)
    return prompt


def extract_style_text_from_prompt(style_text: str, prompt: str) -> tuple[bool, str]:
    """Whether the prompt has the style applied, and the prompt without it (itself if not)."""
    style, stripped = style_text.strip(), prompt.strip()
    left, slot, right = style.partition(SLOT)
    if slot:
        fits = stripped.startswith(left) and stripped.endswith(right) and len(stripped) >= len(left) + len(right)
        return (True, stripped[len(left):len(stripped) - len(right)]) if fits else (False, prompt)
    if not stripped.endswith(style):
        return False, prompt
    return True, stripped[:len(stripped) - len(style)].removesuffix(", ")


def read_styles(path: Path) -> dict[str, Style]:
    """Name → style, in the file's order; none if there is no file. Raises Invalid for a file that is no such table.

    Files of A1111's first months call the prompt's column `text`.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")      # line ends inside a style stay as they are
    except FileNotFoundError:
        return {}
    except UnicodeDecodeError:
        raise Invalid(f"{path.name} is not UTF-8 text.", "Save it again as UTF-8.") from None
    try:
        rows = list(csv.DictReader(io.StringIO(text, newline=""), strict=True))
    except csv.Error as error:
        raise Invalid(f"{path.name} is no table of styles: {error}.", f"Its columns are {', '.join(COLUMNS)}.") from None
    return {style.name: style for style in map(style_of, rows) if style.name}


def style_of(row: Mapping[str, str | None]) -> Style:
    return Style(row.get("name") or "", row.get("prompt") or row.get("text") or "", row.get("negative_prompt") or "")


def write_styles(path: Path, styles: Iterable[Style]) -> None:
    """Write the table whole or not at all."""
    table = io.StringIO(newline="")
    writer = csv.writer(table, quoting=csv.QUOTE_MINIMAL)
    writer.writerow(COLUMNS)
    writer.writerows((style.name, style.prompt, style.negative_prompt) for style in styles)
    write_atomically(path, table.getvalue().encode("utf-8-sig"))
