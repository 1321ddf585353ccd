"""All that a picture's file says, as plain data for the page and the terminal. No torch."""

from __future__ import annotations

from dataclasses import asdict
from hashlib import sha256
from typing import Any

from modules.base.errors import WebUIError, sentence
from modules.library.library import Library
from modules.metadata.contents import PictureContents, picture_contents
from modules.requests.data_fields import data_parts
from modules.requests.paste import clamp_to_form, read_infotext
from modules.settings.options import Settings

LONGEST_SHOWN_TEXT = 2**20      # characters of one text in a reply; the file has the rest


def shown_contents(content: bytes) -> dict[str, Any]:
    """Return what a file says. Raises InvalidImage or TooLarge."""
    found = picture_contents(content)
    return {
        "format": found.format,
        "size": list(found.size),
        "bytes": len(content),
        "revision": revision_of(content),
        **shown_parts(found.infotext),
        **shown_texts(found),
        "descriptive": asdict(found.descriptive),
        "exif": pairs_shown(found.exif),
        "xmp": pairs_shown(found.xmp),
        "iptc": pairs_shown(found.iptc),
        "signed": found.signed,
        "notes": list(found.notes),
    }


def revision_of(content: bytes) -> str:
    """Return what tells a file's state from any other: its SHA-256."""
    return sha256(content).hexdigest()


def shown_parts(infotext: str) -> dict[str, Any]:
    """Return generation data, whole and in parts."""
    parts = data_parts(infotext)
    return {
        "infotext": infotext, "tab": parts.tab, "fields": parts.fields, "settings": parts.settings,
        "unknown": [list(pair) for pair in parts.unknown],
    }


def shown_texts(found: PictureContents) -> dict[str, Any]:
    texts = [
        {"keyword": each.keyword, "program": each.program, "text": each.text[:LONGEST_SHOWN_TEXT],
         "readable": pairs_shown(each.readable)}
        for each in found.texts
    ]
    dialects = [
        {"program": each.program, "infotext": each.infotext, "readable": pairs_shown(each.readable),
         "notes": list(each.notes)}
        for each in found.programs
    ]
    return {"texts": texts, "dialects": dialects}


def pairs_shown(pairs: tuple[tuple[str, str], ...]) -> list[list[str]]:
    return [list(pair) for pair in pairs]


def notes_on_names(infotext: str, library: Library, standing: Settings) -> list[str]:
    """Return what is not here of the models and networks that generation data name, and what could not be used."""
    if not infotext:
        return []
    try:
        notes: list[str] = clamp_to_form(read_infotext(infotext, library, standing))["notes"]
    except WebUIError as error:
        return [sentence(error)]
    return notes
