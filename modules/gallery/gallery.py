"""One account's picture library: its index, kept in step with the files, its search and its thumbnails."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from modules.base.border import logged, outcome
from modules.base.errors import NotFound, WebUIError
from modules.gallery.facts import PICTURE_ENDINGS, read_picture_facts
from modules.gallery.index import FoundFile, PictureIndex, PictureRow, Root
from modules.gallery.looks import SAME, Looks
from modules.gallery.marks import PictureMarks
from modules.gallery.scan import SMALL_COPIES, Changes, folder_changes, put_files, read_changes, root_changes
from modules.gallery.schema import HERE
from modules.gallery.search import PictureSearch
from modules.gallery.thumbnails import Thumbnails, looks_of
from modules.gallery.watching import watch_library
from modules.imaging.read import open_image
from modules.imaging.thumbnail import content_thumbnail
from modules.metadata.formats import picture_digest

FORGOTTEN_AFTER = 90 * 24 * 3600.0      # seconds after which a picture that is gone and not marked is forgotten


@dataclass(frozen=True, slots=True)
class JobOrigin:
    """The job that made a picture, and the data that it wrote."""

    job: str
    position: int
    infotext: str


# paths → the jobs that made them, of those that a job made
OriginsOf = Callable[[Collection[str]], Mapping[str, JobOrigin]]


def no_origins(paths: Collection[str]) -> Mapping[str, JobOrigin]:
    """Return nothing: there are no jobs."""
    return {}


@dataclass
class Indexing:
    """How far a scan is; total 0: nothing is being read."""

    done: int = 0
    total: int = 0


class Gallery:
    """An account's library. Any thread may use it; scans run one at a time."""

    def __init__(
        self,
        database: Path,
        outputs: Path,
        thumbnails: Thumbnails,
        origins: OriginsOf = no_origins,
        foreign: Callable[[], Collection[str]] = tuple,
    ) -> None:
        """origins: which jobs made pictures; foreign: folders at the top of the outputs that are other accounts'"""
        self.index = PictureIndex(database)
        self.marks = PictureMarks(self.index)
        self.search, self.thumbnails, self.origins, self.foreign = (
            PictureSearch(self.index), thumbnails, origins, foreign
        )
        self.outputs = self.index.add_root(outputs.resolve(), read_only=False, own=True)
        self.looks = Looks(self.index, self.thumbnail, self.wait_stopping)
        self.indexing = Indexing()
        self.watchers: list[Callable[[], object]] = []
        self._scanning, self._scanned, self._stopping = threading.Lock(), threading.Event(), threading.Event()
        self._beginning, self._begun = threading.Lock(), False

    # Keeping in step -------------------------------------------------------------------------------

    def begin(self) -> None:
        """Start the first scan and the watching in the background, once."""
        with self._beginning:
            if self._begun:
                return
            self._begun = True
        threading.Thread(target=self._follow, name="picture library", daemon=True).start()

    def _follow(self) -> None:
        self._scan_logged()
        logged(watch_library, self, self._stopping, failure="The picture folders are no longer watched")

    def roots_there(self) -> list[Root]:
        """Return the folders that can be looked into now."""
        return [root for root in self.index.roots() if Path(root.path).is_dir()]

    def refresh(self) -> None:
        """Start a scan of all folders in the background."""
        threading.Thread(target=self._scan_logged, name="picture library", daemon=True).start()

    def stop(self) -> None:
        self._stopping.set()

    def wait_stopping(self, seconds: float) -> bool:
        """Wait a while; return whether the library is to end its work."""
        return self._stopping.wait(seconds)

    def wait(self, seconds: float) -> bool:
        """Wait for the first scan; return whether it has ended."""
        return self._scanned.wait(seconds)

    def _scan_logged(self) -> None:
        logged(self.scan, failure="The picture library could not be brought up to date")
        self._scanned.set()
        self.tell()

    def scan(self) -> int:
        """Bring the index in step with all folders; return the number of files that were read.

        What has gone is recorded first, of all folders, so that what turns up elsewhere is known again.
        """
        with self._scanning:
            changes = {
                root: root_changes(self.index, root, self.foreign() if root.own else ())
                for root in self.index.roots()
            }
            read = self._take(changes)
            self.index.forget_missing(time.time() - FORGOTTEN_AFTER)
            return read

    def scan_changed(self, folders: Mapping[int, set[str]]) -> int:
        """Bring the index in step with some folders of each root; each without those below it."""
        with self._scanning:
            roots = {root.id: root for root in self.index.roots()}
            return self._take({
                roots[number]: folder_changes(self.index, roots[number], self._own_folders(roots[number], some))
                for number, some in folders.items() if number in roots
            })

    def _own_folders(self, root: Root, folders: Collection[str]) -> list[str]:
        """Return the folders of those that a whole scan would look into."""
        foreign = self.foreign() if root.own else ()
        parts = {folder: folder.split("/") for folder in folders}
        return [each for each, names in parts.items() if names[0] not in foreign and not SMALL_COPIES & set(names)]

    def _take(self, changes: Mapping[Root, Changes]) -> int:
        gone = [each for some in changes.values() for each in some.gone]
        if gone:
            self.index.missing(gone)
        self.indexing = Indexing(0, sum(len(some.new) for some in changes.values()))
        try:
            for root, some in changes.items():
                read_changes(self.index, root, some.new, self._told(root), self._stopping.is_set)
            return self.indexing.done
        finally:
            self.indexing = Indexing()
            self.tell()

    def _told(self, root: Root) -> Callable[[list[FoundFile]], None]:
        """Return a function that takes note of files that were read: which jobs made them, and how far the scan is."""

        def told(files: list[FoundFile]) -> None:
            self.indexing.done += len(files)
            if root.own:
                self._note_origins(root, files)
            self.tell()

        return told

    def _note_origins(self, root: Root, files: list[FoundFile]) -> None:
        places = {str(Path(root.path, file.place)): file for file in files}
        found = self.origins(places.keys())
        if found:
            self.index.record_jobs(root.id, [
                ((places[path].folder, places[path].name), (origin.job, origin.position), origin.infotext)
                for path, origin in found.items()
            ])

    def record(self, path: Path, origin: JobOrigin | None = None) -> int | None:
        """Add one file of the account's outputs at once; return its picture's id, None if it is none of them."""
        file = self._file_at(path)
        if file is None:
            return None
        put_files(self.index, self.outputs, [(file, read_picture_facts(path))])
        if origin:
            made = origin.job, origin.position
            self.index.record_job(self.outputs.id, (file.folder, file.name), made, origin.infotext)
        row = self.index.at_place(self.outputs.id, file.folder, file.name)
        self.tell()
        return row.id if row else None

    def edited(self, path: Path) -> None:
        """Read a file again whose data its owner has changed: from now on they are what was recorded."""
        for root in self.index.roots():
            if file := self._file_at(path, root):
                put_files(self.index, root, [(file, read_picture_facts(path))])
                if row := self.index.at_place(root.id, file.folder, file.name):
                    self.index.accept_data([row.id])
                self.tell()

    def matches(self, content: bytes) -> list[tuple[PictureRow, str]]:
        """Return pictures that are the same as a file's, best first, and how: `pixels` or `looks`. Raises InvalidImage.

        For a file that has lost its data, such as in an image editor.
        """
        digest = outcome(picture_digest, content)
        equal = [] if isinstance(digest, Exception) else self.index.with_digest(digest)
        image = open_image(content)
        near = self.looks.nearest(looks_of(content_thumbnail(content)), SAME, image.width / max(image.height, 1))
        self.looks.begin()
        others = self.index.rows([number for number, _ in near if number not in {row.id for row in equal}])
        return [*((row, "pixels") for row in equal), *((row, "looks") for row in others)]

    def _file_at(self, path: Path, root: Root | None = None) -> FoundFile | None:
        place = outcome(path.resolve().relative_to, (root or self.outputs).path)
        if isinstance(place, Exception) or path.suffix[1:].lower() not in PICTURE_ENDINGS:
            return None
        if any(part.startswith(".") for part in place.parts):
            return None
        about = path.stat()
        folder = "" if place.parent == Path() else place.parent.as_posix()
        return FoundFile(folder, place.name, about.st_size, about.st_mtime_ns)

    # Files -----------------------------------------------------------------------------------------

    def path_of(self, row: PictureRow) -> Path:
        """Return a picture's file. Raises NotFound if it is gone, or a link has taken its place."""
        return picture_path(self.index, row)

    def thumbnail(self, row: PictureRow) -> bytes:
        """Return a picture's thumbnail; a file that cannot be decoded is marked as broken. Raises InvalidImage."""
        path = self.path_of(row)
        content = outcome(self.thumbnails.of, path, row.digest)
        if isinstance(content, WebUIError) and not row.broken and row.state == HERE:
            self.index.mark_broken(row.id, str(content))
        if isinstance(content, Exception):
            raise content
        return content

    # Watching --------------------------------------------------------------------------------------

    def tell(self) -> None:
        """Tell all watchers that something has changed."""
        for tell in list(self.watchers):
            tell()

    def watch(self, tell: Callable[[], object]) -> Callable[[], None]:
        """Call `tell` after each change. Returns what stops that."""
        self.watchers.append(tell)
        return lambda: self.watchers.remove(tell)


def picture_path(index: PictureIndex, row: PictureRow) -> Path:
    """Return a picture's file. Raises NotFound if it is gone, or a link has taken its place."""
    root = Path(index.root(row.root).path)
    path = root / row.folder / row.name
    if not path.is_file() or not path.resolve().is_relative_to(root):
        raise NotFound(f"The file {row.name} is gone.", "Look for it anew with Refresh.")
    return path
