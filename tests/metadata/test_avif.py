"""AVIF files that are built to harm, and boxes whose length is told in another way."""

from __future__ import annotations

from dataclasses import replace

import pytest

from modules.base.errors import InvalidImage
from modules.metadata.avif import meta_box
from modules.metadata.formats import file_metadata, picture_digest, with_file_metadata
from modules.metadata.heif import read_boxes, read_heif
from modules.metadata.pieces import FileMetadata
from tests.metadata.heif_files import AVIF_FILES, COMMENTED_EXIF, avif, box

MOST_SPANS = 65_535      # of an item, as `iloc` counts them


def with_long_items(kind):
    """A file in which an item has the file's bytes again and again."""
    content = AVIF_FILES["box by box"]
    heif = read_heif(content)
    spans = ((0, len(content)),) * MOST_SPANS
    items = tuple(replace(item, spans=spans) if item.kind == kind else item for item in heif.items)
    meta = meta_box(heif, items, ())
    return b"".join(meta.raw if each.name == b"meta" else each.raw for each in heif.boxes)


@pytest.mark.parametrize("kind", [b"Exif", b"av01"])
def test_an_item_longer_than_a_file_may_be_is_refused(kind):
    for read in (file_metadata, picture_digest):
        with pytest.raises(InvalidImage):
            read(with_long_items(kind))


def test_boxes_in_boxes_without_end_are_refused():
    nested = b""
    for _ in range(3_000):
        nested = box(b"mdia", nested)
    content = avif() + box(b"moov", box(b"trak", nested))
    with pytest.raises(InvalidImage):
        picture_digest(content)
    with pytest.raises(InvalidImage):
        with_file_metadata(content, FileMetadata(exif=COMMENTED_EXIF))


def test_what_is_written_behind_a_box_up_to_the_files_end_is_no_part_of_it():
    content = AVIF_FILES["a box up to the file's end"]
    for number in range(3):
        content = with_file_metadata(content, FileMetadata(exif=COMMENTED_EXIF, xmp=b"<x/>" * (number + 1)))
    assert [each.name for each in read_boxes(content)].count(b"mdat") == 3      # the picture's, EXIF's, XMP's
    assert picture_digest(content) == picture_digest(AVIF_FILES["a box up to the file's end"])
