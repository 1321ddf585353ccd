"""Metadata of picture files are read and rewritten without touching a pixel."""

from __future__ import annotations

import io
import struct
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import ExifTags, Image
from PIL.PngImagePlugin import PngInfo

from modules.base.errors import Invalid, InvalidImage, TooLarge
from modules.imaging.exif_entries import EMPTY, Tiff, with_exif_text, with_user_comment
from modules.imaging.read import read_metadata
from modules.imaging.save import FileFormat, encode_image
from modules.metadata.contents import picture_contents
from modules.metadata.formats import file_metadata, metadata_format, picture_digest, with_file_metadata
from modules.metadata.pieces import FileMetadata, Holds, Piece
from tests.golden_data import GOLDEN

FORMATS = ("png", "jpg", "webp", "avif")
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"/></x:xmpmeta>'
DATA = "a fox\nNegative prompt: a dog\nSteps: 20, Sampler: Euler, Seed: 5, Size: 64x48"
IPTC = b"8BIM\x04\x04\0\0\0\0\0\x06\x1c\x02\x05\0\x01x"


def picture(mode="RGB", size=(33, 21)):
    return Image.merge(mode, [Image.linear_gradient("L").resize(size) for _ in mode])


def encoded(name, infotext="", mode="RGB", **how):
    return encode_image(picture(mode), FileFormat(name, **how), infotext)


def pixels(content):
    return Image.open(io.BytesIO(content)).convert("RGBA").tobytes()


def photo(name, **options):
    """A picture as a camera or an editor writes it: EXIF of several directories, a profile, XMP."""
    exif = Image.Exif()
    exif[ExifTags.Base.Make], exif[ExifTags.Base.Orientation] = "Camera", 6
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.LensModel] = "50 mm"
    exif.get_ifd(ExifTags.IFD.GPSInfo)[1] = "N"
    out = io.BytesIO()
    info = PngInfo()
    info.add_itxt("XML:com.adobe.xmp", XMP.decode())
    options |= {"pnginfo": info} if name == "png" else {"xmp": XMP}
    picture().save(out, {"jpg": "jpeg"}.get(name, name), exif=exif, icc_profile=b"a profile" * 9, **options)
    return out.getvalue()


FILES = {
    **{f"{name} with data": encoded(name, DATA) for name in FORMATS},
    **{f"{name} without": encoded(name) for name in FORMATS},
    **{f"{name} of a camera": photo(name) for name in FORMATS},
    "a lossless WebP": encoded("webp", lossless=True),
    "a JPEG in several scans": photo("jpg", progressive=True),
    "a PNG with alpha": encoded("png", DATA, "RGBA"),
    "a PNG and what follows it": encoded("png", DATA) + b"trailing",
}
per_file = pytest.mark.parametrize("content", FILES.values(), ids=FILES.keys())
per_format = pytest.mark.parametrize("name", FORMATS)


def texts_of(content):
    """New texts that the file's format has a place for."""
    return (("parameters", DATA), ("Füchse", "狐")) if content[:4] == b"\x89PNG" else (("comment", "狐"),) if content[:2] == b"\xff\xd8" else ()


@per_file
def test_metadata_that_stay_leave_every_byte(content):
    assert with_file_metadata(content, file_metadata(content)) == content


@per_file
def test_what_is_written_is_read_and_the_picture_stays(content):
    new = FileMetadata(texts_of(content), with_user_comment(b"", DATA), XMP)
    changed = with_file_metadata(content, new)
    assert file_metadata(changed) == new
    assert picture_digest(changed) == picture_digest(content) and pixels(changed) == pixels(content)
    assert read_metadata(changed).infotext in (DATA, "狐")


@per_file
def test_nothing_is_left_of_what_is_stripped(content):
    secret = "a secret place " * 5
    told = replace(file_metadata(content), exif=with_user_comment(file_metadata(content).exif, secret), xmp=XMP + secret.encode())
    stripped = with_file_metadata(with_file_metadata(content, told), FileMetadata())
    assert file_metadata(stripped) == FileMetadata()
    assert not any(each in stripped for each in (secret.encode(), secret.encode("utf-16-be"), secret.encode("utf-16-le"), XMP))
    assert picture_digest(stripped) == picture_digest(content) and pixels(stripped) == pixels(content)


@per_file
def test_written_again_and_again_a_file_does_not_grow(content):
    def told(text):
        return with_file_metadata(content, FileMetadata(exif=with_user_comment(b"", text)))

    changed = told("b" * 500)
    for text in ("c" * 500, "d" * 400, "", "e" * 500):
        changed = with_file_metadata(changed, FileMetadata(exif=with_user_comment(b"", text)))
    assert len(changed) == len(told("b" * 500)) and file_metadata(changed) == FileMetadata(exif=with_user_comment(b"", "e" * 500))


GOLDEN_PICTURES = sorted((GOLDEN / "images").glob("*/*/0.png"))[::25]


@pytest.mark.parametrize("path", GOLDEN_PICTURES, ids=lambda path: f"{path.parent.parent.name} {path.parent.name}")
def test_a1111s_own_pictures_are_edited_and_put_back(path):
    content = path.read_bytes()
    was = file_metadata(content)
    changed = with_file_metadata(content, replace(was, texts=was.with_text("parameters", "狐\nSteps: 1")))
    assert read_metadata(changed).infotext == "狐\nSteps: 1" and picture_digest(changed) == picture_digest(content)
    assert with_file_metadata(changed, was) == content


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(list(FILES.values())), st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=60), st.booleans(), st.booleans())
def test_whatever_is_written_each_byte_that_is_no_metadata_stays(content, text, with_exif, with_packet):
    was = file_metadata(content)
    now = FileMetadata(texts_of(content) if text else was.texts, with_user_comment(was.exif, text) if with_exif else b"", XMP if with_packet else b"")
    changed = with_file_metadata(content, now)
    assert file_metadata(changed) == now and picture_digest(changed) == picture_digest(content)
    assert with_file_metadata(changed, file_metadata(changed)) == changed


@per_format
def test_of_a_cameras_exif_everything_else_stays(name):
    exif = with_user_comment(with_user_comment(file_metadata(photo(name)).exif, "first " * 50), DATA)
    changed = with_file_metadata(photo(name), replace(file_metadata(photo(name)), exif=exif))
    read = Image.open(io.BytesIO(changed)).getexif()
    assert read[ExifTags.Base.Make] == "Camera" and read.get_ifd(ExifTags.IFD.GPSInfo)[1] == "N"
    assert read.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.LensModel] == "50 mm"
    assert read_metadata(changed).infotext == DATA and file_metadata(changed).xmp == XMP
    assert b"first" not in changed.replace(b"\0", b"")


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from([ExifTags.Base.Artist, ExifTags.Base.Copyright, None]), st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=40)), max_size=8))
def test_exif_holds_the_last_of_each_text(changes):
    exif, want = b"", {}
    for tag, text in changes:
        exif = with_user_comment(exif, text) if tag is None else with_exif_text(exif, tag, text)
        want[tag] = text
    read = Image.Exif()
    read.load(b"Exif\0\0" + exif if exif else b"")
    comment = read.get_ifd(ExifTags.IFD.Exif).get(ExifTags.Base.UserComment, b"")
    assert comment[8:].decode("utf-16-be") == want.pop(None, "")
    for tag, text in want.items():
        stored = read.get(tag, "")
        assert (stored.encode("latin-1", "surrogateescape").decode() if isinstance(stored, str) else stored) == text


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.text(st.sampled_from("abcÄé "), min_size=1, max_size=8).map(str.strip).filter(lambda key: key and "  " not in key),
            st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=30),
        ),
        max_size=5,
    )
)
def test_any_texts_stand_in_a_png_in_their_order(texts):
    changed = with_file_metadata(encoded("png", DATA), FileMetadata(tuple(texts)))
    assert file_metadata(changed).texts == tuple(texts) and pixels(changed) == pixels(encoded("png"))


def test_one_text_of_several_is_replaced_where_it_stands():
    info = PngInfo()
    for key, text, packed in (("workflow", "{}", True), ("parameters", DATA, False), ("workflow", "[]", False)):
        info.add_text(key, text, zip=packed)
    out = io.BytesIO()
    picture().save(out, "png", pnginfo=info, exif=with_user_comment(b"", "kept"))
    content = out.getvalue()
    was = file_metadata(content)
    changed = with_file_metadata(content, replace(was, texts=was.with_text("parameters", "a cat")))
    assert file_metadata(changed).texts == (("workflow", "{}"), ("parameters", "a cat"), ("workflow", "[]"))
    assert [key for key, _ in was.with_text("workflow", "")] == ["parameters"]
    place = content.index(b"parameters\0")
    assert changed[: place - 8] == content[: place - 8] and changed.endswith(content[content.index(b"[]") :])


def test_a_jpegs_iptc_and_a_files_signed_origin_stay_unless_they_are_stripped():
    content = with_file_metadata(photo("jpg"), replace(file_metadata(photo("jpg")), iptc=IPTC))
    signed = content[:2] + b"\xff\xeb\0\x06JP\0\1" + content[2:]
    was = file_metadata(signed)
    assert was.signed and was.iptc == IPTC and not file_metadata(content).signed
    changed = with_file_metadata(signed, replace(was, texts=(("comment", "more"),)))
    assert file_metadata(changed) == replace(was, texts=(("comment", "more"),))
    assert not file_metadata(with_file_metadata(signed, replace(was, signed=False))).signed
    assert picture_digest(signed) == picture_digest(content)


def test_further_pictures_in_a_jpeg_are_still_found():
    """Their list (MPF) counts their places from itself on."""
    out = io.BytesIO()
    picture().save(out, "mpo", save_all=True, append_images=[picture(size=(9, 7))])
    changed = with_file_metadata(out.getvalue(), FileMetadata((("comment", "x"),), with_user_comment(b"", DATA), XMP))
    image = Image.open(io.BytesIO(changed))
    image.seek(1)
    assert image.size == (9, 7) and image.convert("RGB").getpixel((0, 0)) is not None


@pytest.mark.parametrize(("name", "metadata", "word"), [
    ("webp", FileMetadata((("parameters", "x"),)), "parameters"),
    ("avif", FileMetadata((("parameters", "x"),)), "parameters"),
    ("jpg", FileMetadata((("parameters", "x"),)), "parameters"),
    ("png", FileMetadata(iptc=IPTC), "IPTC"),
    ("avif", FileMetadata(iptc=IPTC), "IPTC"),
    ("webp", FileMetadata(iptc=IPTC), "IPTC"),
    ("jpg", FileMetadata(exif=b"II*\0" + bytes(70_000)), "65,533"),
    ("png", FileMetadata((("x" * 80, "x"),)), "key"),
    ("png", FileMetadata(((" x", "x"),)), "key"),
    ("png", FileMetadata((("x\ny", "x"),)), "key"),
])
def test_what_a_format_has_no_place_for_is_named(name, metadata, word):
    with pytest.raises(Invalid, match=word):
        with_file_metadata(encoded(name), metadata)


@per_file
def test_a_file_that_is_cut_off_is_refused_or_keeps_what_it_has(content):
    for end in range(0, len(content), max(1, len(content) // 60)):
        try:
            metadata = file_metadata(content[:end])
        except (InvalidImage, TooLarge):
            continue
        assert with_file_metadata(content[:end], metadata) == content[:end]


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(list(FILES.values())), st.data())
def test_a_damaged_file_is_refused_or_rewritten(content, data):
    place = data.draw(st.integers(0, min(len(content) - 1, 1500)))
    damaged = content[:place] + bytes((data.draw(st.integers(0, 255)),)) + content[place + 1 :]
    try:
        assert with_file_metadata(damaged, file_metadata(damaged)) == damaged
        with_file_metadata(damaged, FileMetadata(exif=with_user_comment(file_metadata(damaged).exif, "x")))
    except (Invalid, InvalidImage, TooLarge):
        pass


@pytest.mark.parametrize("chunk", [
    b"VP8 \x0a\0\0\0\x10\x04\0\x9d\x01*\0\0\x15\0", b"VP8 \x0a\0\0\0\x10\x04\0\x9d\x01*\x15\0\0\x40", b"VP8X\0\0\0\0",
])
def test_a_webp_without_a_width_a_height_or_features_takes_no_data(chunk):
    with pytest.raises(InvalidImage):
        with_file_metadata(b"RIFF" + (len(chunk) + 4).to_bytes(4, "little") + b"WEBP" + chunk, FileMetadata(xmp=XMP))


def test_a_gif_or_a_text_is_no_such_picture():
    for content in (b"", b"GIF89a", b"a text", encode_image(picture(), FileFormat("gif"), "")):
        with pytest.raises(InvalidImage):
            file_metadata(content)


def test_exifs_directory_may_not_lie_outside():
    for content in (b"II*\0" + struct.pack("<L", 2**31), b"II*\0\x08\0\0\0\xff\xff", b"XX*\0"):
        with pytest.raises(InvalidImage):
            with_user_comment(content, "x")


def app13(resources):
    return struct.pack(">BBH", 0xFF, 0xED, len(resources) + 16) + b"Photoshop 3.0\0" + resources


def test_photoshops_resources_may_be_longer_than_a_segment():
    part = b"8BIM\x04\x0f\0\0" + struct.pack(">L", 60_000) + b"p" * 60_000
    content = encoded("jpg")
    long = content[:2] + app13(part) + app13(IPTC) + content[2:]
    assert file_metadata(long).iptc == part + IPTC and with_file_metadata(long, file_metadata(long)) == long
    told = with_file_metadata(long, replace(file_metadata(long), texts=(("comment", "x"),)))
    assert file_metadata(told).iptc == part + IPTC and app13(part) in told and app13(IPTC) in told
    changed = with_file_metadata(long, replace(file_metadata(long), iptc=IPTC + part + part))
    assert file_metadata(changed).iptc == IPTC + part + part and picture_digest(changed) == picture_digest(content)
    assert file_metadata(with_file_metadata(changed, FileMetadata())) == FileMetadata()


@pytest.mark.parametrize("name", ["png", "jpg", "webp"])
def test_a_block_that_stands_there_twice_loses_nothing_and_is_stripped_whole(name):
    content = photo(name)
    metadata = metadata_format(content)
    pieces = metadata.split(content)
    doubled = [copy for piece in pieces for copy in [piece] * (1 + (piece.holds in (Holds.EXIF, Holds.XMP)))]
    twice = metadata.finish(doubled)
    assert with_file_metadata(twice, file_metadata(twice)) == twice
    changed = with_file_metadata(twice, replace(file_metadata(twice), xmp=XMP + b" "))
    assert file_metadata(changed).exif == file_metadata(content).exif and changed.count(XMP) == 2
    stripped = with_file_metadata(twice, FileMetadata())
    assert b"Camera" not in stripped and XMP not in stripped and picture_digest(stripped) == picture_digest(content)


def with_segments(content, *segments):
    """Return the JPEG with APP1 segments behind its beginning."""
    return content[:2] + b"".join(struct.pack(">HH", 0xFFE1, len(data) + 2) + data for data in segments) + content[2:]


def test_exif_goes_on_in_a_segment_without_a_head_of_its_own():
    """It leaves with what it belongs to, and stays with it."""
    exif = with_user_comment(b"", DATA)
    content = with_segments(encoded("jpg"), b"Exif\0\0" + exif[:90], b"Exif\0\0" + exif[90:])
    was = file_metadata(content)
    assert was.exif == exif and with_file_metadata(content, was) == content
    assert picture_contents(content).infotext == DATA
    changed = with_file_metadata(content, replace(was, exif=with_user_comment(was.exif, "a cat")))
    assert read_metadata(changed).infotext == "a cat" and changed.count(b"Exif\0\0") == 1


def test_xmp_that_had_no_room_in_the_first_packet_is_read():
    packet = XMP.replace(b"/></x:", b'><rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/" dc:source="far"/></rdf:RDF></x:')
    name, whole = b"http://ns.adobe.com/xmp/extension/\0" + b"A" * 32, len(packet)
    parts = [name + struct.pack(">LL", whole, start) + packet[start : start + 100] for start in range(0, whole, 100)]
    segments = (b"http://ns.adobe.com/xap/1.0/\0" + XMP, *parts[::-1])
    assert ("dc:source", "far") in picture_contents(with_segments(encoded("jpg"), *segments)).xmp
    assert not picture_contents(with_segments(encoded("jpg"), *segments[:-1])).xmp      # a part is missing


def test_of_several_texts_of_a_keyword_the_last_counts_everywhere():
    info = PngInfo()
    for text in ("an old fox\nSteps: 1, Seed: 1", DATA):
        info.add_text("parameters", text)
    out = io.BytesIO()
    picture().save(out, "png", pnginfo=info)
    assert read_metadata(out.getvalue()).infotext == picture_contents(out.getvalue()).infotext == DATA


def test_a_comment_that_names_utf_16_and_is_utf_8_is_read():
    text = DATA.replace("a fox", "狐")
    content = commented_as(b"UNICODE\0" + text.encode())
    assert read_metadata(content).infotext == picture_contents(content).infotext == text


def commented_as(data):
    """A JPEG whose EXIF has this user comment."""
    inner = struct.pack("<HHHLLL", 1, 0x9286, 7, len(data), 44, 0) + data
    return with_segments(encoded("jpg"), b"Exif\0\0II*\0" + struct.pack("<LHHHLLL", 8, 1, 0x8769, 4, 1, 26, 0) + inner)


def test_a_number_of_exif_is_counted_in_numbers():
    changed = Tiff(EMPTY).with_value((int(ExifTags.Base.Orientation),), 3, (6).to_bytes(2, "big"))
    read = Image.Exif()
    read.load(b"Exif\0\0" + changed)
    assert read[ExifTags.Base.Orientation] == 6


@pytest.mark.parametrize("name", ["png", "jpg", "webp"])
@pytest.mark.parametrize("empty", [b"", EMPTY], ids=["no byte", "no entry"])
def test_an_empty_exif_block_hides_not_the_one_after_it(name, empty):
    """It stays with it, and leaves with it."""
    content, metadata = photo(name), metadata_format(photo(name))
    pieces = metadata.split(content)
    block = metadata.encode(Holds.EXIF, "", empty)
    place = next(number for number, piece in enumerate(pieces) if piece.holds == Holds.EXIF)
    before = metadata.finish([*pieces[:place], Piece(block, Holds.EXIF, value=empty), *pieces[place:]])
    was = file_metadata(before)
    assert was.exif == file_metadata(content).exif and with_file_metadata(before, was) == before
    edited = with_file_metadata(before, replace(was, exif=with_user_comment(was.exif, DATA)))
    assert picture_contents(edited).infotext == DATA and block in edited
    assert file_metadata(with_file_metadata(before, FileMetadata())).exif == b""


def with_wrong_checksum(content, kind):
    """Return a PNG whose first chunk of the kind has a wrong checksum."""
    place = content.index(kind) - 4
    end = place + 12 + int.from_bytes(content[place : place + 4], "big")
    return content[: end - 4] + b"\0\0\0\0" + content[end:]


def test_a_png_text_with_a_wrong_checksum_is_read_edited_and_told():
    content = with_wrong_checksum(encoded("png", DATA), b"tEXt")
    assert read_metadata(content).infotext == picture_contents(content).infotext == DATA
    assert "checksum" in " ".join(picture_contents(content).notes)
    was = file_metadata(content)
    assert with_file_metadata(content, replace(was, texts=(*was.texts, ("title", "x")))).startswith(content[:40])
    changed = with_file_metadata(content, replace(was, texts=(("parameters", "a cat"),)))
    assert Image.open(io.BytesIO(changed)).text == {"parameters": "a cat"}
    assert picture_digest(changed) == picture_digest(content) and pixels(changed) == pixels(encoded("png"))


def test_a_png_that_is_cut_off_tells_what_can_be_read_and_is_not_edited():
    content = encoded("png", DATA)
    said = picture_contents(content[: content.index(b"IDAT") + 30])
    assert not said.editable and said.format == "PNG"


@pytest.mark.parametrize("kind", [b"IHDR", b"IDAT"])
def test_a_png_whose_pixels_have_a_wrong_checksum_is_refused(kind):
    with pytest.raises(InvalidImage):
        file_metadata(with_wrong_checksum(encoded("png", DATA), kind))
