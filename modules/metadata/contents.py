"""All that a picture's file says, readably: what the page shows of it, and what edits begin with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from PIL import Image

from modules.base.errors import InvalidImage
from modules.base.limits import MAX_INFOTEXT
from modules.imaging.exif_values import FIRST_IMAGE, ExifValue, exif_values
from modules.imaging.read import comment_of, has_wrong_checksum, open_image, read_exif_comment, too_much_text
from modules.metadata.descriptive import Descriptive, descriptive_of
from modules.metadata.dialects.dialect import (
    HIDDEN,
    USUAL_KEY,
    LabelledValues,
    PictureTexts,
    ProgramData,
    json_object,
    readable_pairs,
)
from modules.metadata.dialects.table import programs_data
from modules.metadata.formats import metadata_format
from modules.metadata.hidden import hidden_text
from modules.metadata.iptc import iptc_pairs
from modules.metadata.jpeg import COMMENT_KEYWORD, extended_xmp
from modules.metadata.pieces import FileMetadata
from modules.metadata.raw_profiles import raw_profiles
from modules.metadata.xmp import XmpValue, xmp_properties

IN_PIXELS = "A text is hidden in the pixels: no edit of the file's data changes it or takes it away."

WRONG_CHECKSUM = "A checksum in the file is wrong: a text may have been damaged, or a program wrote it so."


@dataclass(frozen=True, slots=True)
class PictureText:
    """A text of the file: its keyword, which program wrote it ("" if unknown), and the same readably."""

    keyword: str
    program: str
    text: str
    readable: LabelledValues


@dataclass(frozen=True, slots=True)
class PictureContents:
    """What a picture's file says.

    editable: its metadata can be rewritten
    infotext: generation data as Easel and A1111 write them, "" if the file has none of its own
    programs: what each program says; the first with an infotext is what a picture without its own is pasted from
    notes: what could not be read
    """

    format: str
    size: tuple[int, int]
    editable: bool
    infotext: str
    texts: tuple[PictureText, ...]
    programs: tuple[ProgramData, ...]
    descriptive: Descriptive
    exif: LabelledValues
    xmp: LabelledValues
    iptc: LabelledValues
    signed: bool
    notes: tuple[str, ...]

    @property
    def pasted(self) -> str:
        """Return the generation data, converted if another program wrote them."""
        return self.infotext or next((each.infotext for each in self.programs if each.infotext), "")


def picture_contents(content: bytes) -> PictureContents:
    """Return all that a picture's file says. Raises InvalidImage or TooLarge."""
    image = open_image(content)
    metadata, editable = readable_metadata(content, image)
    profiles = raw_profiles(metadata)
    exif = exif_values(metadata.exif) + exif_values(profiles.exif)
    properties, notes = readable_xmp(metadata.xmp)
    further = extended_xmp(content) if editable else b""
    properties = {**readable_xmp(profiles.xmp)[0], **readable_xmp(further)[0], **properties}
    texts = all_texts(metadata, exif, comment_of(image))
    hidden = hidden_text(content)
    if hidden:
        texts[HIDDEN] = hidden
        notes.append(IN_PIXELS)
    if editable and image.format == "PNG" and has_wrong_checksum(content):
        notes.append(WRONG_CHECKSUM)
    iptc = iptc_pairs(metadata.iptc or profiles.iptc)
    told = {f"iptc:{label}": value for label, value in iptc}
    said = PictureTexts(texts, image.size, told | {name: shown_property(each) for name, each in properties.items()})
    programs = programs_data(said)
    foreign = any(USUAL_KEY in each.keys and each.infotext != said.parameters for each in programs)
    own = "" if foreign else said.parameters
    return PictureContents(
        str(image.format), image.size, editable, own,
        tuple(text_told(keyword, text, programs) for keyword, text in texts.items()), programs,
        descriptive_of(exif, properties, iptc), tuple((each.label, each.shown) for each in exif),
        tuple((name, shown_property(each)) for name, each in properties.items()), iptc, metadata.signed,
        tuple(notes),
    )


def readable_metadata(content: bytes, image: Image.Image) -> tuple[FileMetadata, bool]:
    """Return the metadata, and whether they can be rewritten; of a GIF or BMP there is only a comment."""
    try:
        metadata = metadata_format(content).read(content)
    except InvalidImage:
        return FileMetadata(exif=bytes(image.info.get("exif", b""))), False
    if len(metadata.exif) > 4 * MAX_INFOTEXT:
        raise too_much_text()
    return metadata, True


def all_texts(metadata: FileMetadata, exif: list[ExifValue], gif_comment: str) -> dict[str, str]:
    """Return the file's texts by keyword, what stands in the usual place as "parameters"."""
    texts = dict(pair for pair in metadata.texts if pair[0] != COMMENT_KEYWORD)      # the last of a keyword counts
    found = texts.pop(USUAL_KEY, "") or read_exif_comment(exif) or metadata.text(COMMENT_KEYWORD) or gif_comment
    if len(found) > MAX_INFOTEXT:
        raise too_much_text()
    named = {each.label: each.text for each in exif if each.directory == FIRST_IMAGE and each.text.strip("\0 ")}
    return ({USUAL_KEY: found} if found else {}) | named | texts


def readable_xmp(packet: bytes) -> tuple[Mapping[str, XmpValue], list[str]]:
    try:
        return xmp_properties(packet), []
    except InvalidImage as error:
        return {}, [str(error)]


def shown_property(value: XmpValue) -> str:
    return value if isinstance(value, str) else ", ".join(value)


def text_told(keyword: str, text: str, programs: tuple[ProgramData, ...]) -> PictureText:
    """Return a text with the program that claims it; JSON of an unknown one is shown readably too."""
    owner = next((each for each in programs if keyword in each.keys), None)
    if owner:
        return PictureText(keyword, owner.program, text, owner.readable)
    return PictureText(keyword, "", text, readable_pairs(json_object(text)))
