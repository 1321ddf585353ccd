"""The index of model files: what is put in is found, by parts of words, page by page."""

from __future__ import annotations

import random
import sqlite3
from operator import attrgetter

import pytest

from modules.library import index as library_index
from modules.library.index import IndexEntry, IndexQuery, LibraryIndex, identity

WORDS = ("cat", "Dog", "übung", "ink_wash", "50%", "a\"b", "日本語", "x")


def entry(number, **how):
    folder = f"f{number % 3}/deep" if number % 2 else f"f{number % 3}"
    name = f"{random.Random(number).choice(WORDS)}{number}"
    values = {
        "kind": "lora",
        "path": f"/models/{folder}/{name}.pt",
        "file": f"{folder}/{name}.pt",
        "folder": folder,
        "name": name,
        "stamp": "s",
        "size": number * 7 % 11,
        "modified": number * 5 % 13,
        "family": ("", "SD1", "SDXL")[number % 3],
        "words": f"{folder}/{name}".casefold(),
    }
    return IndexEntry(**values | how)


ENTRIES = [entry(number) for number in range(40)]


@pytest.fixture(params=[True, False], ids=["full text", "without"])
def index(tmp_path, monkeypatch, request):
    """With SQLite's full text, and as where it has none."""
    if not request.param:
        monkeypatch.setattr(
            library_index, "FULL_TEXT", "CREATE VIRTUAL TABLE model_words USING nothing_of_the_kind (words)"
        )
    index = LibraryIndex(tmp_path / "index.sqlite")
    assert index.full_text is request.param
    index.put([*ENTRIES, entry(1, kind="vae")])
    return index


def names(index, **how):
    return [each.name for each in index.page(IndexQuery(kind="lora", **how)).entries]


def test_what_was_put_in_comes_back(index):
    for wanted in ENTRIES:
        assert index.get(wanted.id) == wanted._replace(words="")
    assert index.get("none") is None and index.stamps("vae") == {entry(1, kind="vae").id: "s"}


def test_it_outlives_its_object(index):
    again = LibraryIndex(index.database.path)
    assert again.page(IndexQuery(kind="lora")).total == len(ENTRIES)


@pytest.mark.parametrize(
    "search",
    [
        "cat",
        "CAT",
        "at1",
        "ü",
        "ÜBUNG",
        "k_w",
        "_",
        "%",
        "0%",
        'a"b',
        '"',
        "日本語",
        "本",
        "f1 cat",
        "f1 a",
        "nothing",
        "f1/deep ca",
        "x",
        "  ",
    ],
)
def test_a_search_finds_what_has_all_its_parts(index, search):
    expected = {each.name for each in ENTRIES if all(word.casefold() in each.words for word in search.split())}
    assert set(names(index, search=search)) == expected and index.page(
        IndexQuery(kind="lora", search=search)
    ).total == len(expected)


@pytest.mark.parametrize(("sort", "key"), [("date", "modified"), ("size", "size"), ("path", "file"), ("name", "name")])
@pytest.mark.parametrize("descending", [False, True])
def test_pages_are_the_whole_in_order(index, sort, key, descending):
    pages = [
        index.page(IndexQuery(kind="lora", sort=sort, descending=descending, offset=offset, limit=7))
        for offset in range(0, 49, 7)
    ]
    found = [each for page in pages for each in page.entries]
    assert len(found) == len(set(map(attrgetter("id"), found))) == len(ENTRIES) and {page.total for page in pages} == {
        len(ENTRIES)
    }
    values = [value.lower() if isinstance(value := getattr(each, key), str) else value for each in found]
    assert values == sorted(values, reverse=descending)


def test_a_folder_holds_the_folders_in_it_and_no_others(index):
    index.put([entry(100, folder="f1x", file="f1x/a"), entry(101, folder="f1/z", file="f1/z/a")])
    found = {each.folder for each in index.page(IndexQuery(kind="lora", folder="f1")).entries}
    assert found == {"f1", "f1/deep", "f1/z"} and index.page(IndexQuery(kind="lora", folder="%")).total == 0
    assert index.families("lora") == ["SD1", "SDXL"] and "f1x" in index.folders("lora")


def test_what_changed_is_found_as_it_is_now_and_what_went_not_at_all(index):
    index.put([ENTRIES[0]._replace(words="zebra", stamp="t")])
    assert names(index, search="zebra") == [ENTRIES[0].name] and index.stamps("lora")[ENTRIES[0].id] == "t"
    assert ENTRIES[0].name not in names(index, search=ENTRIES[0].name)
    index.remove([ENTRIES[0].id])
    assert names(index, search="zebra") == [] and index.page(IndexQuery(kind="lora")).total == len(ENTRIES) - 1


def test_an_entry_knows_whether_its_name_is_its_alone(index):
    index.put([entry(200, name=ENTRIES[3].name.upper(), path="/elsewhere"), entry(201, name="Alone")])
    assert {each.name.lower() for each in index.page(IndexQuery(kind="lora")).entries if each.shares_name} == {
        ENTRIES[3].name.lower()
    }


def test_files_go_by_name_and_previews_by_theirs(index):
    index.put([entry(300, name="Foo", file="sub/Foo.pt", folder="sub", alias="bar", preview="Foo.png")])
    for name in ("foo", "SUB/foo.PT", "bar"):
        assert index.named("lora", name).name == "Foo"
    assert index.named("vae", "foo") is None and index.named("lora", "") is None
    assert index.pictured("sub/Foo.png").name == index.pictured("sub/Foo.pt").name == "Foo"
    assert index.pictured("Foo.png") is None and index.pictured("") is None


def test_an_interrupted_put_leaves_all_as_it_was(index):
    with pytest.raises(sqlite3.Error):
        index.put([ENTRIES[0]._replace(stamp="new"), ENTRIES[1]._replace(size=object())])
    assert index.get(ENTRIES[0].id).stamp == "s"


def test_an_identity_tells_kinds_apart_and_no_path():
    assert identity("lora", "/a") == identity("lora", "/a") != identity("vae", "/a") and "/" not in identity(
        "lora", "/a"
    )
