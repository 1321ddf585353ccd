from __future__ import annotations

import json
from threading import Lock

import pytest

from modules.base.errors import Conflict, Forbidden, Invalid, UnknownName
from modules.prompts.style_edits import StyleBook
from modules.prompts.style_import import imported_styles
from modules.prompts.styles import Style, StyleFiles, extract_styles_from_prompt, read_styles, write_styles

INK, NIGHT, STICKER = Style("ink", "{prompt}, ink", "photo"), Style("night", "at night"), Style("sticker", "", "blurry")


def book(tmp_path, *names, shared=False, own=""):
    paths = [tmp_path / name for name in names or ("styles.csv",)]
    return StyleBook(StyleFiles(paths), tmp_path / own if own else paths[-1], shared, Lock())


def names_in(path):
    return [style.name for style in read_styles(path).rows]


def test_a_style_is_saved_renamed_put_in_order_and_deleted(tmp_path):
    styles = book(tmp_path)
    for style in (INK, NIGHT, STICKER):
        styles.save(style, "", "", True)
    styles.save(Style("noir", "at night, noir", category="films"), "night", "", True)
    assert names_in(styles.own) == ["ink", "noir", "sticker"]
    styles.order(["sticker", "ink"], True)
    assert names_in(styles.own) == ["sticker", "noir", "ink"]
    styles.remove(["ink", "sticker"], True)
    assert styles.files.styles() == {"noir": Style("noir", "at night, noir", category="films")}


def test_what_else_is_in_a_file_stays(tmp_path):
    path = tmp_path / "styles.csv"
    path.write_text("# my own\nname,prompt,negative_prompt,stars\nink,an ink drawing,,5\n#old,x,y,\nnight,at night,,\n")
    styles = book(tmp_path)
    styles.save(Style("ink", "ink on paper"), "ink", "", True)
    assert names_in(path) == ["# my own", "ink", "#old", "night"]
    changed = read_styles(path).styles["ink"]
    assert (changed.prompt, changed.others) == ("ink on paper", (("stars", "5"),))


def test_a_name_is_taken_once_and_must_be_one(tmp_path):
    styles = book(tmp_path)
    styles.save(INK, "", "", True)
    styles.save(NIGHT, "", "", True)
    with pytest.raises(Conflict):
        styles.save(NIGHT, "ink", "", True)
    for name in ("", "  ", "#note", "two\nlines"):
        with pytest.raises(Invalid):
            styles.save(Style(name), "", "", True)
    with pytest.raises(UnknownName):
        styles.save(STICKER, "not here", "", True)


def test_a_style_moves_between_files(tmp_path):
    styles = book(tmp_path, "styles.csv", "more.csv", own="styles.csv")
    styles.save(INK, "", "", True)
    styles.save(INK, "ink", "more.csv", True)
    assert names_in(tmp_path / "more.csv") == ["ink"] and names_in(tmp_path / "styles.csv") == []
    with pytest.raises(UnknownName):
        styles.save(INK, "ink", "elsewhere.csv", True)


def test_what_is_for_everybody_stays_and_ones_own_counts_before_it(tmp_path):
    write_styles(tmp_path / "styles.csv", [INK, NIGHT])
    (tmp_path / "alice").mkdir()
    styles = book(tmp_path, "styles.csv", "alice/styles.csv", shared=True)
    with pytest.raises(Forbidden):
        styles.remove(["ink"], False)
    styles.save(Style("ink", "alice's"), "ink", "", False)
    assert styles.files.styles()["ink"].prompt == "alice's"
    assert read_styles(tmp_path / "styles.csv").styles["ink"] == INK
    styles.remove(["ink"], False)
    assert styles.files.styles()["ink"] == INK
    styles.remove(["ink"], True)
    assert list(styles.files.styles()) == ["night"]


def test_a_damaged_file_is_kept_beside_the_new_one(tmp_path):
    styles = book(tmp_path)
    styles.save(INK, "", "", True)
    styles.own.write_bytes(b"\x00\x81\x8d damaged")
    styles.save(NIGHT, "", "", True)
    assert names_in(styles.own) == ["ink", "night"]
    assert (tmp_path / "styles.broken.csv").read_bytes() == b"\x00\x81\x8d damaged"


@pytest.mark.parametrize("data", [
    [{"name": "sai-anime", "prompt": "anime {prompt}", "negative_prompt": "photo"}],
    {"sai-anime": {"prompt": "anime {prompt}", "negative_prompt": "photo"}},
    {"name": "sai-anime", "prompt": "anime {prompt}", "negative": "photo"},
])
def test_lists_of_other_programs_are_styles(data):
    found = imported_styles("sdxl_styles_sai.json", json.dumps(data).encode())
    assert found == [Style("sai-anime", "anime {prompt}", "photo", "sdxl_styles_sai")]


def test_a_table_of_a1111_is_imported_in_any_encoding():
    table = "name,prompt,negative_prompt\n# a note,,\nTusche,mit Tuschefüller,\n"
    for encoding in ("utf-8", "utf-8-sig", "utf-16", "cp1252"):
        assert imported_styles("styles.csv", table.encode(encoding)) == [Style("Tusche", "mit Tuschefüller")]


@pytest.mark.parametrize(("name", "content"), [
    ("a.json", b"{"), ("a.json", b"[1, 2]"), ("a.json", b"[" * 5000), ("a.csv", b"no,table\n1,2\n"), ("a.csv", b""),
])
def test_what_is_no_file_of_styles_is_refused(name, content):
    with pytest.raises(Invalid, match=name):
        imported_styles(name, content)


def test_styles_are_added_and_those_that_are_here_stay(tmp_path):
    styles = book(tmp_path)
    styles.save(INK, "", "", True)
    assert styles.add([Style("ink", "another"), NIGHT]) == (["night"], ["ink"])
    assert styles.files.styles()["ink"] == INK


@pytest.mark.parametrize(("prompt", "negative", "found"), [
    ("a cat, ink, at night", "photo", (["ink", "night"], "a cat", "")),
    ("a cat, at night, ink", "dog, photo", (["night", "ink"], "a cat", "dog")),
    ("a cat, ink", "", ([], "a cat, ink", "")),
    ("a cat at night", "", ([], "a cat at night", "")),      # applied again it would have a comma
    ("a cat", "blurry", (["sticker"], "a cat", "")),
])
def test_styles_are_found_in_prompts_if_both_have_them(prompt, negative, found):
    assert extract_styles_from_prompt([INK, NIGHT, STICKER], prompt, negative) == found
