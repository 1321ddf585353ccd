"""Folders of training pictures and their captions: `N_class words` folders, caption files, metadata files."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from modules.base.errors import Invalid, TooLarge
from modules.base.limits import MAX_PROMPT
from modules.imaging.dataset.captions import CaptionRules, words_of_name
from modules.imaging.folders import counting, list_files

TRAINING_PICTURE_ENDINGS = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".avif"})
CAPTION_ENDINGS = (".txt", ".caption")      # looked for where none is named
MOST_TRAINING_PICTURES = 100_000
LARGEST_CAPTIONS = 256 * 2**20              # bytes of a file of captions
REPEATED = re.compile(r"(\d{1,6})_(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Subset:
    """A folder of pictures and how they are trained with.

    class_words: the caption of pictures without one
    caption_ending: ending of caption files; "" looks for .txt and .caption
    captions: captions by file name, from the metadata file `captions_file`
    masks: a folder with pictures of the same names whose brightness weighs the loss
    maps: such a folder with what a ControlNet learns to follow
    """

    folder: Path
    repeats: int = 1
    class_words: str = ""
    is_reg: bool = False
    caption_ending: str = ""
    caption_rules: CaptionRules = field(default_factory=CaptionRules)
    captions: Mapping[str, str] | None = None
    captions_file: Path | None = None
    masks: Path | None = None
    maps: Path | None = None
    alpha_mask: bool = False
    flip: bool = False
    vary_colours: bool = False
    random_crop: bool = False
    interpolation: str = ""
    names_as_captions: bool = False


@dataclass(frozen=True, slots=True)
class Caption:
    """A picture's caption and where it came from: "file", "class words", "metadata", "name" or "none"."""

    text: str
    source: str
    path: Path | None = None


def divided_folder(folder: Path) -> list[tuple[Path, int, str]]:
    """Return the (folder, repeats, class words) of the `N_class words` folders below one, or of itself without any.

    Raises InvalidImage if it cannot be read.
    """
    found = []
    for path in sorted((each for each in folder.iterdir() if each.is_dir()), key=counting):
        if (name := REPEATED.fullmatch(path.name)) and int(name[1]):
            found.append((path, int(name[1]), name[2].strip()))
    return found or [(folder, 1, words_of_folder(folder))]


def words_of_folder(folder: Path) -> str:
    """Return class words from a folder's name: "my-cat" is "my cat"."""
    return re.sub(r"[-_\s]+", " ", folder.name).strip()


def picture_files(folder: Path) -> list[Path]:
    """Return the files of a folder that end like pictures, `2` before `10`. Raises TooLarge or InvalidImage."""
    files = list_files(folder, 4 * MOST_TRAINING_PICTURES)
    found = sorted((path for path in files if path.suffix.lower() in TRAINING_PICTURE_ENDINGS), key=counting)
    if len(found) > MOST_TRAINING_PICTURES:
        raise TooLarge(
            f"There are {len(found):,} pictures in {folder.name}.", f"At most {MOST_TRAINING_PICTURES:,} are taken."
        )
    return found


def find_caption(path: Path, subset: Subset) -> Caption:
    """Return a picture's caption. Raises Invalid for a caption file that is no UTF-8 text."""
    if subset.captions is not None and (text := known_caption(path, subset.captions)) is not None:
        return Caption(text, "metadata", subset.captions_file)
    for ending in (subset.caption_ending,) if subset.caption_ending else CAPTION_ENDINGS:
        if (file := path.with_suffix(ending)).is_file():
            return Caption(read_caption(file), "file", file)
    if subset.names_as_captions:
        return Caption(words_of_name(path.stem), "name")
    return Caption(subset.class_words, "class words") if subset.class_words else Caption("", "none")


def known_caption(path: Path, captions: Mapping[str, str]) -> str | None:
    return next((captions[key] for key in (path.name, path.stem, str(path)) if key in captions), None)


def read_caption(path: Path) -> str:
    """Return a caption file's text. Raises Invalid, naming file and byte, for what is no UTF-8."""
    with path.open("rb") as file:
        content = file.read(4 * MAX_PROMPT + 1)
    if len(content) > 4 * MAX_PROMPT:
        raise Invalid(
            f"The caption file {path.name} is too large.", f"A caption has at most {MAX_PROMPT:,} characters."
        )
    try:
        return content.decode("utf-8-sig").replace("\r\n", "\n").strip()
    except UnicodeDecodeError as error:
        raise Invalid(
            f"The caption file {path.name} is no UTF-8 text: byte {error.start:,} is 0x{content[error.start]:02x}.",
            "Save it as UTF-8.",
        ) from error


def read_metadata_file(path: Path) -> dict[str, str]:
    """Return the captions of a metadata file by picture: sd-scripts' JSON, or a JSON a line as diffusers has it.

    Raises Invalid for one that is not as it should be.
    """
    if path.stat().st_size > LARGEST_CAPTIONS:
        raise Invalid(
            f"The metadata file {path.name} is too large.", f"At most {LARGEST_CAPTIONS // 2**20} MB are read."
        )
    try:
        text = path.read_text("utf-8-sig")
        if path.suffix.lower() == ".jsonl":
            return dict(row_caption(json.loads(line)) for line in text.splitlines() if line.strip())
        found = json.loads(text)
        return {str(name): entry_caption(entry) for name, entry in found.items()}
    except (UnicodeDecodeError, ValueError, TypeError, AttributeError, KeyError, RecursionError) as error:
        raise Invalid(
            f"The metadata file {path.name} cannot be read.",
            'It is JSON such as {"a.png": {"caption": "a cat", "tags": "cat, grass"}}, or lines with file_name, text.',
        ) from error


def row_caption(row: Mapping[str, Any]) -> tuple[str, str]:
    return str(row["file_name"]), str(row.get("text") or row.get("caption") or row.get("tags") or "")


def entry_caption(entry: Any) -> str:
    """Return a picture's caption and tags, with a comma between."""
    if isinstance(entry, str):
        return entry
    return ", ".join(str(part) for part in (entry.get("caption"), entry.get("tags")) if part)
