"""Edits of a file's metadata: each is a pure function, and what it does not name stays as it is."""

from __future__ import annotations

import struct
from collections.abc import Collection
from dataclasses import replace

from modules.base.errors import Invalid
from modules.imaging.exif_entries import EMPTY, with_exif_text, with_user_comment
from modules.imaging.exif_values import COMMENT_TAG, COMMENTED, FIRST_IMAGE, exif_values
from modules.metadata.contents import PictureContents
from modules.metadata.dialects.dialect import HIDDEN, USUAL_KEY
from modules.metadata.jpeg import COMMENT_KEYWORD, JPEG
from modules.metadata.pieces import FileMetadata
from modules.metadata.png import PNG

ORIENTATION_TAG, EXIF_SHORT, UPRIGHT = 0x0112, 3, 1
MANIFEST_KEYWORD = "easel"      # the text with a picture's recipe


def with_generation_data(format_name: str, metadata: FileMetadata, text: str) -> FileMetadata:
    """Return the metadata with these generation data where their format has them; "" takes them away everywhere."""
    said = {each.text for each in exif_values(metadata.exif) if is_comment(each.directory, each.tag)}
    if format_name == PNG.name:
        metadata = replace(metadata, texts=metadata.with_text(USUAL_KEY, text))
        exif = with_user_comment(metadata.exif, "") if any(said) else metadata.exif
        return replace(metadata, exif=exif)
    if format_name == JPEG.name and metadata.text(COMMENT_KEYWORD) and not any(said):
        return replace(metadata, texts=metadata.with_text(COMMENT_KEYWORD, text))
    return replace(metadata, exif=with_user_comment(metadata.exif, text))


def is_comment(directory: str, tag: int) -> bool:
    return tag == COMMENT_TAG and directory == COMMENTED


def with_other_text(format_name: str, metadata: FileMetadata, keyword: str, text: str) -> FileMetadata:
    """Return the metadata with another text, "" for none: a PNG's, a JPEG's comment, or one of EXIF's that is there.

    Raises Invalid.
    """
    if keyword == USUAL_KEY:
        return with_generation_data(format_name, metadata, text)
    if keyword == HIDDEN:
        raise Invalid("What is hidden in the pixels is part of the picture.", "Only another picture is without it.")
    tags = [each.tag for each in exif_values(metadata.exif) if named_text(each.directory, each.label, keyword)]
    if tags and keyword not in dict(metadata.texts):
        return replace(metadata, exif=with_exif_text(metadata.exif, tags[0], text))
    return replace(metadata, texts=metadata.with_text(keyword, text))


def named_text(directory: str, label: str, keyword: str) -> bool:
    return directory == FIRST_IMAGE and label == keyword


def without_programs(format_name: str, metadata: FileMetadata, found: PictureContents) -> FileMetadata:
    """Return the metadata without the texts that programs write beside generation data: workflows and recipes."""
    keys = {each.keyword for each in found.texts if each.program} | {MANIFEST_KEYWORD}
    keys |= {key for each in found.programs for key in each.keys}
    own = {USUAL_KEY} if found.infotext else set()
    metadata = without_keywords(format_name, metadata, keys - own)
    return replace(metadata, xmp=b"") if keys & {label for label, _ in found.xmp} else metadata


def without_keywords(format_name: str, metadata: FileMetadata, keywords: Collection[str]) -> FileMetadata:
    """Return the metadata without some texts; one that is not there, or hidden in the pixels, is passed over."""
    there = {name for name, _ in metadata.texts} | {
        each.label for each in exif_values(metadata.exif) if each.directory == FIRST_IMAGE and each.text
    }
    if USUAL_KEY in keywords:
        there.add(USUAL_KEY)
    for keyword in sorted(there & set(keywords)):
        metadata = with_other_text(format_name, metadata, keyword, "")
    return metadata


def only_orientation(exif: bytes) -> bytes:
    """Return EXIF that says nothing but which side is up, without which a picture would be shown turned."""
    turned = next(
        (struct.unpack(f"{each.order}H", each.data[:2])[0] for each in exif_values(exif)
         if each.directory == FIRST_IMAGE and each.tag == ORIENTATION_TAG and len(each.data) >= 2),
        UPRIGHT,
    )
    if turned == UPRIGHT:
        return b""
    entry = struct.pack(">HHLHH", ORIENTATION_TAG, EXIF_SHORT, 1, turned, 0)
    return EMPTY[:8] + struct.pack(">H", 1) + entry + bytes(4)      # no directory after it
