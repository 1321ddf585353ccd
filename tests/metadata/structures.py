"""Sound files whose bytes are laid out in less usual ways; most have generation data, EXIF or XMP."""

from __future__ import annotations

import io
import struct
import zlib

from PIL import ExifTags, Image

from modules.imaging.exif_entries import with_exif_text, with_user_comment
from tests.metadata.heif_files import AVIF_FILES
from tests.metadata.layouts import A1111, PHOTOSHOP, iptc

SIDES = (48, 32)
EXIF = with_exif_text(with_user_comment(b"", A1111), int(ExifTags.Base.Artist), "Ann")
KEYED = b"parameters\0" + A1111.encode()
JPEG_EXIF, JPEG_XMP = b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0"
JPEG_MORE_XMP = b"http://ns.adobe.com/xmp/extension/\0"


def drawn(mode="RGB"):
    picture = Image.merge("RGB" if mode == "P" else mode, [Image.linear_gradient("L").resize(SIDES) for _ in mode.replace("P", "RGB")])
    return picture.quantize(16) if mode == "P" else picture


def saved_as(file_format, mode="RGB", frames=1, **options):
    out, turned = io.BytesIO(), [drawn(mode).rotate(180 * number) for number in range(1, frames)]
    several = {"save_all": True, "append_images": turned, "duration": 100} if turned else {}
    drawn(mode).save(out, file_format, **several, **options)
    return out.getvalue()


# PNG -----------------------------------------------------------------------------------------------


def chunks_of(content):
    place, found = 8, []
    while place < len(content):
        length = int.from_bytes(content[place : place + 4], "big")
        found.append((content[place + 4 : place + 8], content[place + 8 : place + 8 + length]))
        place += length + 12
    return found


def png_of_chunks(chunks):
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )


def with_chunks(content, *new, before=b"IDAT", after=None):
    chunks = chunks_of(content)
    kinds = [kind for kind, _ in chunks]
    place = len(kinds) - kinds[::-1].index(after) if after else kinds.index(before)
    return png_of_chunks([*chunks[:place], *new, *chunks[place:]])


def interlaced(channels):
    """Adam7 by hand, in two chunks of pixels: Pillow reads such files and writes none."""
    width, height = SIDES
    rows = b""
    for left, top, across, down in ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)):
        for y in range(top, height, down):
            rows += b"\0" + b"".join(bytes([x * 5 & 255, y * 7 & 255, x * y & 255, 255 - x])[:channels] for x in range(left, width, across))
    packed = zlib.compress(rows)
    head = struct.pack(">IIBBBBB", width, height, 8, 2 if channels == 3 else 6, 0, 0, 1)
    return png_of_chunks([(b"IHDR", head), (b"IDAT", packed[:20]), (b"IDAT", packed[20:]), (b"IEND", b"")])


def international(keyword, text, packed=True, language=b"", translated=b""):
    data = zlib.compress(text) if packed else text
    return b"iTXt", keyword + b"\0" + bytes([packed, 0]) + language + b"\0" + translated + b"\0" + data


PLAIN_PNG, FILM_PNG = saved_as("png"), saved_as("png", frames=3)
TEXT = (b"tEXt", KEYED)
XMP_CHUNK = international(b"XML:com.adobe.xmp", PHOTOSHOP)
PNG_FILES = {
    "interlaced": with_chunks(interlaced(3), TEXT),
    "interlaced with alpha, iTXt packed": with_chunks(interlaced(4), international(b"parameters", A1111.encode())),
    "iTXt of a language": with_chunks(PLAIN_PNG, international(b"parameters", A1111.encode(), True, b"en", b"data")),
    "zTXt": with_chunks(PLAIN_PNG, (b"zTXt", b"parameters\0\0" + zlib.compress(A1111.encode()))),
    "eXIf behind the pixels": with_chunks(PLAIN_PNG, (b"eXIf", EXIF), after=b"IDAT"),
    "eXIf with JPEG's name": with_chunks(PLAIN_PNG, (b"eXIf", JPEG_EXIF + EXIF)),
    "tEXt behind the pixels": with_chunks(PLAIN_PNG, TEXT, after=b"IDAT"),
    "XMP packed": with_chunks(PLAIN_PNG, XMP_CHUNK, TEXT),
    "XMP twice": with_chunks(PLAIN_PNG, XMP_CHUNK, XMP_CHUNK, TEXT),
    "C2PA": with_chunks(PLAIN_PNG, (b"caBX", b"jumb" * 5), TEXT),
    "chunks of its own": with_chunks(PLAIN_PNG, (b"vpAg", b"123456789"), TEXT, (b"tIME", b"\7\xe8\1\2\3\4\5")),
    "a palette": with_chunks(saved_as("png", "P"), TEXT),
    "a film": with_chunks(FILM_PNG, TEXT),
    "a film, its text between the pictures": with_chunks(FILM_PNG, TEXT, after=b"fcTL"),
    "an empty chunk of pixels": with_chunks(with_chunks(PLAIN_PNG, (b"IDAT", b"")), TEXT),
    "a zip behind it": with_chunks(PLAIN_PNG, TEXT) + b"PK\3\4appended",
}


# JPEG ----------------------------------------------------------------------------------------------


def segment_of(marker, data):
    return bytes((0xFF, marker)) + struct.pack(">H", len(data) + 2) + data


def behind_start(content, *segments):
    return content[:2] + b"".join(segments) + content[2:]


def exif_segment(exif):
    return segment_of(0xE1, JPEG_EXIF + exif)


def commenting(code, text, order=">", kind=7):
    """EXIF with nothing but a user comment of these bytes."""
    data = code + text
    inner = struct.pack(order + "HHHLLL", 1, 0x9286, kind, len(data), 44, 0) + data
    return (b"MM\0*" if order == ">" else b"II*\0") + struct.pack(order + "LHHHLLL", 8, 1, 0x8769, 4, 1, 26, 0) + inner


def commented_jpeg(code, text, order=">", kind=7):
    return behind_start(PLAIN_JPEG, exif_segment(commenting(code, text, order, kind)))


LONG_XMP = PHOTOSHOP.replace(b"A title", b"A long title " * 6_000)
MD5_NAME = b"0123456789ABCDEF0123456789ABCDEF"
MORE_XMP = [
    segment_of(0xE1, JPEG_MORE_XMP + MD5_NAME + struct.pack(">LL", len(LONG_XMP), place) + LONG_XMP[place : place + 65_000])
    for place in range(0, len(LONG_XMP), 65_000)
]
PLAIN_JPEG = saved_as("jpeg")
UNICODE, WIDE, NARROW = b"UNICODE\0", A1111.encode("utf-16-be"), A1111.encode("utf-16-le")
XMP_SEGMENT = segment_of(0xE1, JPEG_XMP + PHOTOSHOP)
JPEG_FILES = {
    "a comment in ASCII": commented_jpeg(b"ASCII\0\0\0", A1111.encode()),
    "a comment in UTF-16, big end first": commented_jpeg(UNICODE, WIDE),
    "a comment in UTF-16, little end first": commented_jpeg(UNICODE, NARROW, "<"),
    "a comment against its block's order": commented_jpeg(UNICODE, WIDE, "<"),
    "a comment against its block's order, little end first": commented_jpeg(UNICODE, NARROW, ">"),
    "a comment with a mark of its order": commented_jpeg(UNICODE, b"\xff\xfe" + NARROW, ">"),
    "a comment of no encoding": commented_jpeg(bytes(8), A1111.encode()),
    "a comment without a word for its encoding": commented_jpeg(b"", A1111.encode()),
    "a comment as a text": commented_jpeg(b"", A1111.encode() + b"\0", kind=2),
    "a comment as bytes": commented_jpeg(UNICODE, WIDE, kind=1),
    "progressive": behind_start(saved_as("jpeg", progressive=True), exif_segment(EXIF)),
    "with restarts": behind_start(saved_as("jpeg", restart_marker_blocks=1), exif_segment(EXIF)),
    "CMYK": behind_start(saved_as("jpeg", "CMYK"), exif_segment(EXIF)),
    "EXIF, XMP and a stranger": behind_start(PLAIN_JPEG, exif_segment(EXIF), XMP_SEGMENT, segment_of(0xE1, b"QVCI\0x")),
    "XMP before EXIF": behind_start(PLAIN_JPEG, XMP_SEGMENT, exif_segment(EXIF)),
    "XMP that goes on": behind_start(PLAIN_JPEG, exif_segment(EXIF), XMP_SEGMENT, *MORE_XMP),
    "filling between segments": PLAIN_JPEG[:2] + b"\xff\xff\xff" + exif_segment(EXIF) + b"\xff\xff" + PLAIN_JPEG[2:],
    "a profile in parts": behind_start(
        PLAIN_JPEG, exif_segment(EXIF), segment_of(0xE2, b"ICC_PROFILE\0\1\2p"), segment_of(0xE2, b"ICC_PROFILE\0\2\2q")),
    "IPTC": behind_start(PLAIN_JPEG, exif_segment(EXIF), segment_of(0xED, b"Photoshop 3.0\0" + iptc(((2, 80), b"Ann")))),
    "C2PA in parts": behind_start(PLAIN_JPEG, exif_segment(EXIF), *(segment_of(0xEB, b"JP\0\1\0\0\0" + part) for part in (b"\1a", b"\2b"))),
    "a second picture": saved_as("mpo", frames=2),
    "a film behind it": behind_start(PLAIN_JPEG, exif_segment(EXIF)) + b"\0\0\0\x18ftypmp42" + b"z" * 50,
}


# WebP ----------------------------------------------------------------------------------------------


def webp_parts(content):
    place, found = 12, []
    while place + 8 <= len(content):
        length = int.from_bytes(content[place + 4 : place + 8], "little")
        found.append((content[place : place + 4], content[place + 8 : place + 8 + length]))
        place += 8 + length + length % 2
    return found


def webp_of(parts):
    body = b"".join(name + struct.pack("<I", len(data)) + data + bytes(len(data) % 2) for name, data in parts)
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


def features(flags):
    return b"VP8X", bytes((flags, 0, 0, 0)) + b"".join((side - 1).to_bytes(3, "little") for side in SIDES)


WEBP_PIXELS = webp_parts(saved_as("webp"))
EXIF_PART = (b"EXIF", EXIF)
WEBP_FILES = {
    "EXIF with JPEG's name": webp_of([features(8), *WEBP_PIXELS, (b"EXIF", JPEG_EXIF + EXIF)]),
    "without loss, alpha, no features": webp_of([part for part in webp_parts(saved_as("webp", "RGBA", lossless=True)) if part[0] == b"VP8L"]),
    "without loss, alpha": saved_as("webp", "RGBA", lossless=True, exif=EXIF),
    "alpha beside the pixels": saved_as("webp", "RGBA", exif=EXIF),
    "a film": saved_as("webp", frames=3, exif=EXIF, xmp=PHOTOSHOP),
    "a film without data": saved_as("webp", frames=3),
    "EXIF before the pixels": webp_of([features(8), EXIF_PART, *WEBP_PIXELS]),
    "strange parts of odd lengths": webp_of([features(8), *WEBP_PIXELS, (b"ABCD", b"odd"), EXIF_PART, (b"WXYZ", b"tail!")]),
    "EXIF that the features do not tell": webp_of([features(0), *WEBP_PIXELS, EXIF_PART]),
    "a profile": saved_as("webp", icc_profile=b"p" * 99, exif=EXIF, xmp=PHOTOSHOP),
    "what follows it": webp_of([features(8), *WEBP_PIXELS, EXIF_PART]) + b"extra",
}

STRUCTURES = {
    f"{name}: {kind}": content
    for name, files in (("PNG", PNG_FILES), ("JPEG", JPEG_FILES), ("WebP", WEBP_FILES), ("AVIF", AVIF_FILES))
    for kind, content in files.items()
}
