"""The list of checkpoints: complete, quick, and never a way out of its folders."""

from __future__ import annotations

import json
import os

import pytest

from modules.base.errors import UnknownName
from modules.models.catalog import Catalog
from modules.store.hashes import HashCache
from tests.golden_data import GOLDEN

TINY = (GOLDEN / "models/Stable-diffusion/tiny-sd1.safetensors").read_bytes()


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "models"
    (root / "anime").mkdir(parents=True)
    (root / "tiny.safetensors").write_bytes(TINY)
    (root / "anime/tiny two.safetensors").write_bytes(TINY + b"")
    (root / "tiny.vae.safetensors").write_bytes(TINY)
    (root / "tiny.json").write_text(json.dumps({"defaults": {"steps": 12}}))
    return root


def catalog_of(root):
    return Catalog((root,), HashCache(root.parent / "h.sqlite"))


def test_files_are_found_in_sub_folders_and_vaes_left_out(folder):
    assert [c.name for c in catalog_of(folder).list()] == ["tiny.safetensors", "anime/tiny two.safetensors"]
    assert catalog_of(folder).default().sidecar["defaults"] == {"steps": 12}


def test_a_checkpoint_is_found_by_every_name_it_goes_by(folder):
    catalog = catalog_of(folder)
    tiny = catalog.hashed(catalog.find("tiny"))
    assert tiny.title == f"tiny.safetensors [{tiny.sha256[:10]}]"
    for name in (tiny.title, "tiny.safetensors", "tiny", tiny.sha256, tiny.shorthash, "tiny.safetensors [0000000000]"):
        assert catalog.find(name).path == tiny.path
    assert catalog.find("two").name == catalog.find("anime_tiny two").name == "anime/tiny two.safetensors"


def test_what_comes_later_does_not_become_the_default(folder):
    catalog = catalog_of(folder)
    first = catalog.default().path
    (folder / "a.safetensors").write_bytes(TINY)
    catalog.refresh()
    assert catalog.list()[0].name == "a.safetensors" and catalog.default().path == first
    first.unlink()
    catalog.refresh()
    assert catalog.default().name == "a.safetensors"


def test_a_hash_outlives_the_catalog(folder):
    catalog = catalog_of(folder)
    known = catalog.hashed(catalog.find("tiny")).sha256
    assert catalog_of(folder).find("tiny").sha256 == known


@pytest.mark.parametrize("name", ["", "../tiny.safetensors", "/etc/passwd", "http://x/y", ".*[", "nothing", "tiny\0"])
def test_other_names_find_nothing(folder, name):
    with pytest.raises(UnknownName):
        catalog_of(folder).find(name)


def test_traps_in_the_folder_do_no_harm(folder):
    (folder / "outside.safetensors").symlink_to("/etc/passwd")
    (folder / "loop.safetensors").symlink_to(folder / "loop.safetensors")
    (folder / "zero.ckpt").symlink_to("/dev/zero")
    os.mkfifo(folder / "pipe.ckpt")
    (folder / "folder.safetensors").mkdir()
    (folder / "again").symlink_to(folder)
    (folder / "cut.safetensors").write_bytes(TINY[:4])
    found = {c.name: c.problem for c in catalog_of(folder).list()}
    assert set(found) == {"tiny.safetensors", "anime/tiny two.safetensors", "cut.safetensors"}
    assert "empty" in found["cut.safetensors"] and catalog_of(folder).default().name == "tiny.safetensors"


def test_refreshing_sees_what_came_and_what_went(folder):
    catalog = catalog_of(folder)
    (folder / "new.ckpt").write_bytes(TINY)
    (folder / "tiny.safetensors").unlink()
    catalog.refresh()
    assert [c.name for c in catalog.list()] == ["new.ckpt", "anime/tiny two.safetensors"]
