"""The files of a worker whose outputs are sent elsewhere: each output is told with the files that came with it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from modules.base.files import UNFINISHED
from modules.engine.messages import Event, Made
from modules.engine.wire import FilesMade
from modules.worker.outbox import Outbox


class NewFiles:
    """Tells before each output which files are new; outputs are written and told by one thread."""

    def __init__(self, outputs: Path, outbox: Outbox) -> None:
        self.outputs, self.outbox = outputs, outbox
        self._told: set[str] = set()

    def emit(self, event: Event) -> None:
        if isinstance(event, Made):
            now = set(self.files())
            self.outbox.put(FilesMade(event.job, event.index, tuple(sorted(now - self._told))))
            self._told = now
        self.outbox.emit(event)

    def files(self) -> Iterator[str]:
        """Yield the paths of all files in the outputs."""
        for folder, _, names in os.walk(self.outputs):
            yield from (str(Path(folder, name)) for name in names if not UNFINISHED.fullmatch(name))
