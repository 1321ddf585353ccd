"""The table of picture formats whose metadata can be rewritten, and the two functions that use it."""

from __future__ import annotations

from typing import Protocol

from modules.base.errors import InvalidImage
from modules.base.limits import MAX_FILE
from modules.imaging.read import PNG_SIGNATURE, too_large_file
from modules.metadata.avif import AVIF
from modules.metadata.jpeg import JPEG
from modules.metadata.pieces import FileMetadata
from modules.metadata.png import PNG
from modules.metadata.webp import WEBP


class MetadataFormat(Protocol):
    """A file format whose metadata can be read and rewritten."""

    @property
    def name(self) -> str: ...

    def read(self, content: bytes) -> FileMetadata: ...

    def write(self, content: bytes, metadata: FileMetadata) -> bytes: ...

    def digest(self, content: bytes) -> str: ...


def metadata_format(content: bytes) -> MetadataFormat:
    """Return a file's format, by its first bytes. Raises InvalidImage or TooLarge."""
    if len(content) > MAX_FILE:
        raise too_large_file(len(content))
    if content.startswith(PNG_SIGNATURE):
        return PNG
    if content.startswith(b"\xff\xd8"):
        return JPEG
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return WEBP
    if content[4:8] == b"ftyp" and content[8:12] in (b"avif", b"avis", b"mif1", b"msf1"):
        return AVIF
    raise InvalidImage("That is no picture whose data can be changed.", "PNG, JPEG, WebP and AVIF can.")


def file_metadata(content: bytes) -> FileMetadata:
    """Return all metadata of a picture's file. Raises InvalidImage or TooLarge."""
    return metadata_format(content).read(content)


def with_file_metadata(content: bytes, metadata: FileMetadata) -> bytes:
    """Return the file with these metadata instead of its own; no byte of the picture changes.

    Raises InvalidImage, TooLarge, or Invalid for what the format has no place for.
    """
    return metadata_format(content).write(content, metadata)


def picture_digest(content: bytes) -> str:
    """Return the SHA-256 of all that is not metadata. Raises InvalidImage or TooLarge."""
    return metadata_format(content).digest(content)
