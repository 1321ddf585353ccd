"""Files written whole or not at all, and checked paths."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import io
import os
import re
import uuid
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

from modules.base.errors import DiskFull, Forbidden, Invalid, Unwritable, WebUIError

WITHOUT_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)      # errors of disks without links

UNFINISHED = re.compile(r"\.[0-9a-f]{32}\.tmp")      # names of unfinished files
MOST_FILES_KEPT = 256      # files that a reader keeps
Content = TypeVar("Content")
NoteName = Callable[[Path, Path], None]      # called with a whole file, and the name that it is about to get


def kept_while_unchanged(read: Callable[[Path], Content]) -> Callable[[Path], Content]:
    """Return a reader of the same files that reads one again only once its time or size has changed.

    Raises OSError for a file that is not there.
    """
    @lru_cache(maxsize=MOST_FILES_KEPT)
    def kept(path: Path, modified: int, size: int) -> Content:
        return read(path)

    def read_now(path: Path) -> Content:
        now = path.stat()
        return kept(path, now.st_mtime_ns, now.st_size)

    return read_now


def no_note(whole: Path, path: Path) -> None:
    """Note nothing: nobody asks for the name after a kill."""


def write_atomically(path: Path, content: bytes, note: NoteName = no_note) -> None:
    """Write `content` so that `path` holds the old bytes or the new ones, never a part; durable when it returns.

    The folder is made if missing, and permissions are those of any new file. note: called before the file gets its name
    Raises DiskFull or Unwritable.
    """
    temporary = written_aside(path, content)
    try:
        note(temporary, path)
        temporary.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        raise write_error(path, error) from error
    finally:
        discard(temporary)


def write_new(paths: Iterable[Path], content: bytes, note: NoteName = no_note) -> Path:
    """Write `content` to the first free one of `paths`, whole or not at all; durable when it returns.

    Parallel processes each get a file of their own. paths: all in one folder, as many as it takes
    note: called before each attempt
    Raises DiskFull or Unwritable.
    """
    names = iter(paths)
    path = next(names)
    temporary = written_aside(path, content)
    try:
        note(temporary, path)
        while not moved_to_free_name(temporary, path):
            path = next(names)
            note(temporary, path)
        sync_folder(path.parent)
        return path
    except OSError as error:
        raise write_error(path, error) from error
    finally:
        discard(temporary)


@dataclass(frozen=True)
class NewFile:
    """A large file while it is written: invisible before it is whole, and replacing no other file.

    path: its final name; aside: its name until then, and a second name of it until the job's end is recorded
    """

    path: Path
    aside: Path

    @property
    def is_whole(self) -> bool:
        """True if an earlier run has written it, and was killed before that was recorded."""
        try:
            return self.path.samefile(self.aside)
        except OSError:
            return False

    def write(self, parts: Iterable[bytes | memoryview]) -> None:
        """Write all parts, unless the file is whole already.

        Raises DiskFull, Unwritable, or Invalid if there is such a file by now.
        """
        if self.is_whole:
            return
        try:
            # not overwritten: it may be a second name of a file that was renamed
            self.aside.unlink(missing_ok=True)
            write_synced(self.aside, parts)
            if not moved_to_free_name(self.aside, self.path):
                raise Invalid(f"There is a file called {self.path.name} already.", "Choose another name.", field="name")
            sync_folder(self.path.parent)
        except OSError as error:
            raise write_error(self.path, error) from error


class ReplacingFile(NewFile):
    """A large file while it is written, which then takes the place of one of its name."""

    def write(self, parts: Iterable[bytes | memoryview]) -> None:
        """Write all parts. Raises DiskFull or Unwritable."""
        try:
            self.aside.unlink(missing_ok=True)
            write_synced(self.aside, parts)
            self.aside.replace(self.path)
            sync_folder(self.path.parent)
        except OSError as error:
            raise write_error(self.path, error) from error


@contextlib.contextmanager
def new_file(path: Path, writer: str, kind: type[NewFile] = NewFile) -> Iterator[NewFile]:
    """A new file.

    writer: the writer's name, the same in each run, so that a killed run's half-written file is found and deleted
    """
    new = kind(path, path.with_name(f".{hashlib.sha256(writer.encode()).hexdigest()[:32]}.tmp"))
    try:
        yield new
    finally:
        discard(new.aside)


def append_whole(path: Path, content: bytes, header: bytes) -> None:
    """Append `content` to a file in an existing folder, whole or not at all; a new file begins with `header`.

    Calls must not overlap. Raises DiskFull or Unwritable.
    """
    try:
        with open(path, "ab", buffering=0) as file:
            end = file.tell()
            try:
                write_all(file, content if end else header + content)
            except OSError:
                file.truncate(end)
                raise
    except OSError as error:
        raise write_error(path, error) from error


def write_all(file: io.FileIO, content: bytes) -> None:
    """Write all bytes. Raises OSError, also if only a part fits."""
    if file.write(content) < len(content):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    os.fsync(file.fileno())


def written_aside(path: Path, content: bytes) -> Path:
    """Write a synced file beside `path`, under a random name.

    Raises DiskFull or Unwritable.
    """
    temporary = path.with_name(f".{uuid.uuid4().hex}.tmp")
    with contextlib.ExitStack() as undo:
        undo.callback(discard, temporary)
        try:
            write_synced(temporary, [content])
        except OSError as error:
            raise write_error(path, error) from error
        undo.pop_all()
    return temporary


def write_synced(path: Path, parts: Iterable[bytes | memoryview]) -> None:
    """Write a new synced file; its folder is made. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "xb") as file:
        for part in parts:
            file.write(part)
        file.flush()
        os.fsync(file.fileno())


def moved_to_free_name(source: Path, path: Path) -> bool:
    """Rename a whole file, unless the name is taken; checking and renaming are one step."""
    try:
        if os.name == "nt":
            source.rename(path)      # never replaces another file there
        else:
            path.hardlink_to(source)
        return True
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno not in WITHOUT_LINKS:
            raise
    return moved_over_claim(source, path)


def moved_over_claim(source: Path, path: Path) -> bool:
    """Rename on a disk without links (FAT, some network drives): an empty file takes the name first."""
    try:
        path.open("xb").close()
    except FileExistsError:
        return False
    with contextlib.ExitStack() as undo:
        undo.callback(path.unlink, missing_ok=True)
        source.replace(path)
        undo.pop_all()
    return True


def discard(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink()


def clear_unfinished(folder: Path, before: float, below: bool = True) -> int:
    """Delete unfinished files in `folder`, and `below` it; return their number.

    before: files last written before this time, in seconds since 1970
    Links are not followed, and files that cannot be deleted stay.
    """
    cleared = 0
    for at, folders, names in os.walk(folder):
        for path in (Path(at, name) for name in names if UNFINISHED.fullmatch(name)):
            with contextlib.suppress(OSError):
                if path.lstat().st_mtime < before:
                    path.unlink()
                    cleared += 1
        if not below:
            folders.clear()
    return cleared


def clear_old(folder: Path, endings: Collection[str], before: float, keep: Collection[str] = ()) -> int:
    """Delete old files of these endings in `folder`, unless named in `keep`; return their number.

    before: files last written before this time, in seconds since 1970
    """
    cleared = 0
    with contextlib.suppress(OSError):
        for path in folder.iterdir():
            with contextlib.suppress(OSError):
                if path.suffix[1:] in endings and path.name not in keep and path.lstat().st_mtime < before:
                    path.unlink()
                    cleared += 1
    return cleared


def make_folder(folder: Path) -> None:
    """Make a folder and those above it, if missing. Raises DiskFull or Unwritable."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise write_error(folder, error) from error


def write_error(path: Path, error: OSError) -> WebUIError:
    """Return why a file could not be written, without naming the folders above it."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DiskFull(f"No space left to write {path.name}.", f"Free some space in {path.parent.name}/.")
    return Unwritable(
        f"{path.name} could not be written: {error.strerror}.", f"Check who may write to {path.parent.name}/."
    )


def sync_folder(folder: Path) -> None:
    """Make a rename inside `folder` durable, where the platform can sync a folder."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def stays_below(path: str) -> bool:
    """Return whether a path leads only downwards, on any system: not from the root or a drive, not upwards."""
    if not path.isprintable() or path.startswith(("/", "\\")) or path[1:2] == ":":
        return False
    return ".." not in (part.strip() for part in path.replace("\\", "/").split("/"))


def inside(root: Path, path: str | Path) -> Path:
    """Return `path` under `root`, both resolved. Raises Forbidden if it leads out."""
    if "\0" in str(path) or not (resolved := (root / path).resolve()).is_relative_to(root.resolve()):
        raise Forbidden("That path is outside the folders Easel may use.")
    return resolved
