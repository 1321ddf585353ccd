"""Captions changed over many pictures at once, and written to where they came from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from modules.base.files import discard, write_atomically
from modules.imaging.dataset.captions import split_tags
from modules.imaging.dataset.sources import Caption

WRITTEN_ENDING = ".txt"      # of a caption file that is new


@dataclass(frozen=True, slots=True)
class TagChange:
    """A change of captions' tags, made in this order.

    find, replace: letters in the whole text; remove, rename: whole tags; add: tags, at the end or the front,
    that a caption has not yet
    """

    find: str = ""
    replace: str = ""
    remove: tuple[str, ...] = ()
    rename: Mapping[str, str] | None = None
    add: tuple[str, ...] = ()
    at_front: bool = False
    separator: str = ","


def changed_caption(text: str, change: TagChange) -> str:
    """Return a caption after a change, line by line; one that nothing changes keeps its letters.

    >>> changed_caption("a cat,  grass", TagChange(remove=("grass",), add=("sun",)))
    'a cat, sun'
    """
    if change.find:
        text = text.replace(change.find, change.replace)
    return "\n".join(changed_line(line, change) for line in text.split("\n"))


def changed_line(line: str, change: TagChange) -> str:
    tags = split_tags(line, change.separator)
    renamed = [(change.rename or {}).get(tag, tag) for tag in tags if tag not in change.remove]
    found = list(dict.fromkeys(renamed)) if renamed != tags else renamed
    new = [tag for tag in change.add if tag not in found]
    found = [*new, *found] if change.at_front else [*found, *new]
    return line if found == tags else f"{change.separator} ".join(found)


def write_caption(picture: Path, caption: Caption, text: str) -> None:
    """Write a picture's caption into the file it came from, else beside it; an empty one has no file.

    Raises DiskFull or Unwritable.
    """
    if caption.source == "metadata" and caption.path is not None:
        write_metadata_caption(caption.path, picture, text)
        return
    path = caption.path if caption.source == "file" and caption.path else picture.with_suffix(WRITTEN_ENDING)
    if text.strip():
        write_atomically(path, text.strip().encode())
    else:
        discard(path)


def write_metadata_caption(path: Path, picture: Path, text: str) -> None:
    """Change a picture's caption in a metadata file, JSON or a JSON a line; all else in it stays."""
    written = path.read_text("utf-8-sig")
    if path.suffix.lower() == ".jsonl":
        lines = [changed_row(line, picture, text) for line in written.splitlines() if line.strip()]
        write_atomically(path, ("\n".join(lines) + "\n").encode())
        return
    entries = json.loads(written)
    key = next(key for key in (picture.name, picture.stem, str(picture)) if key in entries)
    entries[key] = {**entries[key], "caption": text, "tags": ""} if isinstance(entries[key], dict) else text
    write_atomically(path, json.dumps(entries, ensure_ascii=False, indent=1).encode())


def changed_row(line: str, picture: Path, text: str) -> str:
    row = json.loads(line)
    if row.get("file_name") not in (picture.name, picture.stem, str(picture)):
        return line
    key = next((name for name in ("text", "caption", "tags") if row.get(name)), "text")
    return json.dumps({**row, key: text}, ensure_ascii=False)
