"""How much of the disk an account's pictures take, and what happens where that is its share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from modules.app.storage import FolderSize, check_storage
from modules.base.errors import OverQuota
from modules.settings.account_limits import MEGABYTE, AccountLimits


def filled(path: Path, size: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x" * size)


def test_files_of_all_folders_count_and_links_as_links(tmp_path):
    size = FolderSize(tmp_path / "mine")
    assert size.bytes() == 0
    filled(tmp_path / "mine/a.png", 10)
    filled(tmp_path / "mine/txt2img/day/b.png", 20)
    filled(tmp_path / "other/large.png", 5000)
    os.symlink(tmp_path / "other", tmp_path / "mine/way out")
    os.symlink(tmp_path / "mine", tmp_path / "mine/round")
    assert 30 <= size.bytes() < 1000
    before = size.bytes()
    filled(tmp_path / "mine/txt2img/day/c.png", 40)
    assert size.bytes() == before + 40
    (tmp_path / "mine/a.png").unlink()
    assert size.bytes() == before + 30


def test_a_folder_that_has_not_changed_is_not_read_again(tmp_path, monkeypatch):
    filled(tmp_path / "old/a.png", 10)
    filled(tmp_path / "new/b.png", 10)
    size, read = FolderSize(tmp_path), []
    size.bytes()
    scandir = os.scandir
    monkeypatch.setattr(os, "scandir", lambda folder: read.append(Path(folder).name) or scandir(folder))
    filled(tmp_path / "new/c.png", 10)
    assert size.bytes() == 30 and read == ["new"]


def test_whoever_has_the_share_saves_no_more(tmp_path):
    filled(tmp_path / "a.png", MEGABYTE)
    for storage in (0, 2 * MEGABYTE):
        check_storage(AccountLimits(storage=storage), FolderSize(tmp_path))
    with pytest.raises(OverQuota, match="1 MB"):
        check_storage(AccountLimits(storage=MEGABYTE), FolderSize(tmp_path))
