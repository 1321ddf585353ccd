"""A worker's process beside its work: it carries out the server's commands, and ends with the server."""

from __future__ import annotations

import contextlib
import ctypes
import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Collection, Iterable
from threading import Lock
from typing import BinaryIO

from modules.engine.messages import Worker
from modules.engine.wire import InHand, Interrupt, KeepLoaded, Skip, StopWork, Submit, from_line
from modules.worker.outbox import FLUSH_SECONDS, Outbox

log = logging.getLogger(__name__)
LIFE_SECONDS = 1.0        # between two signs of life
PARENT_DEATH_SIGNAL = 1   # of Linux's prctl


def private_pipes() -> tuple[BinaryIO, BinaryIO]:
    """Return the pipe of the server's commands and the pipe of events; what libraries print goes to standard error."""
    events = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    commands = os.fdopen(os.dup(0), "rb")
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    return commands, events


def die_with_parent() -> None:
    """Have Linux kill this process when the server dies; elsewhere the end of the pipe ends it (`obey`).

    SIGINT and SIGTERM are ignored: a terminal sends them to the server too, which stops this process.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(PARENT_DEATH_SIGNAL, signal.SIGKILL)


def killed_first() -> None:
    """Make this process Linux's first choice when memory runs out, rather than the server."""
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as score:
        score.write("500")


class InHandNotes:
    """Tells the server which jobs are worked on, before each step: if the process dies, those are blamed."""

    def __init__(self, outbox: Outbox) -> None:
        self.outbox = outbox
        self._told: dict[str, tuple[tuple[str, ...], float]] = {}
        self._lock = Lock()

    def note(self, part: str, jobs: Collection[str]) -> None:
        """Tell it if it has changed, and otherwise once in LIFE_SECONDS as a sign of life."""
        now, wanted = time.monotonic(), tuple(sorted(set(jobs)))
        with self._lock:
            before, when = self._told.get(part, ((), 0.0))
            if before == wanted and now - when < LIFE_SECONDS:
                return
            self._told[part] = wanted, now
        self.outbox.put(InHand(part, wanted))
        if before != wanted:
            self.outbox.flush(FLUSH_SECONDS)


def obey(commands: Iterable[bytes], worker: Worker, prepare: Callable[[Submit], None]) -> None:
    """Carry out the server's commands until it stops the worker; exit once the server is gone.

    prepare: is called before each job
    """
    for line in commands:
        command = from_line(line)
        if isinstance(command, Submit):
            prepare(command)
            worker.submit(command.spec)
        elif isinstance(command, Interrupt):
            worker.interrupt(command.job)
        elif isinstance(command, Skip):
            worker.skip(command.job)
        elif isinstance(command, KeepLoaded):
            worker.keep_loaded(command.checkpoint)
        elif isinstance(command, StopWork):
            worker.stop()
            return
    os._exit(0)      # the server is gone
