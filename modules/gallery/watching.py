"""Watching the library's folders: what other programs add, move and delete is in the index soon after."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from threading import Event
from typing import Protocol

from watchfiles import Change, watch

from modules.gallery.facts import PICTURE_ENDINGS
from modules.gallery.index import Root

log = logging.getLogger(__name__)
GATHERED_MS = 800            # changes that follow each other so soon are taken together
LOOK_UP_MS = 2_000           # between two looks at whether the folders are still the same
AGAIN_SECONDS = 60.0         # after which watching is tried again that the system refused


class Watched(Protocol):
    """A library whose folders are watched."""

    def roots_there(self) -> list[Root]: ...

    def scan(self) -> int: ...

    def scan_changed(self, folders: Mapping[int, set[str]]) -> int: ...


def watch_library(library: Watched, stop: Event) -> None:
    """Keep a library in step with its folders until `stop` is set.

    Where the system cannot watch (a network drive, too many folders), changes are seen at the next refresh.
    """
    logging.getLogger("watchfiles").setLevel(logging.WARNING)      # it would log each change
    while not stop.is_set():
        try:
            watch_roots(library, library.roots_there(), stop)
        except (OSError, RuntimeError) as error:
            log.info("The picture folders cannot be watched (%s); Refresh looks through them.", error)
            stop.wait(AGAIN_SECONDS)


def watch_roots(library: Watched, roots: list[Root], stop: Event) -> None:
    """Follow changes in these folders until there are others, or `stop` is set. Raises OSError or RuntimeError."""
    if not roots:
        stop.wait(LOOK_UP_MS / 1000)
        return
    for changes in watch(
        *(root.path for root in roots), watch_filter=None, debounce=GATHERED_MS, rust_timeout=LOOK_UP_MS,
        yield_on_timeout=True, stop_event=stop, raise_interrupt=False, ignore_permission_denied=True,
    ):
        if changes:
            take_notice(library, roots, changes)
        if library.roots_there() != roots:
            return


def take_notice(library: Watched, roots: list[Root], changes: Iterable[tuple[Change, str]]) -> None:
    """Look at the folders in which files have changed; at everything if a folder itself has."""
    folders: dict[int, set[str]] = defaultdict(set)
    for _, path in changes:
        root = next((each for each in roots if Path(path).is_relative_to(each.path)), None)
        if root is None:
            continue
        place = Path(path).relative_to(root.path)
        if any(part.startswith(".") for part in place.parts):
            continue
        if place.suffix[1:].lower() in PICTURE_ENDINGS:
            folders[root.id].add("" if place.parent == Path() else place.parent.as_posix())
        elif not place.suffix or Path(path).is_dir():      # a folder, or what was one
            library.scan()
            return
    if folders:
        library.scan_changed(folders)
