"""Folders on the server: anybody's who sits at it; for all others only those that were opened."""

from __future__ import annotations

import os

import pytest

from modules.app.folders import ServerFolders, input_folder, output_folder
from modules.base.accounts import LOCAL_OWNER
from modules.base.errors import Forbidden, Invalid
from modules.settings.flags import parse_flags

SHARED = (["--listen"], ["--gradio-auth", "ann:a"], ["--api-auth", "ann:a"], ["--server-name", "10.0.0.5"])


def flags(*arguments):
    return ServerFolders.of(parse_flags([*map(str, arguments)], {}), LOCAL_OWNER)


def test_on_ones_own_computer_any_folder_will_do(tmp_path):
    own = flags("--data-dir", tmp_path)
    assert input_folder(own, str(tmp_path), "x") == tmp_path
    assert input_folder(own, f' "{tmp_path}" ', "x") == tmp_path      # as Windows copies paths
    assert output_folder(own, str(tmp_path / "a" / "b"), "x").is_dir()
    assert input_folder(own, "a/b", "x") == tmp_path / "a" / "b"


@pytest.mark.parametrize("shared", SHARED, ids=str)
def test_a_shared_server_keeps_its_folders_to_itself(tmp_path, shared):
    for ask in (input_folder, output_folder):
        with pytest.raises(Forbidden, match="shared") as refused:
            ask(flags(*shared), str(tmp_path / "new"), "x")
        assert "--batch-dir" in refused.value.hint
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("shared", SHARED, ids=str)
def test_what_is_opened_is_open_and_nothing_beside_it(tmp_path, shared):
    (tmp_path / "open").mkdir()
    (tmp_path / "closed").mkdir()
    os.symlink(tmp_path / "closed", tmp_path / "open" / "way out")
    opened = flags(*shared, "--batch-dir", tmp_path / "open")
    assert input_folder(opened, str(tmp_path / "open"), "x") == tmp_path / "open"
    assert output_folder(opened, str(tmp_path / "open" / "new"), "x").is_dir()
    for outside in ("closed", "open/../closed", "open/way out", "open/way out/new", "opener", "nowhere"):
        for ask in (input_folder, output_folder):
            with pytest.raises(Forbidden):
                ask(opened, str(tmp_path / outside), "x")
    assert not (tmp_path / "closed" / "new").exists()


@pytest.mark.parametrize("named", ["", " ", "nowhere", "a\0b", "x" * 5000, "~nobody-of-that-name"])
def test_what_is_no_folder_is_refused_by_field(tmp_path, named):
    with pytest.raises(Invalid) as refused:
        input_folder(flags("--data-dir", tmp_path), named, "batch_input_dir")
    assert refused.value.field == "batch_input_dir"


def test_an_account_is_not_whoever_sits_at_the_computer(tmp_path):
    theirs = ServerFolders.of(parse_flags(["--data-dir", str(tmp_path)], {}), "ann")
    for ask in (input_folder, output_folder):
        with pytest.raises(Forbidden, match="shared"):
            ask(theirs, str(tmp_path), "x")
