"""Calls into extensions that do not come back: whoever waits is told of them, and an interruption goes on without them.

Python cannot end a thread. The thread of extensions is left to itself, with an error thrown into it that ends what is
written in Python; another takes its place. The device's thread cannot be replaced, so of it people are only told.
"""

from __future__ import annotations

import ctypes
import logging
import time
from collections.abc import Callable
from threading import Event, Thread
from typing import Protocol

from modules.base.border import logged
from modules.plugins.host import CallInHand, Host

log = logging.getLogger(__name__)
WATCH_SECONDS = 1.0
SLOW_SECONDS = 20.0         # without a word from an extension, until its job's owner is told
PATIENCE_SECONDS = 10.0     # for an extension to come back once its job is interrupted


class LeftBehind(BaseException):
    """Thrown into a thread of extensions that was left to itself."""


class CallsWatched(Protocol):
    """Who is told of calls that do not come back: the conductor."""

    def tell_slow(self, call: CallInHand) -> None:
        """Tell those who wait for it."""

    def leave(self, call: CallInHand) -> None:
        """Go on without the thread of extensions."""

    def quiet_since(self, call: CallInHand) -> float | None:
        """Return since when a call has asked nothing of the engine; None while it waits for an answer."""

    def interrupted_since(self, call: CallInHand) -> float | None:
        """Return since when its job is to end; None if it is not, or if the call is not in the extensions' thread."""


class CallWatch:
    """Looks each second at the calls in hand, in a thread of its own from `start` to `stop`."""

    def __init__(self, host: Host, watched: CallsWatched, clock: Callable[[], float] = time.monotonic) -> None:
        self.host, self.watched, self.clock = host, watched, clock
        self._told: CallInHand | None = None
        self._stopped = Event()
        self._thread: Thread | None = None

    def start(self) -> None:
        """Begin, unless it has begun."""
        if self._thread is None:
            self._thread = Thread(target=self._run, name="extension watch", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        self._stopped.set()

    def _run(self) -> None:
        while not self._stopped.wait(WATCH_SECONDS):
            logged(self.look)

    def look(self) -> None:
        """Tell of calls that take long, and leave those behind whose job was to end a while ago."""
        now = self.clock()
        for call in list(self.host.in_hand.values()):
            quiet = self.watched.quiet_since(call)
            if quiet is None:
                continue
            if now - quiet >= SLOW_SECONDS and call is not self._told:
                self._told = call
                self.watched.tell_slow(call)
            ended = self.watched.interrupted_since(call)
            if ended is not None and now - max(quiet, ended) >= PATIENCE_SECONDS:
                self.watched.leave(call)


def throw_into(thread: Thread) -> None:
    """Throw LeftBehind into a thread at its next step of Python code; what waits in other code is not reached."""
    if thread.ident is not None:
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident), ctypes.py_object(LeftBehind))
