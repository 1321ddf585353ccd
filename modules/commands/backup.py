"""`webui.py backup FILE`: all data that cannot be made again, in one file, also while the server runs.

A zip: settings, choices, styles, accounts' data, the database (accounts, jobs, the audit log), the picture libraries
(favourites, tags, albums …), the descriptions of models; no pictures, no models. `manifest.json` has the hash of each.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

from modules.base.errors import Invalid
from modules.base.files import discard, moved_to_free_name, sync_folder, write_error
from modules.base.version import VERSION
from modules.prompts.styles import matching_files
from modules.settings.account_paths import ACCOUNT_DATABASES, PROMPT_FOLDERS
from modules.settings.flag_types import any_path
from modules.settings.flags import Flags, Parser, Paths, unknown_argument
from modules.store.database import private_opener
from modules.store.repair import copy_database

BACKUP_FORMAT = 1
MANIFEST_NAME = "manifest.json"
DATABASE_NAME = "easel.sqlite"
MOST_DESCRIPTION = 2**20      # bytes of a model's description
LARGEST_KEPT = 64 * 2**20      # bytes of any other file


def backup(flags: Flags, arguments: list[str]) -> int:
    """Returns the exit code. Raises WebUIError."""
    target = chosen_file("backup", "Save settings, styles, accounts and the database.", arguments)
    if os.path.lexists(target):
        raise Invalid(f"There is a file {target} already.", "Choose another name.")
    with tempfile.TemporaryDirectory(prefix="easel-backup-", dir=flags.paths.data_dir) as folder:
        files = dict(kept_files(flags.paths))
        for number, (name, path) in enumerate(databases(flags.paths).items()):
            copy_database(path, Path(folder, f"{number}.sqlite"))
            files[name] = Path(folder, f"{number}.sqlite")
        write_backup(target, files)
    print(f"{len(files)} files are in {target}. Pictures and models are not among them.")
    return 0


def chosen_file(command: str, description: str, arguments: list[str]) -> Path:
    parser = Parser(prog=f"webui.py {command}", description=description)
    parser.add_argument("file", type=any_path, metavar="FILE", help="the backup, a zip file")
    chosen, rest = parser.parse_known_args(arguments)
    if rest:
        raise unknown_argument(rest)
    found: Path = chosen.file
    return found


def files_in_backup(paths: Paths) -> dict[str, Path]:
    """Return name in a backup → path, of the files at its top."""
    return {
        "config.json": paths.settings_file,
        "choices.json": paths.settings_file.with_name("choices.json"),
        DATABASE_NAME: paths.database,
        **{name: paths.data_dir / name for name in ACCOUNT_DATABASES},
    }


def databases(paths: Paths) -> dict[str, Path]:
    """Return name in a backup → path, of the databases that there are: they are copied at one moment each."""
    accounts = folders_in_backup(paths)["accounts"]
    found = {DATABASE_NAME: paths.database} | {name: paths.data_dir / name for name in ACCOUNT_DATABASES}
    own = sorted(path for name in ACCOUNT_DATABASES for path in accounts.glob(f"*/{name}"))
    found |= {f"accounts/{path.relative_to(accounts).as_posix()}": path for path in own}
    return {name: path for name, path in found.items() if path.is_file() and not path.is_symlink()}


def folders_in_backup(paths: Paths) -> dict[str, Path]:
    """Return name in a backup → path, of its folders."""
    return {
        "styles": paths.styles_files[0].parent,
        "accounts": paths.data_dir / "configs" / "accounts",
        "models": paths.models,
        **{name: paths.data_dir / name for name in PROMPT_FOLDERS},
    }


def kept_files(paths: Paths) -> Iterator[tuple[str, Path]]:
    """Return the name of each file in a backup, with its path; databases are copied by themselves."""
    folders = folders_in_backup(paths)
    found = files_in_backup(paths) | {
        **{f"styles/{path.name}": path for pattern in paths.styles_files for path in matching_files(pattern)},
        **{
            f"{name}/{path.relative_to(folders[name]).as_posix()}": path
            for name in ("accounts", *PROMPT_FOLDERS) for path in sorted(folders[name].rglob("*"))
        },
    }
    for name, path in found.items():
        if name.rpartition("/")[2].startswith((DATABASE_NAME, *ACCOUNT_DATABASES)):
            continue
        if path.is_file() and not path.is_symlink() and path.stat().st_size <= LARGEST_KEPT:
            yield name, path
    for path in sorted(paths.models.rglob("*.json")):
        if path.is_file() and path.stat().st_size <= MOST_DESCRIPTION:
            yield f"models/{path.relative_to(paths.models).as_posix()}", path


def write_backup(target: Path, files: dict[str, Path]) -> None:
    """Write the whole backup or nothing; only its owner may read it, since it contains hashes of passwords.

    Raises DiskFull, Unwritable, or Invalid if there is such a file by now.
    """
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "x+b", opener=private_opener) as file:
            hashes = {}
            with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
                for name, path in files.items():
                    content = path.read_bytes()
                    archive.writestr(name, content)
                    hashes[name] = {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}
                archive.writestr(MANIFEST_NAME, json.dumps(manifest_of(hashes), indent=1))
            file.flush()
            os.fsync(file.fileno())
        if not moved_to_free_name(temporary, target):
            raise Invalid(f"There is a file {target} already.", "Choose another name.")
        sync_folder(target.parent)
    except OSError as error:
        raise write_error(target, error) from error
    finally:
        discard(temporary)


def manifest_of(hashes: dict[str, dict[str, object]]) -> dict[str, object]:
    made = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    return {"easel_backup": BACKUP_FORMAT, "version": VERSION, "made": made, "files": hashes}
