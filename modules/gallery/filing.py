"""Pictures' files moved, renamed, put in the trash and brought back: the files first, then the index."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from modules.base.border import outcome
from modules.base.errors import Conflict, Forbidden, Invalid, WebUIError
from modules.base.files import discard, inside, make_folder, moved_to_free_name, sync_folder, write_error
from modules.gallery.gallery import Gallery
from modules.gallery.index import FoundFile, PictureRow, Root
from modules.gallery.schema import HERE, TRASHED
from modules.imaging.filename import folder_names

TRASH_FOLDER = ".trash"      # in each root, hidden: a scan does not look into it
MOST_TRIED_NAMES = 10_000

Problem = tuple[int, str]      # a picture and what kept it where it is
# called with a job, the place of a picture among its outputs, and the file's new path
OnMoved = Callable[[str, int, Path], object]


@dataclass
class Filed:
    """What came of a request for several pictures."""

    changed: int = 0
    problems: list[Problem] = field(default_factory=list)


class Filing:
    """Changes of where files are. A picture that cannot be changed is a problem of its own, and stops no other."""

    def __init__(self, gallery: Gallery, on_moved: OnMoved) -> None:
        self.gallery, self.on_moved = gallery, on_moved

    def move(self, rows: Sequence[PictureRow], where: str) -> Filed:
        """Move pictures to a folder, which is made if missing. Raises Forbidden or Invalid.

        where: `<root>/<path>`, or a path below the account's outputs
        """
        root, folder = self.folder_named(where)
        return self._each(rows, lambda row: self._to_place(row, root, folder, row.name))

    def rename(self, rows: Sequence[PictureRow], names: Mapping[int, str]) -> Filed:
        """Give pictures other names, in their folders; names: id → name with ending, as `new_names` has them."""
        return self._each(rows, lambda row: self._to_place(row, self._root(row), row.folder, names[row.id]))

    def trash(self, rows: Sequence[PictureRow]) -> Filed:
        return self._each(rows, self._to_trash)

    def restore(self, rows: Sequence[PictureRow]) -> Filed:
        """Bring pictures back from the trash to where they were; beside what has taken their name since."""
        return self._each(rows, self._from_trash)

    def empty_trash(self) -> int:
        """Delete all files in the trash for good; return their number."""
        index = self.gallery.index
        found = index.rows([number for (number,) in index.read("SELECT id FROM pictures WHERE state = ?", (TRASHED,))])
        return self._each(found, self._delete).changed

    def folder_named(self, where: str) -> tuple[Root, str]:
        """Return root and folder of a destination, harmless. Raises Forbidden or Invalid."""
        index = self.gallery.index
        number, slash, path = where.partition("/")
        root = next((each for each in index.roots() if slash and str(each.id) == number), None)
        root, path = (root, path) if root else (self.gallery.outputs, where)
        parts = folder_names(path)
        if len(parts) != len([part for part in path.replace("\\", "/").split("/") if part.strip(" .")]):
            raise Invalid(f"{where!r:.200} is no folder's name.", "Write a path such as keep/foxes.", "folder")
        check_writable(root)
        folder = "/".join(parts)
        inside(Path(root.path), folder)
        return root, folder

    def _root(self, row: PictureRow) -> Root:
        return self.gallery.index.root(row.root)

    def _each(self, rows: Iterable[PictureRow], do: Callable[[PictureRow], object]) -> Filed:
        filed = Filed()
        for row in rows:
            problem = outcome(do, row)
            if isinstance(problem, Exception):
                said = str(problem) if isinstance(problem, WebUIError) else "The file could not be moved."
                filed.problems.append((row.id, f"{row.name}: {said}"))
            else:
                filed.changed += 1
        self.gallery.tell()
        return filed

    def _to_place(self, row: PictureRow, root: Root, folder: str, name: str) -> None:
        if row.state != HERE:
            raise Conflict("It is in the trash.", "Bring it back first.")
        check_writable(self._root(row))
        if (root.id, folder, name) == (row.root, row.folder, row.name):
            return
        source = self.gallery.path_of(row)
        path = move_file(source, free_names(Path(root.path, folder), name))
        self._took_place(row, root, folder, path)

    def _took_place(self, row: PictureRow, root: Root, folder: str, path: Path) -> None:
        about = path.stat()
        found = FoundFile(folder, path.name, about.st_size, about.st_mtime_ns)
        self.gallery.index.relocate({row.id: (root.id, found)})
        if row.job:
            self.on_moved(row.job, row.position, path)

    def _to_trash(self, row: PictureRow) -> None:
        if row.state == TRASHED:
            return
        root = self._root(row)
        check_writable(root)
        source = self.gallery.path_of(row)
        path = move_file(source, free_names(Path(root.path, TRASH_FOLDER), f"{row.id}-{row.name}"))
        self.gallery.index.put_in_trash(row.id, TRASH_FOLDER, path.name, row.place)

    def _from_trash(self, row: PictureRow) -> None:
        if row.state != TRASHED:
            return
        root, (folder, _, name) = self._root(row), row.origin.rpartition("/")
        path = move_file(self.gallery.path_of(row), free_names(inside(Path(root.path), folder), name))
        self._took_place(row, root, folder, path)

    def _delete(self, row: PictureRow) -> None:
        path = Path(self._root(row).path, row.folder, row.name)
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise write_error(path, error) from error
        discard(path.with_suffix(".txt"))
        self.gallery.index.forget([row.id])


def check_writable(root: Root) -> None:
    """Raise Forbidden for a folder that is read only."""
    if root.read_only:
        raise Forbidden("That folder is read only here.", "Whoever added it can add it again without that mark.")


def free_names(folder: Path, name: str) -> Iterator[Path]:
    """Yield the paths that a file may get in a folder: its name, then with -1 and so on."""
    stem, dot, ending = name.rpartition(".")
    for number in count():
        if number > MOST_TRIED_NAMES:
            raise Conflict("There are too many files of that name.", "Choose another name.")
        yield folder / (f"{stem}-{number}{dot}{ending}" if number else name)


def move_file(source: Path, names: Iterator[Path]) -> Path:
    """Move a file to the first free name, which replaces nothing, with the text beside it; return its path.

    A kill leaves it in one of both places, or in both. Raises DiskFull or Unwritable.
    """
    path = next(names)
    make_folder(path.parent)
    try:
        if source.stat().st_dev != path.parent.stat().st_dev:
            return moved_to_other_disk(source, path, names)
        while not moved_to_free_name(source, path):
            path = next(names)
        source.unlink(missing_ok=True)
        sync_folder(path.parent)
    except OSError as error:
        raise write_error(path, error) from error
    move_text(source, path)
    return path


def moved_to_other_disk(source: Path, path: Path, names: Iterator[Path]) -> Path:
    """Copy a file with its times, then delete the first one. Raises OSError."""
    while os.path.lexists(path):
        path = next(names)
    aside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        shutil.copy2(source, aside)
        while not moved_to_free_name(aside, path):
            path = next(names)
    finally:
        discard(aside)
    sync_folder(path.parent)
    source.unlink()
    move_text(source, path)
    return path


def move_text(source: Path, path: Path) -> None:
    """Move the text beside a picture along with it, unless there is one already."""
    with contextlib.suppress(OSError):
        beside = source.with_suffix(".txt")
        if beside.is_file() and moved_to_free_name(beside, path.with_suffix(".txt")):
            beside.unlink(missing_ok=True)
