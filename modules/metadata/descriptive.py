"""What a person says of a picture: title, author, copyright, rating, description, keywords.

XMP holds them; EXIF's artist and copyright, and IPTC where a file has it, are kept in step.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace

from PIL import ExifTags

from modules.imaging.exif_entries import with_exif_text
from modules.imaging.exif_values import FIRST_IMAGE, ExifValue
from modules.metadata.iptc import with_iptc
from modules.metadata.pieces import FileMetadata
from modules.metadata.xmp import XmpValue, with_xmp

HIGHEST_RATING, REJECTED = 5, -1
BETWEEN_NAMES = "; "
XMP_NAMES = {
    "title": "dc:title", "author": "dc:creator", "copyright": "dc:rights", "rating": "xmp:Rating",
    "description": "dc:description", "keywords": "dc:subject",
}
EXIF_TAGS = {"author": int(ExifTags.Base.Artist), "copyright": int(ExifTags.Base.Copyright)}
IPTC_LABELS = {
    "title": "Title", "author": "Author", "copyright": "Copyright", "description": "Description",
    "keywords": "Keywords",
}


@dataclass(frozen=True, slots=True)
class Descriptive:
    """Descriptive metadata.

    author: several names are divided by semicolons
    rating: 1 to 5 stars, 0 for none, -1 for rejected
    """

    title: str = ""
    author: str = ""
    copyright: str = ""
    rating: int = 0
    description: str = ""
    keywords: tuple[str, ...] = ()


def descriptive_of(
    exif: Iterable[ExifValue], properties: Mapping[str, XmpValue], iptc: Sequence[tuple[str, str]]
) -> Descriptive:
    """Return what a file says: XMP's word, else EXIF's, else IPTC's."""
    told = {name: listed(properties.get(key, ())) for name, key in XMP_NAMES.items()}
    texts = {each.tag: each.text for each in exif if each.directory == FIRST_IMAGE}
    for name in told:
        of_exif = listed(texts.get(EXIF_TAGS[name], "")) if name in EXIF_TAGS else ()
        of_iptc = tuple(value for label, value in iptc if label == IPTC_LABELS.get(name))
        told[name] = told[name] or of_exif or of_iptc
    return Descriptive(
        title="\n".join(told["title"]),
        author=BETWEEN_NAMES.join(told["author"]),
        copyright="\n".join(told["copyright"]),
        rating=rating_of("".join(told["rating"])),
        description="\n".join(told["description"]),
        keywords=told["keywords"],
    )


def listed(value: XmpValue) -> tuple[str, ...]:
    values = (value,) if isinstance(value, str) else value
    return tuple(each for each in values if each.strip())


def rating_of(text: str) -> int:
    try:
        return min(max(int(float(text)), REJECTED), HIGHEST_RATING)
    except (ValueError, OverflowError):
        return 0


def with_descriptive(metadata: FileMetadata, now: Descriptive, then: Descriptive) -> FileMetadata:
    """Return the metadata with what differs between two descriptions changed. Raises InvalidImage.

    then: what the metadata say, from `descriptive_of`
    """
    changed = [each.name for each in fields(Descriptive) if getattr(now, each.name) != getattr(then, each.name)]
    if not changed:
        return metadata
    xmp = with_xmp(metadata.xmp, {XMP_NAMES[name]: xmp_value(name, now) for name in changed})
    exif = metadata.exif
    for name in EXIF_TAGS.keys() & set(changed):
        exif = with_exif_text(exif, EXIF_TAGS[name], getattr(now, name))
    iptc = metadata.iptc
    if iptc:
        iptc = with_iptc(iptc, {IPTC_LABELS[name]: iptc_values(name, now) for name in changed if name in IPTC_LABELS})
    return replace(metadata, xmp=xmp, exif=exif, iptc=iptc)


def xmp_value(name: str, now: Descriptive) -> XmpValue:
    if name == "author":
        return iptc_values(name, now)
    value = getattr(now, name)
    return value if isinstance(value, tuple) else str(value or "")


def iptc_values(name: str, now: Descriptive) -> tuple[str, ...]:
    value = getattr(now, name)
    if name == "author":
        value = tuple(each.strip() for each in value.split(BETWEEN_NAMES.strip()) if each.strip())
    return value if isinstance(value, tuple) else (value,) if value else ()
