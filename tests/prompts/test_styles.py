from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modules.base.errors import Invalid, PromptTooLong
from modules.prompts.styles import Style, apply_styles_to_prompt, extract_style_text_from_prompt, read_styles, write_styles

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


@given(st.lists(st.builds(Style, texts.filter(bool), texts, texts), unique_by=lambda style: style.name))
def test_a_table_of_styles_reads_back_as_it_was_written(tmp_path_factory, styles):
    path = tmp_path_factory.mktemp("styles") / "styles.csv"
    write_styles(path, styles)
    assert list(read_styles(path).values()) == styles


def test_no_file_is_no_styles(tmp_path):
    assert read_styles(tmp_path / "styles.csv") == {}


def test_old_and_untidy_tables_are_read(tmp_path):
    path = tmp_path / "styles.csv"
    path.write_text("name,text\nink,an ink drawing\n,nameless\nshort\n", "utf-8")
    assert read_styles(path) == {"ink": Style("ink", "an ink drawing"), "short": Style("short")}


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b'name,prompt\nx,"never closed', b"name,prompt\nx," + b"a" * 200_000])
def test_a_file_that_is_no_table_is_refused_by_name(tmp_path, content):
    path = tmp_path / "styles.csv"
    path.write_bytes(content)
    with pytest.raises(Invalid, match=r"styles\.csv"):
        read_styles(path)
