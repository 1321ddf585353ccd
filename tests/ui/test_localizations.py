"""The page's words come from a table that the account has chosen, if it can be read."""

from __future__ import annotations

import json

import pytest

from modules.base.accounts import LOCAL_OWNER
from modules.commands.assemble import assemble
from modules.settings.flags import Flags
from modules.ui.localizations import localization_facts, localization_files, words_of
from modules.ui.words import Words


@pytest.fixture
def app(tmp_path):
    """Easel with a table of an extension, and two of the data folder."""
    folders = tmp_path / "extensions/some/localizations", tmp_path / "localizations"
    for folder in folders:
        folder.mkdir(parents=True)
    (folders[0] / "xx.json").write_text(json.dumps({"Steps": "extension's"}))
    (folders[0] / "yy.json").write_text(json.dumps({"Steps": "Schritte", "Empty": ""}))
    (folders[1] / "xx.json").write_text(json.dumps({"Steps": "own"}))
    (folders[1] / "damaged.json").write_text("{")
    found = assemble(Flags(data_dir=tmp_path))
    found.extensions.find()
    return found


@pytest.mark.parametrize(("chosen", "words"), [
    ("yy", {"Steps": "Schritte"}), ("xx", {"Steps": "own"}), ("None", {}), ("damaged", {}), ("../xx", {}), ("zz", {}),
])
def test_the_words_are_those_of_the_chosen_table(app, chosen, words):
    app.settings.keep("localization", chosen)
    assert words_of(app, LOCAL_OWNER) == words


def test_the_choice_is_offered_where_there_is_a_table(app, tmp_path):
    assert sorted(localization_files(app)) == ["damaged", "xx", "yy"]
    assert localization_facts(app, Words()) == {
        "settings": {"localization": "None"}, "labels": {"localization": "Localization"},
    }
    empty = assemble(Flags(data_dir=tmp_path / "empty"))
    assert localization_facts(empty, Words()) == {"settings": {}, "labels": {}}
