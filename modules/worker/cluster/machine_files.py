"""The files of a machine of the cluster that does not see the server's: a bounded store by content, and workers' views.

A worker's data folder is its own. What its next job needs is put there under the server's names, as links: to the
machine's own file of that content, else to the store, which keeps what the server sent.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from threading import Lock
from typing import Any

from modules.base.errors import Invalid
from modules.base.files import discard, write_error
from modules.library.library import Library

GIGABYTE = 2**30
PART_ENDING = ".part"
KEEP_GIGABYTES = 50      # of files that the server sent


def no_library() -> Library | None:
    return None


@dataclass
class IncomingFile:
    """A file of the store while it comes in parts. path: its name there, which is its SHA-256"""

    path: Path
    found: Any = field(default_factory=sha256)

    @property
    def aside(self) -> Path:
        return self.path.with_name(f"{self.path.name}.{os.getpid()}{PART_ENDING}")

    def write(self, part: bytes) -> None:
        """Raises DiskFull or Unwritable; what came so far is then deleted."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.aside.open("ab") as file:
                file.write(part)
        except OSError as error:
            discard(self.aside)
            raise write_error(self.path, error) from error
        self.found.update(part)

    def finish(self) -> Path:
        """Raises Invalid if the content is another one, DiskFull or Unwritable."""
        try:
            if self.found.hexdigest() != self.path.name:
                raise Invalid(f"A file came with another content than {self.path.name[:12]}….")
            self.aside.replace(self.path)
        except OSError as error:
            raise write_error(self.path, error) from error
        finally:
            discard(self.aside)
        return self.path


@dataclass
class FileStore:
    """Files by their SHA-256, the least recently used ones deleted beyond `most` bytes."""

    folder: Path
    most: int = KEEP_GIGABYTES * GIGABYTE
    lock: Lock = field(default_factory=Lock)

    def path(self, digest: str) -> Path:
        """Raises Invalid for what is no SHA-256."""
        if len(digest) != 64 or not set(digest) <= set("0123456789abcdef"):
            raise Invalid(f"{digest!r:.80} is no SHA-256.")
        return self.folder / digest

    def get(self, digest: str) -> Path | None:
        """Return the file and count it as used.

        Its time of access says when; that of its change stays, since hashes are known by it.
        """
        path = self.path(digest)
        with contextlib.suppress(OSError):
            os.utime(path, ns=(time.time_ns(), path.stat().st_mtime_ns))
            return path
        return None

    def begin(self, digest: str) -> IncomingFile:
        """Raises Invalid for what is no SHA-256."""
        return IncomingFile(self.path(digest))

    def make_room(self, needed: Collection[str]) -> None:
        """Delete the files used longest ago, until the rest is small enough."""
        with self.lock:
            files = sorted(self._files(), key=lambda each: each[1].st_atime_ns, reverse=True)
            total = 0
            for path, about in files:
                total += about.st_size
                if total > self.most and path.name not in needed:
                    discard(path)
                    total -= about.st_size

    def _files(self) -> Iterator[tuple[Path, os.stat_result]]:
        for entry in os.scandir(self.folder):
            with contextlib.suppress(OSError):
                if not entry.name.endswith(PART_ENDING):
                    yield Path(entry.path), entry.stat()


@dataclass
class MachineFiles:
    """What one worker of a machine sees. root: its data folder; own: returns the machine's own model files"""

    root: Path
    store: FileStore
    own: Callable[[], Library | None] = no_library
    awaited: dict[str, list[str]] = field(default_factory=dict)      # SHA-256 of a file that is to come → its places
    needed: set[str] = field(default_factory=set)      # all files of the latest job
    _incoming: dict[str, IncomingFile] = field(default_factory=dict)
    _kinds: dict[str, None] = field(default_factory=dict)

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of model that were put here."""
        return tuple(self._kinds)

    def prepare(self, listed: Iterable[Mapping[str, Any]]) -> list[str]:
        """Link what is here; return the SHA-256 of each file that must be sent. Raises Invalid for a bad place."""
        self.awaited, self._kinds, self.needed = {}, {}, set()
        for file in listed:
            self.needed.add(file["sha256"])
            if file["kind"]:
                self._kinds[file["kind"]] = None
            found = self.here(file) or self.store.get(file["sha256"])
            if found:
                self.link(file["place"], found)
            else:
                self.awaited.setdefault(file["sha256"], []).append(file["place"])
        return list(self.awaited)

    def here(self, file: Mapping[str, Any]) -> Path | None:
        """Return the machine's own model file of that content."""
        library = self.own() if file["kind"] else None
        if library is None or file["kind"] not in library.catalogs:
            return None
        catalog = library.of(file["kind"])
        for own in catalog.list():
            if own.size == file["size"] and not own.problem and catalog.hashed(own).sha256 == file["sha256"]:
                return own.path
        return None

    def take_part(self, digest: str, part: bytes) -> None:
        """Take the next bytes of an awaited file; none: it is whole. Raises Invalid, DiskFull or Unwritable."""
        if digest not in self.awaited:
            raise Invalid(f"Nobody asked for {digest[:12]}.")
        incoming = self._incoming.setdefault(digest, self.store.begin(digest))
        if part:
            incoming.write(part)
            return
        del self._incoming[digest]
        path = incoming.finish()
        self.store.make_room(self.needed)
        for place in self.awaited[digest]:
            self.link(place, path)

    def link(self, place: str, path: Path) -> None:
        """Let a file appear at a place of the worker's data folder. Raises Invalid for a place outside, DiskFull …"""
        target = self.root / place
        if not place or ".." in Path(place).parts or Path(place).is_absolute():
            raise Invalid(f"{place!r:.200} is outside the worker's folder.")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            if target.is_symlink() and target.readlink() == path:
                return
            discard(target)
            target.symlink_to(path)
        except OSError as error:
            raise write_error(target, error) from error


