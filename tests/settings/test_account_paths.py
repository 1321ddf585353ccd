"""Where accounts' things lie."""

from __future__ import annotations

import pytest

from modules.base.accounts import LOCAL_OWNER, account_folder
from modules.settings.account_paths import account_paths
from modules.settings.flags import parse_flags


def test_the_local_account_has_a1111s_layout(tmp_path):
    paths = parse_flags(["--data-dir", str(tmp_path)], {}).paths
    local = account_paths(paths, LOCAL_OWNER)
    assert (local.outputs, local.inputs) == (tmp_path / "outputs", tmp_path / "cache/inputs")
    assert (local.settings_file, local.styles_files) == (tmp_path / "config.json", (tmp_path / "styles.csv",))


def test_all_others_have_folders_of_their_own(tmp_path):
    paths = parse_flags(["--data-dir", str(tmp_path)], {}).paths
    alice = account_paths(paths, "alice")
    assert (alice.outputs, alice.inputs) == (tmp_path / "outputs/alice", tmp_path / "cache/inputs/alice")
    assert alice.settings_file == tmp_path / "configs/accounts/alice/config.json"
    assert alice.styles_files == (tmp_path / "styles.csv", tmp_path / "configs/accounts/alice/styles.csv")


@pytest.mark.parametrize("name", ["..", ".", "", "a/b", "a\\b", "/etc", "nul", "a\0b", "a@b", "x" * 5000, "\ud800"])
def test_a_name_that_is_no_folders_leads_nowhere_else(name):
    folder = account_folder(name)
    assert folder.startswith("~") and folder.isprintable() and not set(folder) & set("/\\:.") and len(folder) < 40
    assert folder != account_folder(name + "x")
