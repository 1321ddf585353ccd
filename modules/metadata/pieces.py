"""A picture's file as a row of pieces: what holds metadata can be changed, all else keeps every byte."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from hashlib import sha256
from typing import TypeAlias

from modules.base.errors import Invalid
from modules.imaging.exif_entries import with_user_comment
from modules.imaging.exif_values import TIFF_ORDERS, exif_values
from modules.imaging.read import read_exif_comment


class Holds(Enum):
    """What a piece holds."""

    IMAGE = "image"        # pixels, colours, sizes and what is not known
    TEXT = "text"          # PNG's texts, a JPEG's comment
    EXIF = "EXIF"
    XMP = "XMP"
    IPTC = "IPTC"
    C2PA = "C2PA"          # a signed statement of origin; it no longer holds once anything is changed
    MORE = "more"          # a further part of a block, whose name is its keyword
    FRAME = "frame"        # counts or lists the others, and is written anew with them


@dataclass(frozen=True, slots=True)
class Piece:
    raw: bytes                      # as it stands in the file
    holds: Holds = Holds.IMAGE
    keyword: str = ""               # of a text
    value: str | bytes = b""


@dataclass(frozen=True, slots=True)
class FileMetadata:
    """All metadata of a file, each as the standards store it.

    texts: keyword and text of each, in the file's order; a keyword may stand there twice
    exif: the TIFF block, without the name that JPEG puts before it
    xmp: the packet, XML
    iptc: Photoshop's image resources, of which one is IPTC-IIM
    signed: there is a C2PA statement, which is never written anew
    """

    texts: tuple[tuple[str, str], ...] = ()
    exif: bytes = b""
    xmp: bytes = b""
    iptc: bytes = b""
    signed: bool = False

    def text(self, keyword: str) -> str:
        """Return the last text of that keyword, which is the one that programs go by, or ""."""
        return dict(self.texts).get(keyword, "")

    def with_text(self, keyword: str, text: str) -> tuple[tuple[str, str], ...]:
        """Return the texts with one replaced, where the first of its keyword stood; "" takes all of them away."""
        names = [name for name, _ in self.texts]
        place = names.index(keyword) if keyword in names else len(names)
        others = [pair if pair[0] != keyword else None for pair in self.texts] + [None]
        others[place] = (keyword, text) if text else None
        return tuple(pair for pair in others if pair)


EncodePiece: TypeAlias = Callable[[Holds, str, "str | bytes"], bytes]
CONTINUED = " continued"      # of a further part's keyword: the block goes on there
BLOCK_FIELDS = {Holds.EXIF: "exif", Holds.XMP: "xmp", Holds.IPTC: "iptc"}
SAYS_SOMETHING: dict[Holds, Callable[[bytes], object]] = {Holds.EXIF: exif_values, Holds.XMP: bytes.strip}


@dataclass(frozen=True)
class PieceFormat:
    """A format whose files are pieces one after another.

    split: the pieces of a file; joined, they are the file. Raises InvalidImage or TooLarge
    encode: the piece of a value, with its frame. Raises Invalid for what the format has no place for
    place: where a new piece goes, counted in pieces
    finish: the file of changed pieces; some formats count their bytes at the beginning
    """

    name: str
    split: Callable[[bytes], list[Piece]]
    encode: EncodePiece
    place: Callable[[Sequence[Piece]], int]
    finish: Callable[[Sequence[Piece]], bytes] = field(default=lambda pieces: b"".join(each.raw for each in pieces))

    def read(self, content: bytes) -> FileMetadata:
        pieces = with_further_parts(self.split(content))
        blocks = {BLOCK_FIELDS[each.holds]: each.value for each in reversed(pieces) if each.holds in BLOCK_FIELDS}
        texts = tuple((each.keyword, str(each.value)) for each in pieces if each.holds == Holds.TEXT)
        return FileMetadata(texts, signed=any(each.holds == Holds.C2PA for each in pieces), **blocks)  # type: ignore[arg-type]

    def write(self, content: bytes, metadata: FileMetadata) -> bytes:
        """Return the file with these metadata instead of its own; values that stay keep their bytes and their place."""
        pieces = with_further_parts(self.split(content))
        changed = list(changed_pieces(self, pieces, metadata))
        return content if changed == pieces else self.finish(changed)

    def digest(self, content: bytes) -> str:
        """Return the SHA-256 of all that is not metadata."""
        return sha256(b"".join(each.raw for each in self.split(content) if each.holds == Holds.IMAGE)).hexdigest()


def with_further_parts(pieces: Sequence[Piece]) -> list[Piece]:
    """Return the pieces with blocks that stand there again marked as further parts.

    IPTC goes on in them, and so does EXIF that has no head of its own there, since both may be longer than a piece; of
    others the first one counts that says anything.
    """
    found: list[Piece] = []
    first: dict[Holds, int] = {}
    idle = idle_blocks(pieces)
    for number, piece in enumerate(pieces):
        if number in idle:
            found.append(Piece(piece.raw, Holds.MORE, piece.holds.value, piece.value))
            continue
        place = first.setdefault(piece.holds, len(found)) if piece.holds in BLOCK_FIELDS else len(found)
        more = place < len(found) and goes_on(piece)
        if more:
            found[place] = replace(found[place], value=found[place].value + piece.value)      # type: ignore[operator]
        kind = piece.holds.value + (CONTINUED if more else "")
        found.append(piece if place == len(found) else Piece(piece.raw, Holds.MORE, kind, piece.value))
    return found


def idle_blocks(pieces: Sequence[Piece]) -> set[int]:
    """Return the places of EXIF and XMP that says nothing before some that does: programs leave empty blocks there."""
    idle: set[int] = set()
    for holds, says in SAYS_SOMETHING.items():
        places = [place for place, piece in enumerate(pieces) if piece.holds == holds]
        saying = [place for place in places if says(pieces[place].value)] if len(places) > 1 else []      # type: ignore[arg-type]
        idle |= {place for place in places if saying and place < saying[0]}
    return idle


def goes_on(piece: Piece) -> bool:
    """Return whether a block that stands there again is the first one's next part."""
    return piece.holds == Holds.IPTC or piece.holds == Holds.EXIF and bytes(piece.value[:4]) not in TIFF_ORDERS  # type: ignore[arg-type]


Value: TypeAlias = "tuple[Holds, str, str | bytes]"


def wanted_values(metadata: FileMetadata) -> list[Value]:
    """Return each value there is to be, texts first."""
    found: list[Value] = [(Holds.TEXT, keyword, text) for keyword, text in metadata.texts]
    blocks = [(holds, "", getattr(metadata, name)) for holds, name in BLOCK_FIELDS.items()]
    return found + [block for block in blocks if block[2]]


def changed_pieces(file_format: PieceFormat, pieces: Sequence[Piece], metadata: FileMetadata) -> Iterator[Piece]:
    """Yield the pieces with the wanted values in place of the former ones; what is new goes to its format's place."""
    wanted = wanted_values(metadata)
    stays = staying_parts(pieces, metadata)
    was = next((bytes(piece.value) for piece in pieces if piece.holds == Holds.EXIF), b"")      # type: ignore[arg-type]
    silent = said_in(was) not in ("", said_in(metadata.exif))
    kept = [
        (silenced(file_format, piece) if silent else piece)
        if (piece.holds, piece.keyword) in stays
        else replaced_piece(file_format, piece, wanted, metadata)
        for piece in pieces
    ]
    place = file_format.place(pieces)
    new = [made_piece(file_format, value) for value in wanted]
    yield from (piece for piece in (*kept[:place], *new, *kept[place:]) if piece)


def said_in(exif: bytes) -> str:
    """Return EXIF's user comment, or ""."""
    return read_exif_comment(exif_values(exif))


def silenced(file_format: PieceFormat, piece: Piece) -> Piece:
    """Return a further EXIF block without its comment: what was changed or taken away must not be found there."""
    block = bytes(piece.value) if isinstance(piece.value, bytes) else b""
    if piece.keyword != Holds.EXIF.value or not said_in(block):
        return piece
    block = with_user_comment(block, "")
    return Piece(file_format.encode(Holds.EXIF, "", block), Holds.MORE, piece.keyword, block)


def staying_parts(pieces: Sequence[Piece], metadata: FileMetadata) -> set[tuple[Holds, str]]:
    """Return which further parts stay: of blocks that are still there; those that a block goes on in if it stays."""
    was = {piece.holds: piece.value for piece in pieces if piece.holds in BLOCK_FIELDS}
    now = {holds: getattr(metadata, name) for holds, name in BLOCK_FIELDS.items()}
    there = {(Holds.MORE, holds.value) for holds, value in now.items() if value}
    same = {(Holds.MORE, holds.value + CONTINUED) for holds, value in now.items() if value and value == was.get(holds)}
    return there | same


def replaced_piece(
    file_format: PieceFormat, piece: Piece, wanted: list[Value], metadata: FileMetadata
) -> Piece | None:
    """Return what stands in a piece's place, if anything; a value that has found its place is no longer wanted."""
    stays = {Holds.IMAGE: True, Holds.FRAME: True, Holds.C2PA: metadata.signed, Holds.MORE: False}
    if piece.holds in stays:
        return piece if stays[piece.holds] else None
    found = next((value for value in wanted if value[:2] == (piece.holds, piece.keyword)), None)
    if not found:
        return None
    wanted.remove(found)
    return piece if found[2] == piece.value else made_piece(file_format, found)


def made_piece(file_format: PieceFormat, value: Value) -> Piece:
    return Piece(file_format.encode(*value), *value)


def no_place(format_name: str, what: str) -> Invalid:
    return Invalid(f"A {format_name} file has no place for {what}.", "Save a copy as PNG, which has one.")
