"""Files as programs write them are understood, and an edit changes what it is to change and nothing else."""

from __future__ import annotations

from dataclasses import replace

import pytest

from modules.imaging.exif_entries import with_user_comment
from modules.metadata.contents import picture_contents
from modules.metadata.descriptive import Descriptive, with_descriptive
from modules.metadata.dialects.table import DIALECTS
from modules.metadata.formats import file_metadata, picture_digest, with_file_metadata
from modules.metadata.pieces import FileMetadata
from modules.params.infotext import split_infotext
from tests.metadata.layouts import A1111, LAYOUTS

EDITED = A1111.replace("Seed: 42", "Seed: 43").replace("a fox", "ein Füchslein, 狐") + 'Own key: "a, b"'
NOW = Descriptive("Ein Titel <&>", "Ann; 狐", "© Ann", 3, "two\nlines", ("fox", "a, b"))
DESCRIBED = ("dc:description", "iptc:Description")      # where a program's data go when the description is another
per_layout = pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS.keys())
UNTOLD = ("exif", "xmp", "iptc")


def edited(content, text):
    """Return the file with other generation data, in the place of its format."""
    was = file_metadata(content)
    if content.startswith(b"\x89PNG"):
        return with_file_metadata(content, replace(was, texts=was.with_text("parameters", text)))
    return with_file_metadata(content, replace(was, texts=(), exif=with_user_comment(was.exif, text)))


def told_beside(contents):
    """All that a file says beside its generation data."""
    others = [each for each in contents.texts if each.keyword != "parameters"]
    fields = {name: [pair for pair in getattr(contents, name) if pair[0] != "UserComment"] for name in UNTOLD}
    return [(each.keyword, each.text) for each in others], fields, contents.descriptive


def test_there_are_thirty_layouts_and_one_of_each_program():
    found = {layout.program for layout in LAYOUTS.values()}
    assert len(LAYOUTS) >= 30
    assert found >= set(DIALECTS.names) | {"Easel", "SD Forge", "SD.Next"}


@per_layout
def test_its_program_is_known_and_its_data_are_converted(layout):
    found = picture_contents(layout.content)
    assert [each.program for each in found.programs][:1] == [layout.program][: bool(layout.program)]
    if layout.program:
        text = split_infotext(found.pasted)
        assert layout.pairs.items() <= text.pairs.items()
        assert text.prompt.startswith(layout.prompt or ("狐", "a 狐", "a fox, (ink:1.2)"))
        assert text.negative_prompt in ("blurry, bad", "bad") and found.programs[0].readable


@per_layout
def test_an_edit_is_read_again_and_all_else_stays(layout):
    was, changed = picture_contents(layout.content), edited(layout.content, EDITED)
    found = picture_contents(changed)
    assert (found.infotext, found.pasted) == (EDITED, EDITED)
    assert told_beside(found) == told_beside(was)
    assert picture_digest(changed) == picture_digest(layout.content)


@per_layout
def test_a_description_is_read_again_and_all_else_stays(layout):
    was, metadata = picture_contents(layout.content), file_metadata(layout.content)
    changed = with_file_metadata(layout.content, with_descriptive(metadata, NOW, was.descriptive))
    found = picture_contents(changed)
    assert found.descriptive == NOW and found.infotext == was.infotext
    if not any(key in DESCRIBED for each in was.programs for key in each.keys):
        assert found.programs == was.programs
    described = ("dc:", "xmp:Rating")
    assert [pair for pair in found.xmp if not pair[0].startswith(described)] == [
        pair for pair in was.xmp if not pair[0].startswith(described)
    ]
    assert {("Artist", "Ann; 狐"), ("Copyright", "© Ann")} <= set(found.exif)
    assert picture_digest(changed) == picture_digest(layout.content)
    back = with_file_metadata(changed, with_descriptive(file_metadata(changed), was.descriptive, found.descriptive))
    assert picture_contents(back).descriptive == was.descriptive


@per_layout
def test_nothing_is_left_of_a_layout_that_is_stripped_but_what_the_pixels_hide(layout):
    stripped = with_file_metadata(layout.content, FileMetadata())
    found = picture_contents(stripped)
    assert {each.keyword for each in found.texts} <= {"hidden in the pixels"}
    assert not (found.exif or found.xmp or found.iptc or found.signed) and found.descriptive == Descriptive()
    assert picture_digest(stripped) == picture_digest(layout.content)
