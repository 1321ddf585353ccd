"""The page's words come from the table of its language: chosen, or as the browser asks."""

from __future__ import annotations

import json

import pytest

from modules.app.languages import (
    Language,
    from_browser,
    language_of,
    localization_files,
    nearest,
    offered_languages,
    shipped_languages,
)
from modules.base.accounts import LOCAL_ACCOUNT, LOCAL_OWNER
from modules.commands.assemble import assemble
from modules.settings.flags import Flags
from modules.ui.localizations import page_language


@pytest.fixture
def app(tmp_path):
    """Easel with a table of an extension, and some of the data folder."""
    folders = tmp_path / "extensions/some/localizations", tmp_path / "localizations"
    for folder in folders:
        folder.mkdir(parents=True)
    (folders[0] / "xx.json").write_text(json.dumps({"Steps": "extension's"}))
    (folders[0] / "yy.json").write_text(json.dumps({"Steps": "Schritte", "Empty": ""}))
    (folders[1] / "xx.json").write_text(json.dumps({"Steps": "own"}))
    (folders[1] / "zh_TW.json").write_text(json.dumps({"Steps": "步數"}))
    (folders[1] / "damaged.json").write_text("{")
    found = assemble(Flags(data_dir=tmp_path))
    found.extensions.find()
    return found


@pytest.mark.parametrize(("chosen", "language"), [
    ("yy", Language("yy", {"Steps": "Schritte"})), ("xx", Language("xx", {"Steps": "own"})),
    ("zh_TW", Language("zh-CN", {"Steps": "步數"})), ("damaged", Language()), ("../xx", Language()),
    ("None", Language()), ("de", Language("de")), ("zh-CN", Language("zh-CN")), ("en", Language()),
])
def test_the_words_are_those_of_the_chosen_table_over_those_that_ship(app, chosen, language):
    app.settings.keep("localization", chosen)
    assert language_of(app, LOCAL_OWNER) == language


def test_what_is_chosen_comes_before_what_this_browser_chose_and_that_before_what_it_asks_for(app):
    asking = {"type": "http", "account": LOCAL_ACCOUNT, "headers": [(b"accept-language", b"de-AT,en;q=0.5")]}
    assert page_language(app, asking) == Language("de")
    assert language_of(app, LOCAL_OWNER, "zh-CN", "de") == Language("zh-CN")
    app.settings.keep("localization", "en")
    assert page_language(app, asking) == language_of(app, LOCAL_OWNER, "zh-CN", "de") == Language("en")


@pytest.mark.parametrize(("accepted", "tag"), [
    ("", "en"), ("fr, nb;q=0.8", "en"), ("fr,zh;q=0.9,en;q=0.8", "zh-CN"), ("en-GB,zh;q=0.9", "en"), ("*", "en"),
    ("de;q=0.2, zh-Hant-TW;q=0.3", "zh-CN"), ("de;q=no", "de"), ("zh-cn" + ",x" * 5000, "zh-CN"), (";;,;q=1,é", "en"),
])
def test_the_browser_gets_the_first_of_its_languages_that_ships(accepted, tag):
    assert from_browser(accepted) == tag


def test_a_language_is_found_by_its_near_relatives():
    assert [nearest(each) for each in ("DE", "de_CH", "zh-Hans (Stable)", "xx", "", "zhuang")] == [
        "de", "de", "zh-CN", "", "", "",
    ]


def test_all_languages_are_offered_in_themselves_and_other_tables_by_their_files(app, tmp_path):
    assert sorted(localization_files(app)) == ["damaged", "xx", "yy", "zh_TW"]
    offered = offered_languages(app)
    assert list(offered)[:2] == ["None", "en"] and {"xx", "yy", "zh_TW"} < set(offered)
    assert set(shipped_languages()) < set(offered) and offered["zh-CN"] == "简体中文"
    assert set(offered_languages(assemble(Flags(data_dir=tmp_path / "empty")))) == {"None", "en", *shipped_languages()}
