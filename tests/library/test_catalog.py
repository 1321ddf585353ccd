"""The list of checkpoints: complete, quick, and never a way out of its folders."""

from __future__ import annotations

import errno
import json
import os
from hashlib import sha256
from pathlib import Path

import pytest

from modules.base.errors import ModelError, UnknownName
from modules.library import catalog as catalog_module
from modules.library import model_folders
from modules.library.catalog import FIRST_CONVOLUTION, Catalog
from modules.library.model_kinds import VAE
from modules.library.safetensors_header import sniff
from modules.store.hashes import HashCache
from tests.golden_data import GOLDEN
from tests.library.headers import safetensors

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


def test_a_model_that_welcomes_newcomers_is_the_default_wherever_it_stands_in_the_list(folder):
    (folder / "zebra.safetensors").write_bytes(TINY)
    (folder / "zebra.json").write_text(json.dumps({"welcomes": True}))
    assert catalog_of(folder).default().name == "zebra.safetensors"


@pytest.mark.parametrize("channels", [4, 8, 9])
def test_a_model_edits_pictures_whose_unet_sees_one_beside_the_latent(folder, channels):
    safetensors(folder / "seen.safetensors", {}, {FIRST_CONVOLUTION: (32, channels, 3, 3)})
    assert catalog_of(folder).find("seen").edits_pictures is (channels == 8)


@pytest.mark.parametrize("shape", [(), (8,)])
def test_a_first_convolution_that_is_none_edits_no_pictures(folder, shape):
    safetensors(folder / "odd.safetensors", {}, {FIRST_CONVOLUTION: shape})
    assert catalog_of(folder).find("odd").edits_pictures is False


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


def problems(catalog):
    return {file.name: file.problem for file in catalog.list()}


def test_links_to_files_and_folders_are_followed(folder, tmp_path):
    disk = tmp_path / "disk"
    (disk / "deep").mkdir(parents=True)
    (disk / "deep/big.safetensors").write_bytes(TINY + b"")
    (folder / "linked.safetensors").symlink_to(disk / "deep/big.safetensors")
    (folder / "other disk").symlink_to(disk)
    (folder / "favourites").symlink_to(folder / "anime")
    found = problems(catalog_of(folder))
    assert {
        "linked.safetensors",
        "other disk/deep/big.safetensors",
        "favourites/tiny two.safetensors",
    } <= found.keys() and not any(found.values())
    root = tmp_path / "linked root"
    root.symlink_to(folder)
    assert problems(catalog_of(root)).keys() == found.keys()


def test_traps_in_the_folder_are_told_with_their_reasons_and_never_waited_for(folder):
    (folder / "outside.safetensors").symlink_to("/etc/passwd")
    (folder / "loop.safetensors").symlink_to(folder / "loop.safetensors")
    (folder / "gone.safetensors").symlink_to("/nowhere/x.safetensors")
    (folder / "unmounted").symlink_to("/nowhere")
    (folder / "zero.ckpt").symlink_to("/dev/zero")
    os.mkfifo(folder / "pipe.ckpt")
    (folder / "folder.safetensors").mkdir()
    (folder / "again").symlink_to(folder)
    (folder / "anime/up").symlink_to(folder.parent)
    (folder / "cut.safetensors").write_bytes(TINY[:4])
    (folder / "notes.txt").symlink_to("/nowhere")
    os.mkfifo(folder / "pipe.txt")
    reasons = {
        "outside.safetensors": "not a model file",
        "loop.safetensors": "leads to itself",
        "gone.safetensors": "leads nowhere",
        "unmounted": "leads nowhere",
        "zero.ckpt": "is a device",
        "pipe.ckpt": "is a pipe",
        "again": "leads back",
        "anime/up/models": "leads back",
        "cut.safetensors": "is empty",
    }
    found = problems(catalog_of(folder))
    assert found.keys() == reasons.keys() | {"tiny.safetensors", "anime/tiny two.safetensors"}
    assert all(reason in found[name] and Path(name).name in found[name] for name, reason in reasons.items())
    assert "root" not in found["outside.safetensors"] and catalog_of(folder).default().name == "tiny.safetensors"


def test_what_is_left_out_is_refused_before_it_is_hashed(folder, monkeypatch):
    os.mkfifo(folder / "pipe.ckpt")
    (folder / "zero.safetensors").write_bytes(bytes(2**20))
    catalog = catalog_of(folder)
    monkeypatch.setattr(HashCache, "sha256", lambda *_: pytest.fail("it was hashed"))
    for name in ("pipe.ckpt", "zero.safetensors"):
        with pytest.raises(ModelError, match=name):
            catalog.hashed(catalog.find(name))


def test_a_mended_file_is_used_without_another_look_at_the_folder(folder):
    (folder / "late.safetensors").write_bytes(TINY[:4])
    catalog = catalog_of(folder)
    (folder / "late.safetensors").write_bytes(TINY)
    assert catalog.hashed(catalog.find("late")).sha256 and not catalog.find("late").problem


def test_endings_count_in_any_case_and_those_of_other_programs_are_told(folder):
    for name in ("LOUD.SAFETENSORS", "loud.VAE.pt", "other.pth", "quantized.gguf"):
        (folder / name).write_bytes(TINY)
    found = problems(catalog_of(folder))
    assert found["LOUD.SAFETENSORS"] == "" and "loud.VAE.pt" not in found
    assert all(".safetensors, .ckpt" in found[name] for name in ("other.pth", "quantized.gguf"))
    vaes = Catalog((), HashCache(folder.parent / "h.sqlite"), VAE, others=(folder,))
    assert [file.name for file in vaes.list()] == ["loud.VAE.pt", "tiny.vae.safetensors"] and VAE.stem(
        folder / "loud.VAE.pt"
    ) == "loud"


def test_a_name_that_is_no_unicode_is_told_by_its_bytes(folder):
    Path(os.fsdecode(bytes(folder) + b"/caf\xe9.safetensors")).write_bytes(TINY)
    found = problems(catalog_of(folder))
    assert "no Unicode" in found["caf\\xe9.safetensors"] and str(found).encode()


def test_a_folder_that_may_not_be_read_is_told(folder, monkeypatch):
    scandir = os.scandir

    def refusing(path):
        if str(path).endswith("anime"):
            raise PermissionError(errno.EACCES, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    assert problems(catalog_of(folder)) == {
        "tiny.safetensors": "",
        "anime": "anime cannot be read (Permission denied).",
    }


def test_a_file_that_vanishes_between_listing_and_looking_is_no_error(folder, monkeypatch):
    monkeypatch.setattr(catalog_module, "sniff", lambda path: path.unlink() or sniff(path))
    assert all("No such file" in problem for problem in problems(catalog_of(folder)).values())


def test_a_whole_disk_behind_a_link_is_read_in_part_and_that_is_told(folder, monkeypatch):
    monkeypatch.setattr(model_folders, "MOST_FOLDERS_READ", 3)
    for name in "abcde":
        (folder / "deep" / name).mkdir(parents=True)
    found = problems(catalog_of(folder))
    assert found["tiny.safetensors"] == "" and sum("more than 3 folders" in problem for problem in found.values()) == 5


def test_of_copies_under_one_name_the_first_is_listed_and_of_namesakes_both(folder, tmp_path):
    shipped = tmp_path / "shipped"
    shipped.mkdir()
    (shipped / "tiny.safetensors").write_bytes(TINY)
    roots = (folder, shipped)
    assert [file.path for file in Catalog(roots, HashCache(tmp_path / "h.sqlite")).list()] == [
        folder / "tiny.safetensors",
        folder / "anime/tiny two.safetensors",
    ]
    (shipped / "tiny.safetensors").write_bytes(TINY[:-1] + b"?")
    assert len(Catalog(roots, HashCache(tmp_path / "h.sqlite")).list()) == 3


def test_of_two_that_a_name_means_the_one_that_can_be_used_is_found(folder):
    (folder / "anime/kitten.ckpt").write_bytes(TINY)
    (folder / "kitten.safetensors").write_bytes(TINY[:4])
    catalog = catalog_of(folder)
    assert (
        catalog.find("kitten").name == catalog.find("kitt").name == catalog.named("kitten").name == "anime/kitten.ckpt"
    )


def test_refreshing_sees_what_came_and_what_went(folder):
    catalog = catalog_of(folder)
    (folder / "new.ckpt").write_bytes(TINY)
    (folder / "tiny.safetensors").unlink()
    catalog.refresh()
    assert [c.name for c in catalog.list()] == ["new.ckpt", "anime/tiny two.safetensors"]


def test_what_is_hashed_while_the_list_is_made_anew_is_known_in_it(folder, monkeypatch):
    catalog = catalog_of(folder)
    look_at, hashed = catalog_module.look_at, []

    def hash_meanwhile(path):
        if not hashed:
            hashed.append(path)
            catalog.hashed(catalog.find("tiny"))
        look_at(path)

    monkeypatch.setattr(catalog_module, "look_at", hash_meanwhile)
    catalog.refresh()
    digest = sha256(TINY).hexdigest()
    assert hashed and catalog.find(digest).name == "tiny.safetensors"
