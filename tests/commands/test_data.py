"""`webui.py data`: pictures' data from the terminal."""

from __future__ import annotations

import json

import pytest

from modules.base.errors import Invalid, UnknownName
from modules.commands.data import data
from modules.metadata.contents import picture_contents
from modules.metadata.formats import picture_digest
from modules.settings.flags import parse_known
from tests.gallery.pictures import infotext, save


@pytest.fixture
def run(tmp_path, capsys):
    def run(*arguments, code=0):
        flags, rest = parse_known([*map(str, arguments), "--data-dir", str(tmp_path / "data")])
        assert data(flags, rest) == code
        return capsys.readouterr().out

    return run


def says(path):
    return picture_contents(path.read_bytes()).infotext


def test_a_value_is_set_and_taken_back(run, tmp_path):
    path = save(tmp_path / "fox.png", infotext(Seed=1))
    before = path.read_bytes()
    assert "Seed: 1 → 7" in run("set", path, "--value", "seed=7", "--dry-run") and path.read_bytes() == before
    assert "Seed: 1 → 7" in run("set", path, "--value", "seed=7", "--unset", "Model", "--title", "Fox", "--keyword", "a")
    assert picture_digest(path.read_bytes()) == picture_digest(before) and "Seed: 7" in says(path)
    assert "Description: title" in run("undo", path) and path.read_bytes() == before
    assert "no change to take back" in run("undo", path, code=1)


def test_what_is_shown_for_programs_is_json_and_for_people_cannot_command_the_terminal(run, tmp_path):
    path = save(tmp_path / "fox.png", infotext("a \x1b[31mred\x9b2J fox"))
    [told] = json.loads(run("show", path, "--json"))
    assert told["fields"]["steps"] == 20 and told["file"] == str(path)
    plain = run("show", path)
    assert "red" in plain and "\x1b" not in plain and "\x9b" not in plain


def test_a_file_that_cannot_be_read_stops_no_other(run, tmp_path):
    good, bad = save(tmp_path / "fox.png", infotext()), tmp_path / "none.png"
    told = json.loads(run("strip", bad, good, "--json", code=1))
    assert "problem" in told[0] and says(good) == "" and told[1]["changes"]


def test_data_are_copied_and_compared(run, tmp_path):
    one, two = (save(tmp_path / f"{seed}.png", infotext(Seed=seed), seed) for seed in (1, 2))
    [told] = json.loads(run("diff", one, two, "--json"))
    assert [row["key"] for row in told["rows"]] == ["Seed"] and told["preset"]["script_args"][:2] == ["Seed", "1,2"]
    run("copy", one, two)
    assert says(two) == infotext(Seed=1) and json.loads(run("diff", one, two, "--json"))[0]["preset"] is None


def test_generation_data_are_edited_in_the_persons_editor(run, tmp_path, monkeypatch):
    path = save(tmp_path / "fox.png", infotext())
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.setenv("EDITOR", "sed -i s/red/blue/")
    run("edit", path)
    assert says(path) == infotext("a blue fox")
    monkeypatch.setenv("EDITOR", "false")
    assert "nothing was changed" in run("edit", path, code=1)


@pytest.mark.parametrize("arguments", [("set", "a.png"), ("set", "a.png", "--value", "x"), ("copy", "a.png"),
                                       ("diff", "a.png"), ("strip", "a.png", "--part", "soul"), ("nothing",), ("show",)])
def test_a_command_without_sense_is_refused(run, arguments):
    with pytest.raises((Invalid, UnknownName, SystemExit)):
        run(*arguments)
