"""However a sound file lays out its bytes, its data are read and edited, and every other byte stays."""

from __future__ import annotations

import io

import pytest
from PIL import Image, ImageSequence

from modules.gallery.facts import data_of_picture
from modules.imaging.read import read_metadata
from modules.metadata.contents import picture_contents
from modules.metadata.descriptive import Descriptive, with_descriptive
from modules.metadata.edits import with_generation_data
from modules.metadata.formats import file_metadata, picture_digest, with_file_metadata
from modules.metadata.pieces import FileMetadata
from tests.metadata.layouts import A1111
from tests.metadata.structures import (
    EXIF,
    PLAIN_JPEG,
    STRUCTURES,
    WEBP_PIXELS,
    behind_start,
    exif_segment,
    features,
    webp_of,
)
from tests.metadata.test_layouts import NOW

EDITED_DATA = A1111.replace("a fox", "ein Füchslein, 狐") + 'Own key: "a, b"'
SILENT = ("a profile", "turned", "turned and mirrored", "a second picture", "a film without data", "without loss, alpha, no features")
per_structure = pytest.mark.parametrize(("name", "content"), STRUCTURES.items(), ids=STRUCTURES.keys())


def pictures_in(content):
    return [frame.convert("RGBA").tobytes() for frame in ImageSequence.Iterator(Image.open(io.BytesIO(content)))]


def all_told(content, text):
    return [form for form in (text.encode(), text.encode("utf-16-be"), text.encode("utf-16-le")) if form in content]


@per_structure
def test_its_data_are_read_and_metadata_that_stay_leave_every_byte(name, content):
    found = picture_contents(content)
    assert data_of_picture(content)[0] == found.infotext
    assert found.infotext == A1111 or name.partition(": ")[2] in SILENT
    assert with_file_metadata(content, file_metadata(content)) == content


@per_structure
def test_an_edit_and_a_description_are_read_again_and_every_picture_in_the_file_stays(name, content):
    was, pictures = picture_contents(content), pictures_in(content)
    edited = with_file_metadata(content, with_generation_data(was.format, file_metadata(content), EDITED_DATA))
    described = with_file_metadata(edited, with_descriptive(file_metadata(edited), NOW, picture_contents(edited).descriptive))
    found = picture_contents(described)
    assert (found.infotext, found.descriptive, found.signed) == (EDITED_DATA, NOW, was.signed)
    assert read_metadata(described).infotext == data_of_picture(described)[0] == EDITED_DATA
    assert pictures_in(described) == pictures and picture_digest(described) == picture_digest(content)
    assert not all_told(described, A1111)
    kept = {label: value for label, value in was.xmp if label.startswith(("crs:", "photoshop:"))}
    assert kept.items() <= dict(found.xmp).items()


@per_structure
def test_nothing_is_left_when_it_is_stripped_but_the_pictures(name, content):
    stripped = with_file_metadata(content, FileMetadata())
    found = picture_contents(stripped)
    assert file_metadata(stripped) == FileMetadata() and found.descriptive == Descriptive()
    assert not (found.infotext or found.exif or found.xmp or found.iptc or found.signed)
    assert not all_told(stripped, A1111[:40]) and b"ns.adobe.com" not in stripped
    assert pictures_in(stripped) == pictures_in(content) and picture_digest(stripped) == picture_digest(content)


TWICE = {
    "JPEG": behind_start(PLAIN_JPEG, exif_segment(EXIF), exif_segment(EXIF)),
    "WebP": webp_of([features(8), *WEBP_PIXELS, (b"EXIF", EXIF), (b"EXIF", EXIF)]),
}


@pytest.mark.parametrize("content", TWICE.values(), ids=TWICE.keys())
@pytest.mark.parametrize("text", ["", EDITED_DATA])
def test_data_that_stand_there_twice_are_not_left_in_the_second_place_and_all_else_is(content, text):
    was = picture_contents(content)
    changed = with_file_metadata(content, with_generation_data(was.format, file_metadata(content), text))
    assert picture_contents(changed).infotext == text and not all_told(changed, A1111)
    assert changed.count(b"Ann") == content.count(b"Ann") == 2 and pictures_in(changed) == pictures_in(content)
    with_author = with_descriptive(file_metadata(content), NOW, was.descriptive)
    assert with_file_metadata(content, with_author).count(b"UNICODE\0") == 2
