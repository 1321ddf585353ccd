"""What a worker's process does besides working: it obeys the server, and dies with it."""

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
from modules.engine.wire import InHand, Interrupt, Skip, StopWork, Submit, from_line
from modules.worker.outbox import FLUSH_SECONDS, Outbox

log = logging.getLogger(__name__)
LIFE_SECONDS = 1.0        # between two signs of life
PARENT_DEATH_SIGNAL = 1   # of Linux's prctl


def private_pipes() -> tuple[BinaryIO, BinaryIO]:
    """The server's commands, and where it hears; whatever a library prints goes to standard error."""
    events = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    commands = os.fdopen(os.dup(0), "rb")
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    return commands, events


def die_with_parent() -> None:
    """On Linux the system sees to it; everywhere the end of the pipe does (`obey`).

    Signals to the whole group of a terminal are the server's to hear.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(PARENT_DEATH_SIGNAL, signal.SIGKILL)


def killed_first() -> None:
    """Where memory runs out, Linux is to kill this process, not the server."""
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as score:
        score.write("500")


class InHandNotes:
    """What is in hand, told to the server: before it is begun, so that the server knows whom to blame."""

    def __init__(self, outbox: Outbox) -> None:
        self.outbox = outbox
        self._told: dict[str, tuple[tuple[str, ...], float]] = {}
        self._lock = Lock()

    def note(self, part: str, jobs: Collection[str]) -> None:
        """Called before every step: when nothing has changed, now and then a sign of life."""
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
    """Until the server says so, or is gone.

    prepare: what is to be done before a job is begun
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
        elif isinstance(command, StopWork):
            worker.stop()
            return
    os._exit(0)      # nobody is there to hear of anything
