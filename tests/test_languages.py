"""Every text that people read on a page has words in every language that ships, with the same gaps."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from modules.app.languages import LANGUAGE_NAMES, SHIPPED_TABLES, read_table, shipped_languages
from modules.base.errors import Invalid
from tools.words.scripts import texts_of
from tools.words.texts import read_texts

LANGUAGES = sorted(shipped_languages())


@pytest.fixture(scope="module")
def english() -> set[str]:
    return read_texts()


def gaps(text: str) -> Counter[str]:
    return Counter(re.findall(r"\{\w+\}", text))


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_text_has_words(english, language):
    """`python -m tools.words` lists them, ready to be filled in."""
    assert sorted(english - shipped_languages()[language].keys()) == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_words_have_no_gaps_but_those_of_their_text(language):
    assert {text: shown for text, shown in shipped_languages()[language].items() if not gaps(shown) <= gaps(text)} == {}


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_text_has_words_in_one_file_alone(language):
    tables = [read_table(path) for path in sorted((SHIPPED_TABLES / language).glob("*.json"))]
    assert {text: n for text, n in Counter(text for table in tables for text in table).items() if n > 1} == {}


def test_every_language_that_ships_is_named_in_itself():
    assert {"en", *LANGUAGES} == set(LANGUAGE_NAMES)


def test_texts_are_found_where_a_script_hands_them_on_and_where_its_tables_hold_them():
    script = """
      // t("a remark")
      const KINDS = { one: "Of one kind", two: "made \\"so\\"" }, tag = "div.hint", key = "Escape";
      byId("place").append(t("A long text, " +
        "in two lines"), t(KINDS.one), h("button, input"));
    """
    assert set(texts_of(script)) == {"Of one kind", 'made "so"', "A long text, in two lines"}


def test_a_table_of_words_that_is_none_is_refused(tmp_path):
    path = tmp_path / "zh-CN.json"
    path.write_text("[]")
    with pytest.raises(Invalid, match="zh-CN.json"):
        read_table(path)
