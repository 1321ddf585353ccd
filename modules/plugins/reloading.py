"""Extensions of Easel's own API taken anew when their files change: for their authors, while the server runs.

Pictures that have been planned go on with the functions they began with; those planned later have the new ones. What
the page is drawn with (controls, tabs, settings, addresses) is as it was until the next start.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

from modules.base.border import logged, outcome
from modules.plugins.failures import FailuresInARow
from modules.plugins.host import IN_USE, SWITCHED_OFF, CallFailed, ExtensionState, Host
from modules.plugins.native import declares, forget_modules, load_native

log = logging.getLogger(__name__)
LOOK_SECONDS = 1.0
SourceStamps = dict[Path, int]         # a file → when it was changed, in nanoseconds


class ExtensionReloader:
    """Looks at the files of extensions every second, in a thread of its own from `start` to `stop`."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.seen = {state.name: stamps_of(state.extension.folder) for state in host.extensions}
        self._stopped = Event()
        self._thread = Thread(target=self._run, name="extension reloader", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()

    def look(self) -> list[str]:
        """Take changed extensions anew; returns the names of those that were."""
        return [state.name for state in self.host.extensions if self._has_changed(state) and reloaded(self.host, state)]

    def _has_changed(self, state: ExtensionState) -> bool:
        before, now = self.seen[state.name], stamps_of(state.extension.folder)
        self.seen[state.name] = now
        return now != before and state.state != SWITCHED_OFF

    def _run(self) -> None:
        while not self._stopped.wait(LOOK_SECONDS):
            logged(self.look)


@contextmanager
def watched(host: Host) -> Iterator[None]:
    """Take changed extensions anew within."""
    reloader = ExtensionReloader(host)
    reloader.start()
    try:
        yield
    finally:
        reloader.stop()


def stamps_of(folder: Path) -> SourceStamps:
    """Return when each Python file of a folder was changed; one that goes meanwhile is left out."""
    found = {path: outcome(path.stat) for path in folder.rglob("*.py") if "tests" not in path.parts}
    return {path: stat.st_mtime_ns for path, stat in found.items() if not isinstance(stat, Exception)}


def reloaded(host: Host, state: ExtensionState) -> bool:
    """Import a declared extension anew; one that cannot be stays as it was, and its error is logged and told."""
    path = declares(state.extension)
    if path is None:
        return False
    forget_modules(host, state.extension.folder)
    try:
        native = host.call(state.name, "load", load_native, host, state.extension, path)
    except CallFailed as error:
        log.error("The extension %s stays as it was: %s", state.name, error)
        return False
    state.state, state.why, state.failures = IN_USE, "", FailuresInARow()
    host.take_native(native)
    log.info("The extension %s was loaded anew", state.name)
    return True
