"""Long work on files that needs no device: merging, converting, extracting. One at a time, in the background, followed by id."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

from modules.base.errors import UnknownName, described

log = logging.getLogger(__name__)
KEPT = 100      # ended ones that can still be asked about

Told = Callable[[int, int], None]
Work = Callable[[Told], Mapping[str, Any]]      # told(done, of) hears how far it is; returns what it made


class Stopped(Exception):
    """Raised inside a chore that somebody wants ended."""


@dataclass
class Chore:
    id: str
    owner: str
    title: str
    state: str = "queued"      # running, done, failed, interrupted
    done: int = 0
    of: int = 0
    result: Mapping[str, Any] = field(default_factory=dict)
    error: Mapping[str, Any] | None = None
    stopping: bool = False

    def hear(self, done: int, of: int) -> None:
        self.done, self.of = done, of
        if self.stopping:
            raise Stopped


class Chores:
    """Any thread may call any method."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(1, "chores")
        self._chores: dict[str, Chore] = {}
        self._listing = Lock()

    def begin(self, title: str, owner: str, work: Work) -> Chore:
        chore = Chore(uuid.uuid4().hex, owner, title)
        with self._listing:
            self._chores[chore.id] = chore
            for old in [each for each in self._chores.values() if each.state not in ("queued", "running")][:-KEPT]:
                del self._chores[old.id]
        self._threads.submit(self._do, chore, work)
        return chore

    def get(self, chore: str, owner: str) -> Chore:
        """Raises UnknownName; somebody else's is one that does not exist."""
        found = self._chores.get(chore)
        if found is None or found.owner != owner:
            raise UnknownName("chore", chore, [])
        return found

    def stop(self, chore: str, owner: str) -> None:
        self.get(chore, owner).stopping = True

    def close(self) -> None:
        """Let the step in hand end; what is half made is thrown away by whoever makes it."""
        with self._listing:
            for chore in self._chores.values():
                chore.stopping = True
        self._threads.shutdown(wait=True, cancel_futures=True)

    def _do(self, chore: Chore, work: Work) -> None:
        chore.state = "running"
        try:
            chore.hear(0, 0)
            chore.result = work(chore.hear)
            chore.state = "done"
        except Stopped:
            chore.state = "interrupted"
        except Exception as error:  # noqa: BLE001  the job border: its owner is told
            log.warning("%s failed: %s", chore.title, error)
            chore.error, chore.state = described(error), "failed"
