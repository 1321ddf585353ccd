"""Uploaded input pictures within the account's quota: the oldest ones that no job needs are deleted for new ones."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path

from modules.app.app import App
from modules.base.accounts import Account
from modules.base.errors import OverQuota
from modules.imaging.inputs import NAME, SENT_ENDING, SENT_NAME, encode_input, write_input
from modules.imaging.read import open_image
from modules.settings.account_limits import MEGABYTE, account_limits
from modules.store.jobs import JobStore

JUST_SENT = 3600.0      # seconds that a picture is left alone, for the request that is to name it


def keep_input(app: App, account: Account, content: bytes) -> str:
    """Store a picture for the account; return its name. Raises InvalidImage, TooLarge or OverQuota."""
    name, stored = encode_input(content)
    return keep_sent(app, account, name, stored)


def keep_file(app: App, account: Account, content: bytes) -> str:
    """Store a picture's file as it is, for its data to be read and edited; return its hash. Raises as `keep_input`."""
    open_image(content)
    digest = sha256(content).hexdigest()
    keep_sent(app, account, f"{digest}.{SENT_ENDING}", content)
    return digest


def keep_sent(app: App, account: Account, name: str, stored: bytes) -> str:
    mine = app.data_of(account.name)
    most = account_limits(app.settings.current, account.role.name).inputs
    with mine.sending:
        if most:
            make_room(mine.paths.inputs, name, len(stored), most, app.jobs.store, account.name)
        write_input(mine.paths.inputs, name, stored)
    return name


def make_room(folder: Path, name: str, size: int, most: int, store: JobStore, owner: str) -> None:
    """Delete as many of the account's oldest pictures as necessary. Raises OverQuota; then none is deleted."""
    found = sorted(stored_files(folder, but=name), key=lambda file: file[1].st_mtime)
    over = sum(about.st_size for _, about in found) + size - most
    if over <= 0:
        return
    needed, before = names_in_use(store, owner), time.time() - JUST_SENT
    leave = []
    for path, about in found:
        if over > 0 and about.st_mtime < before and path.name not in needed:
            leave.append(path)
            over -= about.st_size
    if over > 0:
        raise OverQuota(
            f"Your account may have {most // MEGABYTE:,} MB of pictures that jobs start from; those of the last hour "
            "and of unfinished jobs are as many.",
            "Send it again when jobs are done: those that no job needs make room after an hour.", JUST_SENT / 2,
        )
    for path in leave:
        path.unlink(missing_ok=True)


def stored_files(folder: Path, but: str) -> Iterable[tuple[Path, os.stat_result]]:
    """Return the stored pictures without that one."""
    if folder.is_dir():
        for entry in os.scandir(folder):
            if (NAME.fullmatch(entry.name) or SENT_NAME.fullmatch(entry.name)) and entry.name != but:
                yield Path(entry.path), entry.stat()


def names_in_use(store: JobStore, owner: str | None = None) -> set[str]:
    """Return the names of input pictures of unfinished jobs, of one account or of all."""
    unfinished = (job for job in store.unfinished() if owner in (None, job.owner))
    return {name for job in unfinished for name in NAME.findall(json.dumps(dict(job.params)))}
