"""`webui.py restore FILE`: a backup is checked, then restored; the replaced files are kept."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import sqlite3
import tempfile
import time
import zipfile
from contextlib import closing
from pathlib import Path
from typing import Any

from modules.base.errors import Invalid
from modules.base.files import stays_below, sync_folder, write_error
from modules.base.process_file import ProcessFile
from modules.commands.backup import (
    BACKUP_FORMAT,
    DATABASE_NAME,
    MANIFEST_NAME,
    chosen_file,
    files_in_backup,
    folders_in_backup,
)
from modules.gallery.schema import LIBRARY_MIGRATIONS
from modules.settings.account_paths import ACCOUNT_DATABASES, LIBRARY_NAME
from modules.settings.flags import Flags, Paths
from modules.store.database import private_opener, refuse_unknown
from modules.store.migrations import MIGRATIONS
from modules.store.picture_history import HISTORY_MIGRATIONS
from modules.store.repair import BESIDE_DATABASE, damage_of

LARGEST_MANIFEST = 64 * 2**20      # bytes
LARGEST_BACKUP = 64 * 2**30      # bytes of all its files


def restore(flags: Flags, arguments: list[str]) -> int:
    """Restore a backup; returns the exit code. Raises WebUIError, AlreadyRunning while the server runs."""
    source, paths = chosen_file("restore", "Put a backup back in place.", arguments), flags.paths
    held = ProcessFile(paths.server_lock)
    try:
        with tempfile.TemporaryDirectory(prefix="easel-restore-", dir=paths.data_dir) as folder:
            files = unpacked(source, Path(folder), paths)
            kept = replace_files(files, paths)
    except OSError as error:
        raise write_error(source, error) from error
    finally:
        held.release()
    print(f"{len(files)} files are as {source.name} has them. What was there is in {kept}.")
    print("Everybody logs in anew; tokens are those of the backup.")
    return 0


def unpacked(source: Path, folder: Path, paths: Paths) -> dict[str, Path]:
    """Unpack the files of a backup, checked against its manifest, into `folder`. Raises Invalid."""
    try:
        with zipfile.ZipFile(source) as archive:
            listed = read_manifest(archive, paths)
            for name, about in listed.items():
                unpack(archive, name, about, folder / name)
    except FileNotFoundError as error:
        raise Invalid(f"There is no file {source}.", "Give the file that `webui.py backup` has written.") from error
    except (zipfile.BadZipFile, KeyError, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise no_backup(source, error) from error
    database = folder / DATABASE_NAME
    if DATABASE_NAME in listed:
        refuse_unknown(database, len(MIGRATIONS))
        if reason := damage_of(database):
            raise no_backup(source, ValueError(reason))
        end_sessions(database)
    for name in (each for each in listed if each.endswith(ACCOUNT_DATABASES)):
        versions = LIBRARY_MIGRATIONS if name.endswith(LIBRARY_NAME) else HISTORY_MIGRATIONS
        refuse_unknown(folder / name, len(versions))
        if reason := damage_of(folder / name):
            raise no_backup(source, ValueError(reason))
    return {name: folder / name for name in listed}


def no_backup(source: Path, error: Exception) -> Invalid:
    return Invalid(
        f"{source.name} is no whole backup of Easel's: {error}. Nothing was changed.", "Take another backup."
    )


def read_manifest(archive: zipfile.ZipFile, paths: Paths) -> dict[str, Any]:
    """Return the files in the manifest. Raises ValueError or KeyError."""
    if archive.getinfo(MANIFEST_NAME).file_size > LARGEST_MANIFEST:
        raise ValueError("its manifest is too large")
    manifest = json.loads(archive.read(MANIFEST_NAME))
    if manifest["easel_backup"] != BACKUP_FORMAT:
        raise ValueError("it is of another version")
    listed: dict[str, Any] = manifest["files"]
    for name in listed:
        place_of_file(name, paths)
    if sum(about["size"] for about in listed.values()) > LARGEST_BACKUP:
        raise ValueError("it is too large")
    return listed


def unpack(archive: zipfile.ZipFile, name: str, about: dict[str, Any], target: Path) -> None:
    """Unpack a file. Raises ValueError unless its content has the manifest's hash."""
    target.parent.mkdir(parents=True, exist_ok=True)
    digest, left = hashlib.sha256(), about["size"]
    opener = private_opener if is_database(name) else None
    with archive.open(name) as packed, open(target, "xb", opener=opener) as file:
        while block := packed.read(min(2**20, left + 1)):
            left -= len(block)
            if left < 0:
                raise ValueError(f"{name} is longer than its manifest says")
            digest.update(block)
            file.write(block)
        file.flush()
        os.fsync(file.fileno())
    if left or digest.hexdigest() != about["sha256"]:
        raise ValueError(f"{name} is damaged")


def is_database(name: str) -> bool:
    """Return whether a file of a backup is a database."""
    return name.endswith((DATABASE_NAME, *ACCOUNT_DATABASES))


def end_sessions(database: Path) -> None:
    """End all sessions, so that those ended since the backup stay ended."""
    with closing(sqlite3.connect(database)) as db, contextlib.suppress(sqlite3.OperationalError):
        with db:
            db.execute("DELETE FROM credentials WHERE kind = 'session'")
        db.execute("PRAGMA journal_mode = DELETE")


def replace_files(files: dict[str, Path], paths: Paths) -> Path:
    """Move the files into place; returns the folder with the replaced ones."""
    kept = paths.data_dir / time.strftime("before-restore-%Y%m%d-%H%M%S")
    kept.mkdir()
    for name, source in files.items():
        target = place_of_file(name, paths)
        target.parent.mkdir(parents=True, exist_ok=True)
        for end in ("", *(BESIDE_DATABASE if is_database(name) else ())):
            old = target.with_name(target.name + end)
            if os.path.lexists(old):
                aside = kept / f"{name}{end}"
                aside.parent.mkdir(parents=True, exist_ok=True)
                shutil.move(old, aside)
        shutil.move(source, target)
        sync_folder(target.parent)
    return kept


def place_of_file(name: str, paths: Paths) -> Path:
    """Return the place of a backup's file. Raises ValueError for a name that no backup has."""
    top, _, below = name.partition("/")
    files, folders = files_in_backup(paths), folders_in_backup(paths)
    if name in files:
        return files[name]
    if not below or top not in folders or not stays_below(name) or (top == "models" and not name.endswith(".json")):
        raise ValueError(f"{name!r:.200} is none of its files")
    return folders[top] / below
