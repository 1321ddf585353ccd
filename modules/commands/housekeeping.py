"""The server's housekeeping, at its start and every hour: old data are deleted, and important data copied."""

from __future__ import annotations

import contextlib
import logging
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from threading import Event, Thread

from modules.app.app import App
from modules.app.galleries import THUMBNAILS
from modules.app.kept_inputs import names_in_use
from modules.base.accounts import LOCAL_OWNER, account_folder
from modules.base.border import logged
from modules.base.errors import DatabaseUnusable
from modules.base.files import clear_old, clear_unfinished
from modules.base.process_file import is_held
from modules.imaging.inputs import SENT_ENDING
from modules.params.interrogation import CAPTION_FOLDER
from modules.requests.found_pictures import list_found_pictures
from modules.settings.options import IMAGE_FORMATS
from modules.store.accounts import AccountStore
from modules.store.repair import keep_good_database, repair_database
from modules.store.saving_notes import SavingNotes
from modules.store.step_files import StepFiles

log = logging.getLogger(__name__)
HOUSEKEEPING_SECONDS = 3600.0
CLEANING_LOOK_SECONDS = 60.0      # after a worker has died, its half-written files are gone within two looks
STOP_HOUSEKEEPING_SECONDS = 2.0      # all its files are written whole, so that it may be cut off
COPIED_AT_STOP = 64 * 2**20      # bytes of a database that is copied without delay
OTHERS_SECONDS = 3600      # model folders may be another server's too, and the files that it is writing are not touched
INPUT_SECONDS = 30 * 24 * 3600      # how long an input picture is stored after it was last sent
THUMBNAIL_SECONDS = 180 * 24 * 3600      # how long a picture's thumbnail is kept after it was made
CACHED_SECONDS = 24 * 3600      # how long a picture that is not saved can be fetched


def checked_database(path: Path) -> tuple[str, ...]:
    """Check and repair the database; return notices on it. Raises DatabaseUnusable."""
    try:
        notice = repair_database(path)
    except (sqlite3.Error, OSError) as error:
        raise DatabaseUnusable(
            f"The database {path.name} is damaged and no new one can be made: {error}.",
            f"Check the disk's space and who may write to {path.parent}.",
        ) from error
    return (notice,) if notice else ()


class Housekeeping:
    """A thread for all duties, from `start` to `stop`; an error in one does not stop the others."""

    def __init__(self, app: App) -> None:
        self.app = app
        self._stopping = Event()
        self._thread = Thread(target=self._run, name="housekeeping", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join(STOP_HOUSEKEEPING_SECONDS)
        database = self.app.flags.paths.database
        if not self._thread.is_alive() and database.is_file() and database.stat().st_size < COPIED_AT_STOP:
            logged(keep_database, self.app)

    def _run(self) -> None:
        logged(clear_leftovers, self.app)
        if self.app.notices:
            logged(list_lost_pictures, self.app, self._stopping.is_set)
        due, seen, cleared = time.monotonic(), 0, 0      # two numbers of workers that have died
        while not self._stopping.is_set():
            if time.monotonic() >= due:
                self._fulfil_duties()
                due = time.monotonic() + HOUSEKEEPING_SECONDS
            if seen > cleared:
                logged(clear_after_worker, self.app)
            seen, cleared = self.app.jobs.tally.deaths, seen
            self._stopping.wait(CLEANING_LOOK_SECONDS)

    def _fulfil_duties(self) -> None:
        for duty in (clear_old_pictures, clear_old_thumbnails, forget_old_jobs, keep_database, keep_libraries):
            logged(duty, self.app)


def clear_after_worker(app: App) -> None:
    """Delete half-written files of a killed worker: nobody else writes at one for as long as CLEANING_LOOK_SECONDS."""
    for folder in (app.flags.paths.outputs, app.flags.paths.cache):
        clear_unfinished(folder, time.time() - CLEANING_LOOK_SECONDS)


def clear_leftovers(app: App) -> None:
    """Delete half-written files of a killed server; while a terminal runs nobody can tell whose they are."""
    paths = app.flags.paths
    if not app.process or any(is_held(path) for path in paths.terminal_locks.glob("*.lock")):
        return
    began = app.process.held_since
    cleared = clear_unfinished(paths.data_dir, began, below=False) + sum(
        clear_unfinished(each, began) for each in (paths.outputs, paths.cache, paths.data_dir / "configs")
    )
    cleared += clear_unfinished(paths.models, began - OTHERS_SECONDS)
    if cleared:
        log.info("%d half-written files of an earlier run were cleared away", cleared)


def clear_old_pictures(app: App) -> None:
    """Delete old pictures in the cache, and old input pictures that no unfinished job needs."""
    cache, now = app.flags.paths.cache, time.time()
    clear_old(cache, IMAGE_FORMATS, now - CACHED_SECONDS)
    for folder in with_accounts_folders(cache / CAPTION_FOLDER):
        clear_old(folder, {"txt"}, now - CACHED_SECONDS)
    for files, seconds in ((SavingNotes(cache), INPUT_SECONDS), (StepFiles(cache), CACHED_SECONDS)):
        clear_old(files.folder, {files.ending}, now - seconds)
    needed = names_in_use(app.jobs.store)
    for folder in with_accounts_folders(cache / "inputs"):
        clear_old(folder, (*IMAGE_FORMATS, SENT_ENDING), now - INPUT_SECONDS, needed)


def with_accounts_folders(folder: Path) -> list[Path]:
    """Return the local account's folder, and those of all others in it."""
    return [folder, *folder.glob("*/")]


def clear_old_thumbnails(app: App) -> None:
    """Delete old thumbnails: one that is asked for is made anew."""
    for folder in (app.flags.paths.cache / THUMBNAILS).glob("*/"):
        clear_old(folder, {"jpg"}, time.time() - THUMBNAIL_SECONDS)


def keep_libraries(app: App) -> None:
    app.galleries.keep_good()


def forget_old_jobs(app: App) -> None:
    """Delete job records beyond the setting's number; pictures stay."""
    if limit := app.settings.current.job_history_limit:
        forgotten = app.jobs.store.trim(limit)
        if forgotten:
            log.info("%d records of old jobs were forgotten", forgotten)


def keep_database(app: App) -> None:
    keep_good_database(app.flags.paths.database)


def list_lost_pictures(app: App, stopping: Callable[[], bool]) -> None:
    """List pictures without a record; those in an account's folder are its own, all others the local account's."""
    outputs, owners = app.flags.paths.outputs, folder_owners(app)

    def owner_of(path: Path) -> str:
        return owners.get(path.relative_to(outputs).parts[0], LOCAL_OWNER)

    found = list_found_pictures(app.jobs.store, outputs, owner_of, stopping)
    log.info("%d pictures were found in %s and are listed again", found, outputs.name)


def folder_owners(app: App) -> dict[str, str]:
    """Return folder below the outputs → account, for all known accounts."""
    flags = app.flags
    folders: list[str] = []
    with contextlib.suppress(OSError):
        folders = [path.name for path in (flags.paths.data_dir / "configs" / "accounts").iterdir()]
    named = [name for name, _ in flags.gradio_auth + flags.api_auth]
    recorded = [record.name for record in AccountStore(flags.paths.database).list()]
    return {
        account_folder(name): name for name in (*folders, *named, *recorded, *app.jobs.store.owners()) if name
    }
