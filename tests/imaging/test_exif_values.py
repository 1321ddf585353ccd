"""EXIF is read in all its directories, and what claims more than there is costs nothing."""

from __future__ import annotations

import io
import struct
import tracemalloc

import pytest
from PIL import ExifTags, Image, TiffImagePlugin

from modules.base.errors import InvalidImage
from modules.imaging.exif_values import exif_values
from modules.imaging.read import open_image
from tests.imaging.test_read import chunk, png


def directory(rows, order=">", following=0):
    return struct.pack(f"{order}H", len(rows)) + b"".join(rows) + struct.pack(f"{order}L", following)


def row(tag, kind, count, value, order=">"):
    return struct.pack(f"{order}HHLL", tag, kind, count, value)


def claiming(entries, size):
    """EXIF whose entries all say that the same bytes are theirs."""
    rows = [row(0x1000 + number, 7, size, 8) for number in range(entries)]
    return (b"MM\0*\0\0\0\x08" + directory(rows)).ljust(size + 8, b"\0")


def picture_with(kind, exif):
    if kind == "PNG":
        return png(chunk(b"eXIf", exif))
    out = io.BytesIO()
    Image.new("RGB", (16, 16)).save(out, kind, exif=b"Exif\0\0" + exif)
    return out.getvalue()


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "AVIF", "PNG"])
def test_entries_that_claim_the_same_bytes_over_and_over_fill_no_memory(kind):
    content = picture_with(kind, claiming(4_000, 60_000))      # 240 MB, of 60 KB
    tracemalloc.start()
    try:
        with pytest.raises(InvalidImage):
            open_image(content)
        assert tracemalloc.get_traced_memory()[1] < 16 * 2**20
    finally:
        tracemalloc.stop()


def test_a_list_of_further_pictures_is_looked_at_likewise():
    out = io.BytesIO()
    Image.new("RGB", (16, 16)).save(out, "JPEG")
    listed = b"MPF\0" + claiming(4_000, 60_000)
    content = out.getvalue()[:2] + struct.pack(">BBH", 0xFF, 0xE2, len(listed) + 2) + listed + out.getvalue()[2:]
    with pytest.raises(InvalidImage):
        open_image(content)


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "AVIF", "PNG"])
def test_entries_without_end_are_damage(kind):
    rows = [row(number, 3, 1, 0) for number in range(5_300)]
    with pytest.raises(InvalidImage):
        open_image(picture_with(kind, b"MM\0*\0\0\0\x08" + directory(rows)))


def test_of_what_claims_too_much_the_first_is_read_and_no_more_than_there_is():
    found = exif_values(claiming(4_000, 60_000))
    assert sum(len(each.data) for each in found) <= 60_008


@pytest.mark.parametrize("order", ["<", ">"])
def test_directories_that_lead_to_each_other_are_read_once(order):
    mark = b"II*\0" if order == "<" else b"MM\0*"
    first = directory([row(0x8769, 4, 1, 26, order)], order, following=8)
    second = directory([row(0x8769, 4, 1, 8, order), row(0x8825, 4, 1, 26, order), row(0xA002, 4, 1, 640, order)], order)
    found = exif_values(mark + struct.pack(f"{order}L", 8) + first + second)
    assert [(each.label, each.shown) for each in found] == [("ExifImageWidth", "640")]


def test_values_are_shown_as_a_person_reads_them():
    exif = Image.Exif()
    exif[ExifTags.Base.Make], exif[ExifTags.Base.Orientation] = "Kamera ü".encode(), 6
    inner = exif.get_ifd(ExifTags.IFD.Exif)
    inner[ExifTags.Base.ExposureTime] = TiffImagePlugin.IFDRational(1, 200)
    inner[ExifTags.Base.FNumber], inner[ExifTags.Base.MakerNote] = TiffImagePlugin.IFDRational(28, 10), b"\1" * 99
    inner[ExifTags.Base.ExifVersion] = b"0232"
    place = exif.get_ifd(ExifTags.IFD.GPSInfo)
    place[1], place[2] = "N", (52.0, 30.0, 15.5)
    assert {(each.label, each.shown) for each in exif_values(exif.tobytes())} == {
        ("Make", "Kamera ü"), ("Orientation", "6"), ("ExposureTime", "1/200"), ("FNumber", "2.8"),
        ("MakerNote", "99 bytes"), ("ExifVersion", "0232"), ("GPSLatitudeRef", "N"), ("GPSLatitude", "52 30 15.5"),
    }


@pytest.mark.parametrize("content", [b"", b"/etc/passwd", b"II*\0", b"MM\0*\xff\xff\xff\xff", b"II*\0\x08\0\0\0\xff\xff"])
def test_what_is_no_exif_has_no_values(content):
    assert exif_values(content) == []
