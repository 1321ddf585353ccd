"""An edit of pictures' data as one value, and what becomes of a file by it. No torch."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

import regex

from modules.base.errors import Invalid, TooLarge, TooSlow
from modules.base.limits import MAX_INFOTEXT
from modules.imaging.exif_values import exif_values
from modules.metadata.contents import PictureContents, picture_contents
from modules.metadata.descriptive import HIGHEST_RATING, REJECTED, Descriptive, with_descriptive
from modules.metadata.dialects.dialect import HIDDEN
from modules.metadata.edits import (
    is_comment,
    only_orientation,
    with_generation_data,
    with_other_text,
    without_keywords,
    without_programs,
)
from modules.metadata.formats import metadata_format
from modules.metadata.pieces import FileMetadata
from modules.params.infotext_edit import NEGATIVE_KEY, PROMPT_KEY, edited_infotext, infotext_values
from modules.prompts.network_tags import with_tags
from modules.requests.data_fields import checked_changes, data_key, data_parts

REPLACE_SECONDS = 1.0      # for one expression in one value
MODEL_WORDS = frozenset("model vae checkpoint refiner hypernet lora ti".split())
WORD_OF_KEY = re.compile(r"\w+")
PROMPT_WORD = re.compile(r"(?i)\b(prompt|template)")


@dataclass(frozen=True)
class Replacement:
    """Find and replace. keys: of the values to look in, as fields or in generation data; none means all"""

    find: str
    with_text: str
    regular: bool = False
    keys: tuple[str, ...] = ()


@dataclass(frozen=True)
class DataEdit:
    """What is to be changed in a picture's data; None and empty values change nothing.

    source: another picture's file, whose generation data are taken
    program: the one whose data are converted
    values: fields or pairs by name or key, None takes one away; settings likewise
    texts: other texts by keyword, None takes one away
    strip: parts to take away, of STRIPPED
    """

    source: bytes | None = None
    program: str = ""
    infotext: str | None = None
    values: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    replacements: tuple[Replacement, ...] = ()
    texts: Mapping[str, str | None] = field(default_factory=dict)
    descriptive: Mapping[str, Any] = field(default_factory=dict)
    strip: frozenset[str] = frozenset()


def edited_file(content: bytes, edit: DataEdit) -> bytes:
    """Return a picture's file with its data edited; no byte of the picture changes.

    Raises Invalid, InvalidImage, TooLarge or TooSlow.
    """
    found, file_format = picture_contents(content), metadata_format(content)
    metadata = file_format.read(content)
    text = edited_text(found, edit)
    if text != found.infotext:
        metadata = with_generation_data(file_format.name, metadata, text)
    for keyword, value in edit.texts.items():
        metadata = with_other_text(file_format.name, metadata, keyword, value or "")
    metadata = with_descriptive(metadata, described(found.descriptive, edit.descriptive), found.descriptive)
    for part in sorted(edit.strip):
        metadata = strip_row(part)(file_format.name, metadata, found)
    return file_format.write(content, metadata)


# Generation data -----------------------------------------------------------------------------------


def edited_text(found: PictureContents, edit: DataEdit) -> str:
    """Return the generation data after an edit. Raises Invalid, TooLarge or TooSlow."""
    text = begun_text(found, edit)
    if edit.values or edit.settings:
        text = edited_infotext(text, checked_changes(text, data_parts(text).tab, edit.values, edit.settings))
    for each in edit.replacements:
        text = data_replaced(text, each)
    return stripped_text(text, edit.strip) if edit.strip else text


def begun_text(found: PictureContents, edit: DataEdit) -> str:
    """Return the generation data that an edit starts from."""
    if edit.infotext is not None:
        return edit.infotext.strip()
    if edit.source is not None:
        return picture_contents(edit.source).pasted
    if not edit.program:
        return found.infotext
    texts = [each.infotext for each in found.programs if each.program == edit.program]
    if not texts or not texts[0]:
        told = ", ".join(each.program for each in found.programs if each.infotext)
        raise Invalid(
            f"There are no data of {edit.program[:80]!r} to convert.",
            f"There are data of: {told}." if told else "The file has no program's data.",
        )
    return texts[0]


def data_replaced(text: str, wanted: Replacement) -> str:
    """Return generation data with a text replaced in values. Raises Invalid, TooLarge or TooSlow."""
    tab = data_parts(text).tab
    keys = {data_key(tab, each) for each in wanted.keys}
    changes = {}
    for key, value in infotext_values(text).items():
        after = substituted(wanted, value) if not keys or key in keys else value
        if after != value:
            changes[key] = after or (None if key not in (PROMPT_KEY, NEGATIVE_KEY) else "")
    return edited_infotext(text, changes)


def substituted(wanted: Replacement, value: str) -> str:
    """Return a value with a text or a regular expression replaced, in bounded time."""
    if not wanted.find:
        raise Invalid("There is nothing to find.", "Write what is to be replaced.", "find")
    if not wanted.regular:
        grown = len(value) + value.count(wanted.find) * (len(wanted.with_text) - len(wanted.find))
        if grown > MAX_INFOTEXT:
            raise too_long_result()
        return value.replace(wanted.find, wanted.with_text)
    try:
        found = regex.compile(wanted.find)
        after: str = found.sub(wanted.with_text, value, timeout=REPLACE_SECONDS)
    except TimeoutError as error:
        raise TooSlow("The expression takes too long.", "Use a simpler one.") from error
    except (regex.error, IndexError, ValueError, OverflowError, RecursionError) as error:
        raise Invalid(f"The regular expression cannot be used: {error!s:.200}.", "Correct it.", "find") from error
    if len(after) > MAX_INFOTEXT:
        raise too_long_result()
    return after


def too_long_result() -> TooLarge:
    return TooLarge(f"What comes out has more than {MAX_INFOTEXT:,} characters.", "Replace less.")


# Stripping -----------------------------------------------------------------------------------------


def stripped_text(text: str, parts: Iterable[str]) -> str:
    """Return generation data without prompts, seeds or names of models; "" if they are to go as a whole."""
    if {"all", "infotext"} & set(parts):
        return ""
    values = infotext_values(text)
    changes: dict[str, object] = {}
    if "prompt" in parts:
        changes |= {key: None for key in values if PROMPT_WORD.search(key)}
    if "seed" in parts:
        changes |= {key: None for key in values if "seed" in key.lower()}
    if "models" in parts:
        embeddings = [each.partition(":")[0].strip() for each in values.get("TI hashes", "").split(",")]
        changes |= {
            key: without_names(value, embeddings) for key, value in values.items()
            if PROMPT_WORD.search(key) and key not in changes
        }
        changes |= {key: None for key in values if names_model(key) and not PROMPT_WORD.search(key)}
    return edited_infotext(text, changes)


def names_model(key: str) -> bool:
    """Does a pair of generation data name a model's file or its hash?"""
    key = key.lower()
    return (
        key == "hashes" or key.startswith("civitai") or key.endswith("upscaler")
        or not MODEL_WORDS.isdisjoint(WORD_OF_KEY.findall(key))
    )


def without_names(prompt: str, embeddings: Iterable[str]) -> str:
    """Return a prompt without tags of networks and words of embeddings."""
    plain = with_tags(prompt, lambda tag: "")
    for name in filter(None, embeddings):
        plain = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", "", plain)
    return plain if plain == prompt else re.sub(r"[ \t]{2,}", " ", plain).strip()


StripPart = Callable[[str, FileMetadata, PictureContents], FileMetadata]


def strip_all(format_name: str, metadata: FileMetadata, found: PictureContents) -> FileMetadata:
    return FileMetadata(exif=only_orientation(metadata.exif))


def strip_infotext(format_name: str, metadata: FileMetadata, found: PictureContents) -> FileMetadata:
    return with_generation_data(format_name, metadata, "")


def strip_exif(format_name: str, metadata: FileMetadata, found: PictureContents) -> FileMetadata:
    """Take EXIF away, but for generation data that stand in it."""
    kept = replace(metadata, exif=only_orientation(metadata.exif))
    before = exif_infotext(metadata)
    return with_generation_data(format_name, kept, before) if before else kept


def exif_infotext(metadata: FileMetadata) -> str:
    """Return the generation data that stand in EXIF."""
    return next((each.text for each in exif_values(metadata.exif) if is_comment(each.directory, each.tag)), "")


def strip_other_texts(format_name: str, metadata: FileMetadata, found: PictureContents) -> FileMetadata:
    keywords = {each.keyword for each in found.texts} | {name for name, _ in metadata.texts}
    own = {"parameters", "comment"} if found.infotext else set()
    return without_keywords(format_name, metadata, keywords - own)


STRIPPED: Mapping[str, StripPart] = {
    "all": strip_all,
    "infotext": strip_infotext,
    # a workflow or a recipe would still tell them
    "prompt": without_programs,
    "seed": without_programs,
    "models": without_programs,
    "workflows": without_programs,
    "exif": strip_exif,
    "xmp": lambda _, metadata, found: replace(metadata, xmp=b""),
    "iptc": lambda _, metadata, found: replace(metadata, iptc=b""),
    "c2pa": lambda _, metadata, found: replace(metadata, signed=False),
    "texts": strip_other_texts,
}


def strip_row(part: str) -> StripPart:
    if part not in STRIPPED:
        raise Invalid(f"{part[:80]!r} cannot be stripped.", f"There are: {', '.join(STRIPPED)}.", "strip")
    return STRIPPED[part]


# Descriptions --------------------------------------------------------------------------------------


def described(then: Descriptive, changes: Mapping[str, Any]) -> Descriptive:
    """Return a description with some values changed. Raises Invalid."""
    known = [each.name for each in fields(Descriptive)]
    for name, value in changes.items():
        if name not in known:
            raise Invalid(f"There is no description {name[:80]!r}.", f"There are: {', '.join(known)}.", name)
        check_description(name, value)
    told: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in changes.items()}
    return replace(then, **told)


def check_description(name: str, value: Any) -> None:
    if name == "keywords":
        good = isinstance(value, list | tuple) and all(isinstance(each, str) for each in value)
    elif name == "rating":
        good = isinstance(value, int) and not isinstance(value, bool) and REJECTED <= value <= HIGHEST_RATING
    else:
        good = isinstance(value, str)
    if not good:
        kind = {"keywords": "a list of texts", "rating": f"a number from {REJECTED} to {HIGHEST_RATING}"}
        raise Invalid(f"{name} must be {kind.get(name, 'a text')}.", "Correct it.", name)


# What changes --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class DataChange:
    """A value before and after an edit; "" where there is none."""

    what: str
    before: str
    after: str


def data_changes(before: bytes, after: bytes) -> list[DataChange]:
    """Return what differs in what two files say, in the order of the first."""
    former, latter = picture_contents(before), picture_contents(after)
    own = {"", former.infotext, latter.infotext}      # the places of generation data, which are told by their keys
    texts = differing_values(text_by_place(former), text_by_place(latter))
    values = differing_values(value_by_key(former), value_by_key(latter))
    return [*values, *(each for each in texts if not {each.before, each.after} <= own)]


def differing_values(former: Mapping[str, str], latter: Mapping[str, str]) -> list[DataChange]:
    pairs = ((name, former.get(name, ""), latter.get(name, "")) for name in dict.fromkeys([*former, *latter]))
    return [DataChange(*each) for each in pairs if each[1] != each[2]]


def told_values(found: PictureContents) -> dict[str, str]:
    """Return all that a file says, by a label that says where; its generation data once."""
    places = text_by_place(found).items()
    return value_by_key(found) | {place: text for place, text in places if text != found.infotext}


def value_by_key(found: PictureContents) -> dict[str, str]:
    """Return a file's generation data, and what a person says of it."""
    told = {f"Description: {each.name}": told_description(getattr(found.descriptive, each.name))
            for each in fields(Descriptive)}
    return infotext_values(found.infotext) | told


def text_by_place(found: PictureContents) -> dict[str, str]:
    """Return a file's texts by the places in which they stand."""
    told = {f"Text {each.keyword}": each.text for each in found.texts}
    for place, pairs in (("EXIF", found.exif), ("XMP", found.xmp), ("IPTC", found.iptc)):
        told |= {f"{place} {label}": value for label, value in pairs}
    return told | {"Signed statement of origin (C2PA)": "yes" if found.signed else ""}


def told_description(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value or "")


def edit_notes(content: bytes, edit: DataEdit) -> list[str]:
    """Return what an edit cannot do to a file."""
    notes: list[str] = []
    if edit.strip and any(each.keyword == HIDDEN for each in picture_contents(content).texts):
        notes.append("A text hidden in the pixels stays: it is part of the picture.")
    return notes
