"""A file that one process locks as long as it lives, with the jobs that it works on in case it dies.

The operating system releases the lock when the process ends, however it ends. Standard library only: a second server
is refused before anything is installed.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import time
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from threading import Lock
from typing import Any

from modules.base.errors import AlreadyRunning

log = logging.getLogger(__name__)
LAST_PROCESS = "before"        # the part of `in_hand` for the last process's jobs
LOCKED_BYTE = 2**30      # beyond the text: Windows lets nobody read a locked byte


class ProcessFile:
    """The lock, held from `ProcessFile(…)` to `release`, or to the process's end. Any thread may call any method."""

    def __init__(self, path: Path, address: str = "") -> None:
        """Lock the file. Raises AlreadyRunning."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._handle: int | None = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        self.held_since = time.time()
        self._writing = Lock()
        self._stopping = False
        try:
            lock(self._handle)
        except BlockingIOError:
            os.close(self._handle)
            raise already_running(path) from None
        except OSError as error:       # a file system without locks
            log.warning("%s cannot be locked (%s): nothing keeps a second Easel from this folder", path.name, error)
        self._note: dict[str, Any] = {
            "pid": os.getpid(),
            "address": address,
            "in_hand": {LAST_PROCESS: sorted(jobs_of(read_note(path)))},
        }
        self._write({})

    @property
    def died_with(self) -> list[str]:
        """Return the jobs that the process before this one was working on when it ended without `release`.

        They are kept until `forget_deaths`.
        """
        return list(self._note["in_hand"].get(LAST_PROCESS, []))

    def forget_deaths(self) -> None:
        """Forget them, since they are recorded elsewhere."""
        self._write({LAST_PROCESS: []})

    def note_in_hand(self, part: str, jobs: Collection[str]) -> None:
        """Note the jobs that `part` of the program works on now.

        Not synced: it outlives the process, and a power failure is no job's fault.
        """
        if not self._stopping and self._note["in_hand"].get(part, []) != (now := sorted(set(jobs))):
            self._write({part: now})

    def release_jobs(self) -> None:
        """Note that no job is in hand: a process asked to stop may be killed meanwhile, and no job is to blame."""
        self._stopping = True
        self._write({part: [] for part in self._note["in_hand"] if part != LAST_PROCESS})

    def release(self) -> None:
        """Release the lock, with no job in hand."""
        self.release_jobs()
        with self._writing:
            if self._handle is not None:
                os.close(self._handle)
                self._handle = None

    def _write(self, in_hand: Mapping[str, list[str]]) -> None:
        with self._writing:
            self._note["in_hand"] |= in_hand
            if self._handle is None:
                return
            content = json.dumps(self._note).encode()
            padding = b" " * max(0, os.fstat(self._handle).st_size - len(content))      # one write, so that it is whole
            try:
                os.lseek(self._handle, 0, os.SEEK_SET)
                os.write(self._handle, content + padding)
            except OSError as error:       # such as a full disk: jobs go on without a note
                log.debug("%s could not be written: %s", self.path.name, error)


def lock(handle: int) -> None:
    """Lock the file. Raises BlockingIOError if another has it, another OSError where there are no locks."""
    if sys.platform == "win32":
        import msvcrt

        os.lseek(handle, LOCKED_BYTE, os.SEEK_SET)
        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        except OSError as error:
            raise BlockingIOError from error
    else:
        import fcntl

        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


def refuse_second(path: Path) -> None:
    """Raise AlreadyRunning if a living process holds the file."""
    if is_held(path):
        raise already_running(path)


def already_running(path: Path) -> AlreadyRunning:
    note = read_note(path)
    where = f", at {note['address']}" if note.get("address") else ""
    return AlreadyRunning(
        f"Easel is running already on the folder {path.parent}: process {note.get('pid', 'unknown')}{where}.",
        "Open that page, stop that process, or choose another folder with --data-dir.",
    )


def is_held(path: Path) -> bool:
    """Return whether a living process holds it."""
    try:
        handle = os.open(path, os.O_RDWR)
    except OSError:
        return False
    try:
        lock(handle)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(handle)
    return False


def read_note(path: Path) -> dict[str, Any]:
    """Return the holder's note; empty if it cannot be read."""
    try:
        note = json.loads(path.read_bytes() or b"{}")
    except (OSError, ValueError):
        return {}
    return note if isinstance(note, dict) else {}


def jobs_of(note: dict[str, Any]) -> set[str]:
    """Return the jobs in hand, of all parts of the program."""
    in_hand = note.get("in_hand")
    if not isinstance(in_hand, dict):
        return set()
    return {job for jobs in in_hand.values() if isinstance(jobs, list) for job in jobs if isinstance(job, str)}


def left_by_the_dead(folder: Path) -> Iterator[tuple[Path, set[str]]]:
    """Yield files in `folder` whose processes ended without `release`, and their jobs in hand."""
    for path in sorted(folder.glob("*.lock")):
        if not is_held(path):
            yield path, jobs_of(read_note(path))
