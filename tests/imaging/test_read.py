"""Generation data out of picture files."""

from __future__ import annotations

import contextlib
import io
import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from modules.base.errors import InvalidImage, TooLarge
from modules.base.limits import MAX_INFOTEXT
from modules.imaging.read import MOST_CHUNKS, MOST_OTHERS, MOST_PIXELS, open_image_file, read_metadata

TEXT = "ein roter Kreis, 猫 🦊\nNegative prompt: grün\nSteps: 4, Sampler: Euler"
SIGNATURE = b"\x89PNG\r\n\x1a\n"


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(before=b"", after=b"", size=(4, 4)):
    width, height = size
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    pixels = chunk(b"IDAT", zlib.compress(b"\0" * (width + 1) * height if width * height < 10_000 else b"not pixels"))
    return SIGNATURE + head + before + pixels + after + chunk(b"IEND", b"")


def parameters(kind, text=TEXT):
    data = {
        "tEXt": b"parameters\0" + text.encode("latin-1", "replace"),
        "zTXt": b"parameters\0\0" + zlib.compress(text.encode("latin-1", "replace")),
        "iTXt": b"parameters\0\0\0de\0Angaben\0" + text.encode(),
        "iTXt compressed": b"parameters\0\1\0\0\0" + zlib.compress(text.encode()),
    }[kind]
    return chunk(kind[:4].encode(), data)


def with_comment(kind, comment):
    """A picture whose EXIF has this UserComment."""
    exif, out = Image.Exif(), io.BytesIO()
    exif[0x0131] = "a program"
    exif.get_ifd(0x8769)[0x9286] = comment
    Image.new("RGB", (16, 16)).save(out, kind, exif=exif)
    return out.getvalue()


@pytest.mark.parametrize("where", ["before", "after"])
@pytest.mark.parametrize("kind", ["tEXt", "zTXt", "iTXt", "iTXt compressed"])
def test_a_text_is_found_in_every_kind_of_chunk_on_either_side_of_the_pixels(kind, where):
    expected = TEXT if kind.startswith("i") else TEXT.encode("latin-1", "replace").decode("latin-1")
    assert read_metadata(png(**{where: parameters(kind)})).infotext == expected


@pytest.mark.parametrize("text", [TEXT, "only latin: ü", "nul \0 and \x1b[31m"])
def test_what_pillow_writes_is_read(text):
    info, out = PngInfo(), io.BytesIO()
    info.add_text("parameters", text)
    info.add_text("Software", "another")
    Image.new("RGB", (8, 8)).save(out, "png", pnginfo=info)
    found = read_metadata(out.getvalue())
    assert (found.infotext, found.items) == (text, {"Software": "another"})


@pytest.mark.parametrize("encoded", [
    b"UNICODE\0" + TEXT.encode("utf-16-be"), b"UNICODE\0" + TEXT.encode("utf-16-le"), b"ASCII\0\0\0" + TEXT.encode(),
    TEXT.encode(), b"UNICODE\0" + TEXT.encode("utf-16"), b"\0" * 8 + TEXT.encode(), b"ASCII   " + TEXT.encode(),
], ids=["big endian", "little endian", "ascii", "bare", "marked", "undefined", "spaces"])
@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "AVIF", "PNG"])
def test_exif_comments_are_read_in_every_encoding(kind, encoded):
    assert read_metadata(with_comment(kind, encoded)).infotext == TEXT


def test_exif_behind_a_pngs_pixels_is_read():
    with Image.open(io.BytesIO(with_comment("PNG", b"ASCII\0\0\0" + TEXT.encode()))) as image:
        assert read_metadata(png(after=chunk(b"eXIf", image.info["exif"]))).infotext == TEXT


def test_exif_of_which_a_webps_head_does_not_tell_is_read():
    content = bytearray(with_comment("WEBP", b"ASCII\0\0\0" + TEXT.encode()))
    content[content.index(b"VP8X") + 8] = 0
    assert read_metadata(bytes(content)).infotext == TEXT


def test_japanese_comments_are_read():
    assert read_metadata(with_comment("JPEG", b"JIS\0\0\0\0\0" + "猫が歩く".encode("iso2022_jp"))).infotext == "猫が歩く"


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "PNG"])
def test_other_texts_of_exif_go_by_their_names(kind):
    assert read_metadata(with_comment(kind, b"")).items == {"Software": "a program"}


def test_a_jpeg_has_its_comment():
    out = io.BytesIO()
    Image.new("RGB", (8, 8)).save(out, "JPEG", comment=TEXT.encode())
    assert read_metadata(out.getvalue()).infotext == TEXT


def test_a_png_of_countless_chunks_is_refused():
    with pytest.raises(InvalidImage):
        read_metadata(png(after=chunk(b"teXt", b"") * (MOST_CHUNKS + 1)))


@pytest.mark.parametrize(
    "chunks",
    [
        {"before": chunk(b"tEXt", b"parameters\0a") * (MOST_OTHERS + 1)},
        {"after": chunk(b"teXt", b"") * (MOST_OTHERS + 1)},
        {"before": chunk(b"IDAT", b"") * (MOST_CHUNKS + 1)},
    ],
    ids=["texts", "behind the pixels", "empty pixels"],
)
def test_countless_chunks_are_refused_before_pillow_reads_them(chunks, monkeypatch):
    monkeypatch.setattr(Image, "open", None)
    with pytest.raises(InvalidImage, match="damaged"):
        open_image_file(io.BytesIO(png(**chunks)))


def test_some_thousand_chunks_are_read():
    found = read_metadata(png(before=b"".join(chunk(b"tEXt", f"key {each}\0a".encode()) for each in range(5_000))))
    assert len(found.items) == 5_000 and found.items["key 4999"] == "a"


def test_the_byte_order_is_told_by_the_whole_text_not_its_first_letter():
    content = with_comment("JPEG", b"UNICODE\0" + "猫\nSteps: 4, Sampler: Euler".encode("utf-16-be"))
    assert read_metadata(content).infotext.startswith("猫")


def test_a_gif_has_its_comment():
    out = io.BytesIO()
    Image.new("P", (8, 8)).save(out, "GIF", comment=TEXT.encode())
    assert read_metadata(out.getvalue()).infotext == TEXT


@pytest.mark.parametrize("content", [
    b"", b"text", b"<svg/>", b"%PDF-1.7", b"\x00" * 100, SIGNATURE, png()[:-1], png()[:-20], png(size=(0, 4)),
    png().replace(b"IDAT", b"IDAX"), png(parameters("tEXt"))[:-40],
    png(after=chunk(b"zTXt", b"parameters\0\0not compressed")), png(after=struct.pack(">I4s", 2**31, b"tEXt")),
])
def test_what_is_no_picture_or_half_a_one_is_refused(content):
    with pytest.raises(InvalidImage) as caught:
        read_metadata(content)
    assert caught.value.hint


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "AVIF", "GIF", "BMP"])
@given(st.data())
def test_a_damaged_file_is_read_or_refused_but_no_fault(kind, data):
    out = io.BytesIO()
    Image.new("RGB", (8, 8)).save(out, kind)
    content = bytearray(out.getvalue())
    for position in data.draw(st.lists(st.integers(0, min(len(content), 400) - 1), min_size=1, max_size=4)):
        content[position] = data.draw(st.integers(0, 255))
    with contextlib.suppress(InvalidImage, TooLarge):
        assert read_metadata(bytes(content)).infotext == ""


@pytest.mark.parametrize("kind", ["TIFF", "ICO", "PPM", "TGA", "JPEG2000", "DDS"])
def test_kinds_nobody_needs_are_not_even_tried(kind):
    out = io.BytesIO()
    Image.new("RGB", (32, 32)).save(out, kind)
    with pytest.raises(InvalidImage):
        read_metadata(out.getvalue())


@pytest.mark.parametrize("size", [(20_000, 20_000), (9_500, 9_500), (MOST_PIXELS + 1, 1)])
def test_too_many_pixels_are_refused_by_the_header_alone(size):
    with pytest.raises(TooLarge) as caught:
        read_metadata(png(size=size))
    assert caught.value.code == "image_too_large"


def test_pixels_are_never_decoded():
    """These are none, and there would be 64 million of them."""
    assert read_metadata(png(after=parameters("iTXt"), size=(8_000, 8_000))).infotext == TEXT
    assert read_metadata(png(size=(8_000, 8_000))).infotext == ""


@pytest.mark.parametrize("kind", ["tEXt", "zTXt", "iTXt", "iTXt compressed"])
def test_a_text_longer_than_any_prompt_is_refused(kind):
    with pytest.raises(TooLarge):
        read_metadata(png(after=parameters(kind, "a" * (MAX_INFOTEXT + 1))))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::UserWarning")      # Pillow tells what it found
@given(st.data())
def test_damaged_exif_is_no_data_but_no_fault(data):
    exif = bytearray(Image.open(io.BytesIO(with_comment("JPEG", b"ASCII\0\0\0hello"))).info["exif"])
    for position in data.draw(st.lists(st.integers(6, len(exif) - 1), min_size=1, max_size=6)):
        exif[position] = data.draw(st.integers(0, 255))
    out = io.BytesIO()
    Image.new("RGB", (8, 8)).save(out, "JPEG", exif=bytes(exif))
    assert isinstance(read_metadata(out.getvalue()).infotext, str)


def test_many_texts_count_together():
    many = b"".join(chunk(b"zTXt", f"key {i}".encode() + b"\0\0" + zlib.compress(b"a" * 100_000)) for i in range(12))
    with pytest.raises(TooLarge):
        read_metadata(png(after=many))
