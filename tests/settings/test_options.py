"""Settings change all or none, and their file survives everything."""

from __future__ import annotations

import errno
import json
from pathlib import Path

import pytest

from modules.base.errors import DiskFull, Invalid
from modules.base.fields import Colour, declared_params
from modules.settings.file import SettingsFile
from modules.settings.foreign import SECTIONS
from modules.settings.options import SETTING_NAMES, Settings, change_settings


def test_every_setting_is_declared_with_words_and_a_section():
    assert set(declared_params(Settings)) == set(SETTING_NAMES)
    assert all(
        param.label and param.help.endswith(".") and param.section for param in declared_params(Settings).values()
    )


def test_infotext_keys_are_told_apart():
    keys = [param.infotext for param in declared_params(Settings).values() if param.infotext]
    assert len(keys) == len(set(keys))


@pytest.mark.parametrize(
    ("name", "value"), [("CLIP_stop_at_last_layers", 13), ("emphasis", "Loud"), ("eta_ddim", "much"), ("none_such", 1)]
)
def test_one_bad_value_changes_nothing_and_is_named(name, value):
    with pytest.raises(Invalid) as caught:
        change_settings(Settings(), {"eta_ancestral": 0.5, name: value})
    assert caught.value.field == name and name in str(caught.value)


def test_a_colour_is_one_that_can_be_drawn():
    """Else every transparent picture of everybody would be refused."""
    names = [name for name, param in declared_params(Settings).items() if isinstance(param.widget, Colour)]
    assert names == [name for name in declared_params(Settings) if name.endswith("_color")]
    for name in names:
        for value in ("#abc", "#ff8000", "red", "rgb(1, 2, 3)", "hsl(120, 50%, 50%)"):
            assert getattr(change_settings(Settings(), {name: value}), name) == value
        for value in ("red;}", "", "#12345", "#ffffff ", "url(x)"):
            with pytest.raises(Invalid, match=f"{name} cannot be") as refused:
                change_settings(Settings(), {name: value})
            assert "#ffffff" in refused.value.hint


def test_a_change_is_a_new_value():
    old = Settings()
    assert change_settings(old, {"eta_ddim": 0.5}).eta_ddim == 0.5 and old.eta_ddim == 0.0


def test_the_file_keeps_changes_and_what_it_does_not_know(tmp_path):
    path = tmp_path / "config.json"
    path.write_text(json.dumps({"localization": "None", "eta_ddim": 0.25}))
    settings = SettingsFile(path)
    assert settings.current.eta_ddim == 0.25
    settings.change(emphasis="None")
    assert json.loads(path.read_text()) == {"localization": "None", "eta_ddim": 0.25, "emphasis": "None"}
    assert SettingsFile(path).current == settings.current


def test_a_refused_change_leaves_the_file(tmp_path):
    settings = SettingsFile(tmp_path / "config.json")
    settings.change(eta_ddim=0.5)
    before = settings.path.read_bytes()
    with pytest.raises(Invalid):
        settings.change(eta_ddim=0.7, emphasis="Loud")
    assert settings.path.read_bytes() == before and settings.current.eta_ddim == 0.5


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"eta_ddim":', "null", "[" * 100_000, '"' * 5_000_000], ids=range(7)
)
def test_a_broken_file_is_set_aside_and_the_defaults_serve(tmp_path, content):
    path = tmp_path / "config.json"
    path.write_text(content)
    settings = SettingsFile(path)
    assert settings.current == Settings()
    assert (tmp_path / "config.broken.json").read_text() == content
    settings.change(eta_ddim=0.5)
    assert SettingsFile(path).current.eta_ddim == 0.5


def unreadable(path, monkeypatch):
    """As for somebody who may not read it; root may read all."""
    read_bytes = Path.read_bytes

    def refusing(self):
        if self == path:
            raise PermissionError(errno.EACCES, "Permission denied")
        return read_bytes(self)

    monkeypatch.setattr(Path, "read_bytes", refusing)


def test_a_file_that_may_not_be_read_stays_until_another_is_written(tmp_path, monkeypatch):
    path = tmp_path / "config.json"
    path.write_text('{"eta_ddim": 0.25}')
    unreadable(path, monkeypatch)
    settings = SettingsFile(path)
    assert settings.current == Settings() and "config.json could not be read (Permission denied)" in settings.problem
    monkeypatch.undo()
    assert path.read_text() == '{"eta_ddim": 0.25}'
    settings.change(eta_noise_seed_delta=3)
    assert (tmp_path / "config.broken.json").read_text() == '{"eta_ddim": 0.25}' and not settings.problem
    assert SettingsFile(path).current == Settings(eta_noise_seed_delta=3)


def test_a_folder_in_the_files_place_is_kept_and_so_is_what_was_set_aside_before(tmp_path):
    (tmp_path / "config.json").mkdir()
    (tmp_path / "config.broken.json").write_text("older")
    settings = SettingsFile(tmp_path / "config.json")
    assert settings.current == Settings() and "config.json" in settings.problem
    settings.change(eta_ddim=0.5)
    assert (tmp_path / "config.broken.json").read_text() == "older" and (tmp_path / "config.broken1.json").is_dir()
    assert SettingsFile(tmp_path / "config.json").current.eta_ddim == 0.5


DAMAGE = ["", '{"eta_ddim": 0.', "[1]", "\0" * 1000, '{"eta_ddim": "much", "emphasis": 7}', '"' * 10_000_000]


@pytest.mark.parametrize("content", DAMAGE, ids=["empty", "half", "list", "zeros", "wrong types", "10 MB"])
def test_the_last_good_settings_go_on_where_the_file_is_damaged(tmp_path, content):
    path = tmp_path / "config.json"
    SettingsFile(path).change(eta_ddim=0.5, emphasis="None", localization="mine")
    path.write_text(content)
    found = SettingsFile(path)
    assert found.current == Settings(eta_ddim=0.5, emphasis="None") and found.foreign["localization"] == "mine"
    assert "config.json could not be read" in found.problem and "the last good ones" in found.problem
    assert (tmp_path / "config.broken.json").read_text() == content
    again = SettingsFile(path)
    assert again.current == found.current and not again.problem


def test_good_values_beside_a_bad_one_are_newer_than_the_last_good_ones(tmp_path):
    path = tmp_path / "config.json"
    SettingsFile(path).change(eta_ddim=0.5, eta_ancestral=0.5)
    path.write_text(json.dumps({"eta_ddim": "much", "eta_ancestral": 0.25, "emphasis": "None"}))
    assert SettingsFile(path).current == Settings(eta_ddim=0.5, eta_ancestral=0.25, emphasis="None")


def test_a_file_edited_by_hand_is_the_last_good_one_once_it_was_read(tmp_path):
    path = tmp_path / "config.json"
    SettingsFile(path).change(eta_ddim=0.5)
    path.write_text('{"eta_ddim": 0.75}')
    assert SettingsFile(path).current.eta_ddim == 0.75
    path.write_text("{")
    assert SettingsFile(path).current.eta_ddim == 0.75


def test_damaged_settings_on_a_disk_that_takes_nothing_are_those_of_the_last_good_copy(tmp_path, monkeypatch):
    path = tmp_path / "config.json"
    SettingsFile(path).change(eta_ddim=0.5)
    path.write_text("{")
    monkeypatch.setattr("modules.settings.file.write_atomically", failing)
    assert SettingsFile(path).current.eta_ddim == 0.5
    monkeypatch.undo()
    assert SettingsFile(path).current.eta_ddim == 0.5


def failing(path, content):
    raise DiskFull("No space left.")


def test_no_file_is_no_problem(tmp_path):
    assert SettingsFile(tmp_path / "config.json").problem == ""


def test_one_bad_value_in_a_file_does_not_spoil_the_rest(tmp_path):
    path = tmp_path / "config.json"
    path.write_text(json.dumps({"eta_ddim": "much", "emphasis": "None"}))
    assert SettingsFile(path).current == Settings(emphasis="None")


def test_the_docs_list_every_setting_without_effect():
    docs = (Path(__file__).parents[2] / "docs/api.md").read_text("utf-8")
    for section, settings in SECTIONS.items():
        assert f"| {section} | {', '.join(f'`{name}`' for name in settings)} |" in docs


# An account's over the server's


def test_server_settings_are_where_pictures_go_what_the_device_holds_and_what_accounts_may():
    paths = [name for name in SETTING_NAMES if name.startswith("outdir_")]
    others = ["job_history_limit", "sd_checkpoints_limit", "pictures_side_by_side", "cross_attention_optimization"]
    found = [name for name, param in declared_params(Settings).items() if param.server]
    accounts = [
        name for name in SETTING_NAMES
        if name.startswith(("queue_", "limit_", "quota_", "members_", "safety_checker_"))
    ]
    assert sorted(found) == sorted([*paths, *others, *accounts, "save_to_dirs", "directories_filename_pattern"])


@pytest.fixture
def two(tmp_path):
    """The server's settings, and an account's over them."""
    server = SettingsFile(tmp_path / "config.json")
    return server, SettingsFile(tmp_path / "own" / "config.json", server)


def test_an_accounts_file_says_only_what_is_otherwise(two):
    server, own = two
    server.change(eta_ddim=0.5, emphasis="None")
    own.change(eta_ddim=0.0, emphasis="None", s_churn=1)
    assert json.loads(own.path.read_text()) == {"eta_ddim": 0.0, "s_churn": 1.0}
    server.change(emphasis="Ignore", s_churn=2)
    for each in (own, SettingsFile(own.path, server)):
        assert each.current == Settings(eta_ddim=0.0, emphasis="Ignore", s_churn=1.0)


def test_what_is_forgotten_is_as_on_the_server_again(two):
    server, own = two
    own.change(eta_ddim=0.5, s_churn=1, localization="mine")
    own.forget(["eta_ddim", "localization", "emphasis"])
    assert own.current == Settings(s_churn=1.0) and own.foreign["localization"] == server.foreign["localization"]
    assert SettingsFile(own.path, server).current == own.current


def test_an_accounts_file_cannot_say_what_is_the_servers(two):
    server, own = two
    own.path.parent.mkdir()
    own.path.write_text(json.dumps({"outdir_samples": "elsewhere", "sd_checkpoints_limit": 9, "eta_ddim": 0.5}))
    assert SettingsFile(own.path, server).current == Settings(eta_ddim=0.5)


def test_a_snapshot_is_the_same_value_until_something_changes(two):
    server, own = two
    held = own.current
    assert own.current is held
    server.change(eta_ddim=0.5)
    assert own.current.eta_ddim == 0.5 and held.eta_ddim == 0.0
