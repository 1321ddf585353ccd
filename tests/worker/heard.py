"""A worker under test, and everything it told."""

from __future__ import annotations

import threading


class Heard:
    """What `make` returns for a place to tell events to, and these events."""

    def __init__(self, make):
        self.events, self.changed = [], threading.Condition()
        self.worker = make(self.hear)

    def hear(self, event):
        with self.changed:
            self.events.append(event)
            self.changed.notify_all()

    def of(self, kind):
        return [event for event in list(self.events) if isinstance(event, kind)]

    def until(self, true):
        with self.changed:
            assert self.changed.wait_for(true, 120), self.events
