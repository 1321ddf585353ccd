"""EXIF, IPTC and XMP as ImageMagick keeps them in a PNG: hexadecimal digits in a text "Raw profile type …"."""

from __future__ import annotations

from dataclasses import replace

from modules.imaging.exif_values import EXIF_MARK
from modules.metadata.jpeg import RESOURCES_NAME, XMP_NAME
from modules.metadata.pieces import FileMetadata

RAW_PROFILE = "Raw profile type "


def raw_profiles(metadata: FileMetadata) -> FileMetadata:
    """Return what such texts hold, the first of each kind."""
    found = FileMetadata()
    for keyword, text in metadata.texts:
        if keyword.startswith(RAW_PROFILE):
            found = with_profile(found, raw_profile(text))
    return found


def raw_profile(text: str) -> bytes:
    """Return the bytes of a profile: its name and length stand before the digits."""
    try:
        _, length, *digits = text.split(maxsplit=2)
        return bytes.fromhex("".join(digits))[: int(length[:9])]
    except ValueError:
        return b""


def with_profile(metadata: FileMetadata, profile: bytes) -> FileMetadata:
    if profile.startswith((EXIF_MARK, b"II*\0", b"MM\0*")):
        return replace(metadata, exif=metadata.exif or profile.removeprefix(EXIF_MARK))
    if profile.startswith((XMP_NAME, b"<?xpacket", b"<x:xmpmeta")):
        return replace(metadata, xmp=metadata.xmp or profile.removeprefix(XMP_NAME))
    if profile.startswith((RESOURCES_NAME, b"8BIM")):
        return replace(metadata, iptc=metadata.iptc or profile.removeprefix(RESOURCES_NAME))
    return metadata
