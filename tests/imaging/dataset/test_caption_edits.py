"""Tags changed over many captions: only what is asked for."""

from __future__ import annotations

import json

import pytest

from modules.imaging.dataset.caption_edits import TagChange, changed_caption, write_caption
from modules.imaging.dataset.sources import Caption


@pytest.mark.parametrize(("text", "change", "expected"), [
    ("a cat,  grass", TagChange(), "a cat,  grass"),
    ("a cat, grass", TagChange(add=("sun", "a cat")), "a cat, grass, sun"),
    ("a cat, grass", TagChange(add=("zorb",), at_front=True), "zorb, a cat, grass"),
    ("a cat, grass, grass", TagChange(remove=("grass",)), "a cat"),
    ("a cat, catnip", TagChange(rename={"a cat": "a dog"}), "a dog, catnip"),
    ("a cat, a dog", TagChange(rename={"a cat": "a dog"}), "a dog"),
    ("a cat, catnip", TagChange(find="cat", replace="dog"), "a dog, dognip"),
    ("one, two\nthree, two", TagChange(remove=("two",)), "one\nthree"),
    ("", TagChange(add=("zorb",)), "zorb"),
])
def test_a_change_touches_what_it_names(text, change, expected):
    assert changed_caption(text, change) == expected
    assert changed_caption(changed_caption(text, change), change) == (expected if not change.find else expected.replace("cat", "dog"))


def test_a_caption_is_written_where_it_came_from(tmp_path):
    picture, own = tmp_path / "a.png", tmp_path / "a.caption"
    own.write_text("old")
    write_caption(picture, Caption("old", "file", own), " new ")
    assert own.read_text() == "new" and not (tmp_path / "a.txt").exists()
    write_caption(picture, Caption("new", "file", own), "")
    assert not own.exists()
    write_caption(picture, Caption("words", "class words"), "mine")
    assert (tmp_path / "a.txt").read_text() == "mine"
    metadata = tmp_path / "meta.json"
    metadata.write_text(json.dumps({"a": {"caption": "x", "tags": "y", "other": 1}, "b": "z"}))
    write_caption(picture, Caption("x, y", "metadata", metadata), "new")
    assert json.loads(metadata.read_text()) == {"a": {"caption": "new", "tags": "", "other": 1}, "b": "z"}
