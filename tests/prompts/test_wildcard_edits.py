from __future__ import annotations

from threading import Lock

import pytest

from modules.base.errors import Conflict, Forbidden, Invalid, NotFound, UnknownName
from modules.prompts.wildcard_edits import LARGEST_EDITED, WildcardEditor, WildcardFolder, checked_path
from modules.prompts.wildcard_files import WildcardFiles


@pytest.fixture
def editor(tmp_path):
    shared, own = tmp_path / "shared", tmp_path / "own"
    folders = (WildcardFolder("shared", shared, False), WildcardFolder("own", own, True))
    shared.mkdir()
    (shared / "colours.txt").write_text("red\nblue\n")
    return WildcardEditor(WildcardFiles([shared, own]), folders, Lock())


def lines(editor, name):
    return list(editor.files.current().lines(name).lines)


def test_what_is_deleted_lies_in_the_trash_and_is_found_by_nobody(editor):
    for text in ("red", "blue"):
        editor.write("own", "pets/cats.txt", text, "")
        editor.delete("own", "pets/cats.txt")
    [own] = [folder.path for folder in editor.folders if folder.name == "own"]
    kept = {path.relative_to(own).as_posix(): path.read_text() for path in own.rglob("*.txt")}
    assert kept == {".trash/pets/cats.txt": "red", ".trash/pets/cats-1.txt": "blue"}
    assert [each.path for each in editor.found("cats")] == []


def test_a_file_is_written_changed_renamed_and_deleted(editor):
    revision = editor.write("own", "animals/cats.txt", "tabby\n", "")
    assert lines(editor, "animals/cats") == ["tabby"]
    assert editor.read("own", "animals/cats.txt") == ("tabby\n", revision)
    editor.write("own", "animals/cats.txt", "tabby\nsiamese\n", revision)
    editor.rename("own", "animals/cats.txt", "pets.txt")
    assert lines(editor, "pets") == ["tabby", "siamese"]
    editor.delete("own", "pets.txt")
    with pytest.raises(UnknownName):
        lines(editor, "pets")


def test_what_changed_meanwhile_is_not_written_over(editor):
    revision = editor.write("own", "a.txt", "one", "")
    with pytest.raises(Conflict):
        editor.write("own", "a.txt", "two", "")
    editor.write("own", "a.txt", "theirs", revision)
    with pytest.raises(Conflict):
        editor.write("own", "a.txt", "mine", revision)
    editor.write("own", "b.txt", "two", "")
    with pytest.raises(Conflict):
        editor.rename("own", "b.txt", "a.txt")


def test_ones_own_file_counts_before_that_for_everybody(editor):
    for change in (lambda: editor.write("shared", "colours.txt", "grey", ""),
                   lambda: editor.delete("shared", "colours.txt"),
                   lambda: editor.rename("shared", "colours.txt", "x.txt")):
        with pytest.raises(Forbidden):
            change()
    editor.write("own", "colours.txt", "grey", "")
    assert lines(editor, "colours") == ["grey"]


def test_files_are_found_by_path_and_by_the_names_in_them(editor):
    editor.write("own", "wear.yaml", "wear:\n  warm: [coat, scarf]\n  cold: [shirt]\n", "")
    found = {each.path: each.names for each in editor.found("")}
    assert found == {"wear.yaml": ("wear/cold", "wear/warm"), "colours.txt": ("colours",)}
    assert [each.path for each in editor.found("warm wear")] == ["wear.yaml"]
    assert [each.path for each in editor.found("COLOUR")] == ["colours.txt"]
    assert list(editor.found("nothing")) == []


@pytest.mark.parametrize("path", [
    "../a.txt", "/a.txt", "a/../../b.txt", "a\\b.txt", "con.txt", "~/a.txt", "~.txt", "$HOME/a.txt", "a/aux.yaml", ".hidden.txt", "a.exe", "a", "",
    "a?.txt", "x" * 300 + ".txt", "a/" * 9 + "b.txt", "two\nlines.txt", " a.txt", "a//b.txt",
])
def test_a_path_that_is_none_everywhere_is_refused(editor, path):
    with pytest.raises(Invalid):
        checked_path(path)
    with pytest.raises((Invalid, NotFound)):
        editor.read("own", path)
        editor.write("own", path, "a", "")


@pytest.mark.parametrize(("path", "text"), [
    ("a.yaml", "a: [b"), ("a.json", "{"), ("a.yaml", "just a text: "), ("a.json", "[" * 5000),
    ("a.txt", "x" * (LARGEST_EDITED + 1)),
])
def test_what_could_not_be_read_again_is_not_written(editor, path, text):
    with pytest.raises(Invalid):
        editor.write("own", path, text, "")
    assert not (editor.folders[1].path / path).exists()


def test_a_link_that_leads_out_is_no_file_of_wildcards(editor, tmp_path):
    (tmp_path / "secret.txt").write_text("secret")
    (editor.folders[0].path / "link.txt").symlink_to(tmp_path / "secret.txt")
    with pytest.raises(NotFound):
        editor.read("shared", "link.txt")
