"""A backup holds what cannot be made again, and comes back whole or not at all."""

from __future__ import annotations

import gc
import json
import stat
import zipfile

import pytest

from modules.base.accounts import Role
from modules.base.errors import AlreadyRunning, DatabaseUnusable, Invalid
from modules.base.process_file import ProcessFile
from modules.commands.backup import backup
from modules.commands.restore import restore
from modules.gallery.index import PictureIndex
from modules.gallery.marks import PictureMarks
from modules.prompts.styles import Style, StyleFiles, write_styles
from modules.settings.file import SettingsFile
from modules.settings.flags import parse_flags
from modules.store.accounts import SESSION_KIND, TOKEN_KIND, AccountStore
from modules.store.jobs import JobRecord, JobStore


def flags_of(folder):
    return parse_flags(["--data-dir", str(folder)], {})


def filled(folder):
    flags = flags_of(folder)
    paths = flags.paths
    JobStore(paths.database).add(JobRecord("one", "local", "txt2img", {"prompt": "a fox"}, {}, True))
    accounts = AccountStore(paths.database)
    accounts.add("alice", Role.MEMBER, "$argon2id$hash")
    accounts.add_session("alice", "browser", "::1")
    accounts.add_token("alice", "phone", "::1")
    SettingsFile(paths.settings_file).change(eta_ddim=0.5)
    write_styles(paths.styles_files[0], [Style("foggy", "in fog")])
    own = folder / "configs/accounts/alice/config.json"
    for path in (own, folder / "wildcards/pets/cats.txt", folder / "style-previews/a.jpg", folder / "models/Lora/a.json", folder / "models/Lora/a.safetensors", folder / "outputs/a.png"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("{}")
    return flags


@pytest.fixture
def saved(tmp_path):
    """A backup, and the folder it was made of."""
    flags = filled(tmp_path / "data")
    with_server = ProcessFile(flags.paths.server_lock)      # also while the server runs
    assert backup(flags, [str(tmp_path / "saved.zip")]) == 0
    with_server.release()
    gc.collect()      # the databases' connections, which else take their logs along at any moment
    return tmp_path / "saved.zip"


def test_a_backup_has_what_cannot_be_made_again_and_is_its_owners(saved):
    with zipfile.ZipFile(saved) as archive:
        assert set(archive.namelist()) == {
            "manifest.json", "config.json", "styles/styles.csv", "easel.sqlite", "accounts/alice/config.json",
            "models/Lora/a.json", "wildcards/pets/cats.txt", "style-previews/a.jpg",
        }
    assert stat.S_IMODE(saved.stat().st_mode) == 0o600
    assert [each.name for each in (saved.parent / "data").iterdir() if "backup" in each.name] == []


def test_a_backup_comes_back_elsewhere(saved, tmp_path, capsys):
    flags = flags_of(tmp_path / "new")
    assert restore(flags, [str(saved)]) == 0
    paths = flags.paths
    assert stat.S_IMODE(paths.database.stat().st_mode) == 0o600
    assert [job.id for job in JobStore(paths.database).unfinished()] == ["one"]
    accounts = AccountStore(paths.database)
    assert accounts.get("alice").password == "$argon2id$hash"
    assert not accounts.credentials("alice", SESSION_KIND) and accounts.credentials("alice", TOKEN_KIND)
    assert SettingsFile(paths.settings_file).current.eta_ddim == 0.5
    assert StyleFiles(paths.styles_files).styles() == {"foggy": Style("foggy", "in fog")}
    assert (tmp_path / "new/configs/accounts/alice/config.json").is_file()
    assert (tmp_path / "new/wildcards/pets/cats.txt").is_file()


def test_what_was_there_before_is_kept(saved, tmp_path):
    flags = flags_of(tmp_path / "data")
    SettingsFile(flags.paths.settings_file).change(eta_ddim=0.75)
    JobStore(flags.paths.database).add(JobRecord("two", "local", "txt2img", {}, {}, True))
    restore(flags, [str(saved)])
    [kept] = (tmp_path / "data").glob("before-restore-*")
    assert json.loads((kept / "config.json").read_text())["eta_ddim"] == 0.75
    assert [job.id for job in JobStore(kept / "easel.sqlite").unfinished()] == ["one", "two"]
    assert [job.id for job in JobStore(flags.paths.database).unfinished()] == ["one"]


def test_nothing_is_restored_under_a_running_server(saved, tmp_path):
    flags = flags_of(tmp_path / "data")
    held = ProcessFile(flags.paths.server_lock)
    with pytest.raises(AlreadyRunning):
        restore(flags, [str(saved)])
    held.release()


def test_a_backup_never_overwrites_a_file(saved, tmp_path):
    before = saved.read_bytes()
    with pytest.raises(Invalid, match="already"):
        backup(flags_of(tmp_path / "data"), [str(saved)])
    assert saved.read_bytes() == before


def changed(saved, change):
    """The backup with other content, by name; `None` leaves a file out."""
    with zipfile.ZipFile(saved) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    change(files)
    saved.unlink()
    with zipfile.ZipFile(saved, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)


def manifest_with(files, **more):
    manifest = json.loads(files["manifest.json"])
    return json.dumps({**manifest, "files": {**manifest["files"], **more}})


@pytest.mark.parametrize("change", [
    lambda files: files.update({"config.json": b"{}"}),
    lambda files: files.pop("easel.sqlite"),
    lambda files: files.pop("manifest.json"),
    lambda files: files.update({"manifest.json": b"[]"}),
    lambda files: files.update({"manifest.json": manifest_with(files, **{"../x.json": {"sha256": "", "size": 0}})}),
    lambda files: files.update({"manifest.json": manifest_with(files, **{"webui.py": {"sha256": "", "size": 0}})}),
], ids=["other content", "missing", "no manifest", "no object", "upwards", "a program"])
def test_what_is_no_whole_backup_changes_nothing(saved, tmp_path, change):
    changed(saved, change)
    flags = flags_of(tmp_path / "data")
    before = {path: path.read_bytes() for path in (tmp_path / "data").rglob("*") if path.is_file()}
    with pytest.raises(Invalid, match="no whole backup"):
        restore(flags, [str(saved)])
    after = {path: path.read_bytes() for path in (tmp_path / "data").rglob("*") if path.is_file()}
    lock = flags.paths.server_lock
    assert {k: v for k, v in after.items() if k != lock} == {k: v for k, v in before.items() if k != lock}


def test_half_a_backup_and_none_at_all_are_named(saved, tmp_path):
    saved.write_bytes(saved.read_bytes()[:-200])
    for path in (saved, tmp_path / "none.zip"):
        with pytest.raises((Invalid, DatabaseUnusable)):
            restore(flags_of(tmp_path / "data"), [str(path)])


def test_the_picture_libraries_are_in_a_backup_and_come_back(tmp_path):
    flags = filled(tmp_path / "data")
    for name, album in (("library.sqlite", "Mine"), ("configs/accounts/alice/library.sqlite", "Hers")):
        PictureMarks(PictureIndex(tmp_path / "data" / name)).put_album(album, "")
    backup(flags, [str(tmp_path / "library.zip")])
    PictureMarks(PictureIndex(tmp_path / "data/library.sqlite")).put_album("Later", "")
    restore(flags, [str(tmp_path / "library.zip")])
    for name, album in (("library.sqlite", "Mine"), ("configs/accounts/alice/library.sqlite", "Hers")):
        assert [each[1] for each in PictureMarks(PictureIndex(tmp_path / "data" / name)).albums()] == [album]
