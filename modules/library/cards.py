"""The cards of the model files: an index kept in step with the folders, and people's changes in it. No torch."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from modules.base.border import logged, outcome
from modules.base.errors import ModelError, UnknownName
from modules.base.files import write_atomically
from modules.library.catalog import Catalog, ModelFile
from modules.library.cover_images import cover_picture
from modules.library.describe import ReadEmbedding, describe_file, shown_metadata, training_tags
from modules.library.index import INSIDE, IndexEntry, LibraryIndex, identity
from modules.library.safetensors_header import is_named_safetensors, read_header_metadata
from modules.library.user_metadata import Sidecars, read_user_metadata, regular, sidecar_files, write_user_metadata

log = logging.getLogger(__name__)
BATCH = 200         # files in a transaction: jobs wait to be written meanwhile


@dataclass(frozen=True, slots=True)
class Details:
    """The details of one file's own page, read from the file."""

    metadata: Mapping[str, Any]
    tags: tuple[tuple[str, int], ...]
    notes: str
    sha256: str | None
    vae: str


class Cards:
    """The cards of all model files. Any thread may use them; scans run one at a time.

    catalogs: kind → its files; read_embedding: reads an embedding that has no header
    """

    def __init__(self, catalogs: Mapping[str, Catalog], index: LibraryIndex, read_embedding: ReadEmbedding) -> None:
        self.catalogs, self.index, self.read_embedding = dict(catalogs), index, read_embedding
        self._scanning, self._scanned, self._writing = threading.Lock(), threading.Event(), threading.Lock()

    def begin(self) -> None:
        """Start a scan in the background; until it ends, the index has the entries of the last run."""
        threading.Thread(target=self.scan, kwargs={"refresh": False}, name="library index", daemon=True).start()

    def wait(self, seconds: float) -> bool:
        """Wait for the first scan; return whether it has ended."""
        return self._scanned.wait(seconds)

    @property
    def scanning(self) -> bool:
        return self._scanning.locked() or not self._scanned.is_set()

    def look_again(self) -> None:
        """Read all folders at once; the index follows in the background."""
        for catalog in self.catalogs.values():
            catalog.refresh()
        self.begin()

    def renew(self, *kinds: str) -> None:
        """Refresh the catalogs at once, and the index too, unless a scan is already running."""
        for kind in kinds or self.catalogs:
            self.catalogs[kind].refresh()
        if self.scanning:
            threading.Thread(
                target=self.scan, args=kinds, kwargs={"refresh": False}, name="library index", daemon=True
            ).start()
        else:
            self.scan(*kinds, refresh=False)

    def scan(self, *kinds: str, refresh: bool = True) -> None:
        """Bring the index in step with the files of these kinds, or of all; `refresh` reads the folders first.

        An error with one kind is logged, and concerns that kind alone.
        """
        with self._scanning:
            for kind in kinds or self.catalogs:
                # such as a full disk or a locked database: the next refresh tries again
                logged(self._scan, kind, refresh, failure=f"The files of kind {kind} could not be indexed")
        if not kinds:
            self._scanned.set()

    def _scan(self, kind: str, refresh: bool) -> None:
        """Read the files whose size or modification time has changed since they were last read."""
        if refresh:
            self.catalogs[kind].refresh()
        known, seen, changed = self.index.stamps(kind), set(), []
        for file, found in self._with_company(kind):
            key = identity(kind, str(file.path))
            seen.add(key)
            if known.get(key) != found.stamp:
                changed.append((file, found))
        self.index.remove(known.keys() - seen)
        for start in range(0, len(changed), BATCH):
            self.index.put(self._described_if_there(kind, changed[start : start + BATCH]))

    def _with_company(self, kind: str) -> Iterator[tuple[ModelFile, Sidecars]]:
        """Yield the catalog's files, each with its sidecar files; each folder is read once."""
        folders: dict[Path, tuple[Path, frozenset[str]]] = {}
        for file in self.catalogs[kind].list():
            try:
                str(file.path).encode()             # a name that is not Unicode cannot be stored or sent over HTTP
                folder = file.path.parent
                if folder not in folders:
                    folders[folder] = self._home(kind, file.path), names_in(folder)
                found = sidecar_files(file.path, *folders[folder])
                yield file, replace(found, stamp=f"{found.stamp}|{file.problem}")
            except (OSError, UnicodeEncodeError):
                continue

    def _home(self, kind: str, path: Path) -> Path:
        """Return the folder that no link may lead out of: the catalog's, or that of a file given by itself."""
        catalog = self.catalogs[kind]
        return next((root for root in (*catalog.roots, *catalog.others) if path.is_relative_to(root)), path.parent)

    def get(self, key: str) -> IndexEntry:
        """Return the entry of that id. Raises UnknownName."""
        if (entry := self.index.get(key)) and entry.kind in self.catalogs:
            return entry
        raise UnknownName("card", key[:40], [])

    def details(self, entry: IndexEntry) -> Details:
        path = Path(entry.path)
        try:
            metadata = read_header_metadata(path) if is_named_safetensors(path) and not entry.problem else {}
            sha256 = self.catalogs[entry.kind].hashes.known(path)
        except (ModelError, OSError):
            metadata, sha256 = {}, None
        user = read_user_metadata(self._beside(entry).files)
        return Details(shown_metadata(metadata), training_tags(metadata), user.notes, sha256, user.vae)

    def change(self, entry: IndexEntry, changes: Mapping[str, Any]) -> IndexEntry:
        """Change `name.json`, and return the new entry. Raises Invalid or Unwritable."""
        with self._writing:
            write_user_metadata(Path(entry.path), changes)
        return self._again(entry)

    def preview(self, entry: IndexEntry) -> bytes:
        """Return the preview's file. Raises UnknownName if there is none, or a link leads out of the folders."""
        model = Path(entry.path)
        if entry.preview == INSIDE:
            return cover_picture(model)
        if entry.preview and regular(path := model.with_name(entry.preview), self._home(entry.kind, model)):
            return path.read_bytes()
        raise UnknownName("preview", entry.name, [])

    def set_preview(self, entry: IndexEntry, png: bytes) -> IndexEntry:
        write_atomically(Path(entry.path).with_suffix(".preview.png"), png)
        return self._again(entry)

    def _beside(self, entry: IndexEntry) -> Sidecars:
        path = Path(entry.path)
        try:
            return sidecar_files(path, self._home(entry.kind, path), names_in(path.parent))
        except OSError:
            return Sidecars()

    def _again(self, entry: IndexEntry) -> IndexEntry:
        file = ModelFile(Path(entry.path), entry.file, problem=entry.problem)
        fresh = describe_file(entry.kind, file, self._beside(entry), self.read_embedding)
        self.index.put([fresh])
        return fresh

    def _described_if_there(self, kind: str, changed: Collection[tuple[ModelFile, Sidecars]]) -> list[IndexEntry]:
        entries = []
        for file, found in changed:
            entry = outcome(describe_file, kind, file, found, self.read_embedding)
            if isinstance(entry, OSError):      # it was removed meanwhile
                continue
            if isinstance(entry, Exception):
                log.error("%s could not be looked at", file.name, exc_info=entry)
                problem = f"{file.name} could not be looked at ({type(entry).__name__})."
                broken = replace(file, problem=problem), replace(found, files={})
                entry = describe_file(kind, *broken, self.read_embedding)
            entries.append(entry)
        return entries


def names_in(folder: Path) -> frozenset[str]:
    with os.scandir(folder) as entries:
        return frozenset(entry.name for entry in entries)
