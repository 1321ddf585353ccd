"""Messages to another process, written in their order by a thread, so that a slow reader keeps nobody waiting."""

from __future__ import annotations

import contextlib
from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Condition, Thread
from typing import Any

from modules.engine.messages import Event, Made, Preview, Progress, WorkerMemory
from modules.engine.wire import to_line

FLUSH_SECONDS = 1.0       # a worker waits for a busy server so long, no longer
NEWEST_IS_ENOUGH = (Preview, Progress, WorkerMemory)      # an older one of the same job is dropped


class Outbox:
    """Any thread may `put`. A thread of its own writes."""

    def __init__(self, write: Callable[[bytes], object]) -> None:
        """write: raises OSError or ValueError once the reader is gone"""
        self.write = write
        self._waiting: OrderedDict[Hashable, Any] = OrderedDict()
        self._changed = Condition()
        self._number = 0                 # of the latest message
        self._writing = False
        self._closed = False
        self.thread = Thread(target=self._run, name="outbox", daemon=True)

    def start(self) -> None:
        self.thread.start()

    def put(self, message: Any) -> None:
        """Queue a message; one of NEWEST_IS_ENOUGH replaces the job's older one."""
        with self._changed:
            self._number += 1
            key: Hashable = (type(message), message.job) if isinstance(message, NEWEST_IS_ENOUGH) else self._number
            self._waiting.pop(key, None)
            self._waiting[key] = message
            self._changed.notify_all()

    def emit(self, event: Event) -> None:
        """Queue an event. An output is written before this returns, else it would be made twice after a crash."""
        self.put(event)
        if isinstance(event, Made):
            self.flush(FLUSH_SECONDS)

    def flush(self, seconds: float) -> bool:
        """Wait until everything is written or the reader is gone; return False if the time was too short."""
        with self._changed:
            return self._changed.wait_for(lambda: self._closed or not (self._waiting or self._writing), seconds)

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _run(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            while (message := self._next()) is not None:
                self.write(to_line(message))
        self.close()

    def _next(self) -> Any:
        with self._changed:
            self._writing = False
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._waiting or self._closed)
            if self._closed:
                return None
            self._writing = True
            return self._waiting.popitem(last=False)[1]
