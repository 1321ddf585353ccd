from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modules.base.errors import PromptTooLong
from modules.prompts import styles as styles_module
from modules.prompts.styles import (
    Style,
    StyleFiles,
    StyleTable,
    apply_styles_to_prompt,
    extract_style_text_from_prompt,
    read_styles,
    write_styles,
)

from .golden import golden

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))


@golden("styles.apply_styles_to_prompt")
def test_styles_are_applied_as_in_a1111(case):
    assert apply_styles_to_prompt(**case["input"]) == case["output"]


@golden("styles.extract_style_text_from_prompt")
def test_styles_are_found_as_in_a1111(case):
    assert list(extract_style_text_from_prompt(**case["input"])) == case["output"]


@pytest.mark.parametrize("style", ["big, bright", "a drawing of {prompt}, in ink"])
def test_a_style_that_was_applied_is_found_again(style):
    assert extract_style_text_from_prompt(style, apply_styles_to_prompt("a cat", [style])) == (True, "a cat")


def test_a_style_that_doubles_the_prompt_ends_at_the_limit():
    with pytest.raises(PromptTooLong):
        apply_styles_to_prompt("a cat", ["{prompt} {prompt}"] * 100)


names = texts.filter(lambda name: name and not name.startswith("#"))


@pytest.mark.slow
@given(st.lists(st.builds(Style, names, texts, texts), unique_by=lambda style: style.name))
def test_a_table_of_styles_reads_back_as_it_was_written(tmp_path_factory, styles):
    path = tmp_path_factory.mktemp("styles") / "styles.csv"
    write_styles(path, styles)
    assert list(read_styles(path).styles.values()) == styles


def test_no_file_is_no_styles(tmp_path):
    assert read_styles(tmp_path / "styles.csv") == StyleTable()


def table(tmp_path, content):
    path = tmp_path / "styles.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_styles(path)


def test_old_and_untidy_tables_are_read(tmp_path):
    assert table(tmp_path, "name,text\nink,an ink drawing\n,nameless\nshort\n").styles == {
        "ink": Style("ink", "an ink drawing"), "short": Style("short"),
    }


FOO = {"Foo": Style("Foo", "best, {prompt}", "bad, worse")}


@pytest.mark.parametrize("content", [
    'name, prompt, negative_prompt\nFoo, "best, {prompt}", "bad, worse"\n',
    'name,prompt,negative_prompt\nFoo,  "best, {prompt}",  "bad, worse"\n',
    '"name","prompt","negative_prompt"\r\n"Foo","best, {prompt}","bad, worse"\r\n',
    'negative_prompt,name,prompt\n"bad, worse",Foo,"best, {prompt}"\n',
    '# mine\n\nname,prompt,negative_prompt\n#Foo,no,no\nFoo,"best, {prompt}","bad, worse"\n',
    'name;prompt;negative_prompt\nFoo;best, {prompt};bad, worse\n',
    'sep=;\nname;prompt;negative_prompt\nFoo;best, {prompt};bad, worse\n',
    'name\tprompt\tnegative_prompt\nFoo\t"best, {prompt}"\tbad, worse\n',
    'name,prompt,negative_prompt,notes\nFoo,"best, {prompt}","bad, worse",2023,more\n',
])
def test_a_table_says_the_same_however_it_was_typed(tmp_path, content):
    assert table(tmp_path, content) == StyleTable(FOO)


def test_a_quote_within_a_text_is_a_letter_and_one_never_closed_ends_with_the_file(tmp_path):
    found = table(tmp_path, 'name,prompt\nA,6" tall\nB,"never closed\n')
    assert found.styles == {"A": Style("A", '6" tall'), "B": Style("B", "never closed\n")} and not found.problem


PAINTING = "name,prompt\nFoo,Gemälde\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_a_table_is_read_in_every_encoding_of_unicode(tmp_path, encoding):
    assert table(tmp_path, PAINTING.encode(encoding)) == StyleTable({"Foo": Style("Foo", "Gemälde")})


def test_a_table_in_the_letters_of_windows_is_read_and_that_is_said(tmp_path):
    found = table(tmp_path, PAINTING.encode("cp1252"))
    assert found.styles == {"Foo": Style("Foo", "Gemälde")} and "cp1252" in found.problem


@pytest.mark.parametrize(
    "content",
    [
        b"\xff\xfe\x00",
        "name,prompt\nFoo,\u30ab\u30fc\n".encode("cp932"),
        b"\x89PNG\r\n\x1a\n\0",
        b"name,prompt\nx," + b"a" * 200_000,
        b"text alone\n",
    ],
)
def test_what_is_no_table_is_told_by_name_and_costs_the_styles_alone(tmp_path, content):
    found = table(tmp_path, content)
    assert not found.styles and "styles.csv" in found.problem


def test_folders_pipes_and_loops_of_links_are_told_and_never_waited_for(tmp_path):
    (tmp_path / "folder.csv").mkdir()
    os.mkfifo(tmp_path / "pipe.csv")
    (tmp_path / "loop.csv").symlink_to("loop.csv")
    for name in ("folder.csv", "pipe.csv", "loop.csv"):
        assert name in read_styles(tmp_path / name).problem


def counted(monkeypatch):
    """The paths that are read."""
    seen = []
    monkeypatch.setattr(styles_module, "read_styles", lambda path: seen.append(path.name) or read_styles(path))
    return seen


def test_a_file_is_read_once_for_each_change(tmp_path, monkeypatch):
    read, path = counted(monkeypatch), tmp_path / "styles.csv"
    files = StyleFiles([path])
    assert files.styles() == {} and files.styles() == {} and read == ["styles.csv"]
    write_styles(path, [Style("a", "one")])
    assert [files.styles() for _ in range(3)] == [{"a": Style("a", "one")}] * 3 and len(read) == 2
    write_styles(path, [Style("a", "two")])
    assert files.styles() == {"a": Style("a", "two")} and len(read) == 3


def test_a_broken_file_is_told_until_it_is_mended(tmp_path):
    files, path = StyleFiles([tmp_path / "styles.csv"]), tmp_path / "styles.csv"
    path.write_bytes(b"\xff\xfe\x00")
    assert files.styles() == {} and "styles.csv" in files.problems()[0]
    write_styles(path, [Style("a", "one")])
    assert files.styles() == {"a": Style("a", "one")} and files.problems() == []


def test_several_files_count_together_the_last_most(tmp_path):
    write_styles(tmp_path / "styles.csv", [Style("a", "first"), Style("b", "first")])
    write_styles(tmp_path / "more-1.csv", [Style("b", "second"), Style("c", "second")])
    (tmp_path / "more-2.csv").write_bytes(b"\xff\xfe\x00")
    files = StyleFiles([tmp_path / "styles.csv", tmp_path / "more-?.csv"])
    assert {name: style.prompt for name, style in files.styles().items()} == {
        "a": "first",
        "b": "second",
        "c": "second",
    }
    assert len(files.problems()) == 1
    write_styles(tmp_path / "more-3.csv", [Style("d", "new")])
    assert "d" in files.styles()


@pytest.mark.parametrize("damage", [b"", b"\xff\xfe\x00", b"\0" * 100], ids=["empty", "half a letter", "zeros"])
def test_styles_of_a_damaged_file_are_those_of_its_last_good_copy(tmp_path, damage):
    path = tmp_path / "styles.csv"
    write_styles(path, [Style("a", "one")])
    assert StyleFiles([path]).styles() == {"a": Style("a", "one")}
    path.write_bytes(damage)
    files = StyleFiles([path])
    assert files.styles() == {"a": Style("a", "one")} and "last good copy" in files.problems()[0]
    assert path.read_bytes() == damage
    path.unlink()
    assert StyleFiles([path]).styles() == {}
