"""The files below a models' folder, links followed, and entries that cannot be read, with the reason. No torch."""

from __future__ import annotations

import errno
import os
import stat
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

MOST_FOLDERS_READ = 20_000      # a link may lead to a whole disk, which must not delay a list
MODEL_ENDINGS = (".safetensors", ".ckpt", ".pt", ".pth", ".bin", ".gguf", ".onnx")      # of any program's weights
NO_FILE = {
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFDIR: "a folder",
}

Identity = tuple[int, int]      # device and inode, which identify a folder


@dataclass(frozen=True, slots=True)
class FolderEntry:
    """A regular file, or an entry that is left out because of its `problem`."""

    path: Path
    name: str                               # relative to the folder searched, with `/`
    about: os.stat_result | None = None     # of a link's target
    problem: str = ""                       # a sentence; "" if it is a file
    folder: bool = False                    # it is a folder, or a link to one, as far as known

    def ends_like(self, endings: tuple[str, ...]) -> bool:
        return self.name.casefold().endswith(endings)


@dataclass(frozen=True, slots=True)
class Waiting:
    """A folder still to be read, and the folders above it."""

    path: str
    name: str
    above: frozenset[Identity]


def entries_below(root: Path) -> list[FolderEntry]:
    """Return all entries, sorted by folder and name in any case.

    Links are followed, as in A1111; a folder inside itself is not read again.
    """
    found: list[FolderEntry] = []
    waiting = deque([Waiting(str(root), "", frozenset(identities(root)))])
    for _ in range(MOST_FOLDERS_READ):
        if not waiting:
            break
        read_folder(waiting.popleft(), found, waiting)
    found += [
        skipped_entry(each.path, each.name, f"is left out: there are more than {MOST_FOLDERS_READ:,} folders", True)
        for each in waiting
    ]
    return sorted(found, key=place_in_list)


def read_folder(folder: Waiting, found: list[FolderEntry], waiting: deque[Waiting]) -> None:
    """Add a folder's files and left out entries to `found`, its folders to `waiting`."""
    try:
        with os.scandir(folder.path) as entries:
            listed = list(entries)
    except FileNotFoundError:
        return
    except OSError as error:
        found.append(skipped_entry(folder.path, folder.name or Path(folder.path).name, why_unreadable(error), True))
        return
    for entry in listed:
        name = f"{folder.name}/{entry.name}" if folder.name else entry.name
        if not is_unicode(name):
            found.append(
                skipped_entry(
                    entry.path,
                    name,
                    "has a name that is no Unicode text: rename it",
                    entry.is_dir(follow_symlinks=False),
                )
            )
        elif isinstance(each := looked_at(entry, name, folder.above), Waiting):
            waiting.append(each)
        elif each:
            found.append(each)


def looked_at(entry: os.DirEntry[str], name: str, above: frozenset[Identity]) -> FolderEntry | Waiting | None:
    """Return a file, an entry left out, or a folder to be read; None if it was removed."""
    try:
        about = entry.stat()
    except OSError as error:
        if error.errno == errno.ENOENT and not entry.is_symlink():
            return None
        return skipped_entry(entry.path, name, why_unreadable(error), not Path(name).suffix)
    if stat.S_ISREG(about.st_mode):
        return FolderEntry(Path(entry.path), name, about)
    if not stat.S_ISDIR(about.st_mode):
        return skipped_entry(entry.path, name, f"is {NO_FILE.get(stat.S_IFMT(about.st_mode), 'no file')}, not a file")
    identity = about.st_dev, about.st_ino
    if identity in above:
        return skipped_entry(entry.path, name, "leads back to a folder that it lies in", True)
    return Waiting(entry.path, name, above | {identity})


def skipped_entry(path: str, name: str, reason: str, folder: bool = False) -> FolderEntry:
    return FolderEntry(Path(spelt_out(path)), spelt_out(name), problem=f"{spelt_out(name)} {reason}.", folder=folder)


def why_unreadable(error: OSError) -> str:
    if error.errno == errno.ENOENT:
        return "is a link that leads nowhere"
    return "is a link that leads to itself" if error.errno == errno.ELOOP else f"cannot be read ({error.strerror})"


def identities(root: Path) -> Iterator[Identity]:
    try:
        about = root.stat()
        yield about.st_dev, about.st_ino
    except OSError:
        return


def place_in_list(entry: FolderEntry) -> tuple[list[str], str]:
    *folders, name = entry.name.casefold().split("/")
    return folders, name


def model_files(root: Path, endings: tuple[str, ...]) -> Iterator[FolderEntry]:
    """Yield the files with these endings in any case, and left out entries that might be or contain one."""
    for entry in entries_below(root):
        if entry.ends_like(endings) or (entry.problem and entry.folder):
            yield entry


def is_unicode(name: str) -> bool:
    """Return whether the name can be stored and sent over HTTP: a file's name may be any bytes."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def spelt_out(name: str) -> str:
    r"""Return the name with bytes that are not Unicode as `\xff`."""
    return name if is_unicode(name) else os.fsencode(name).decode("utf-8", "backslashreplace")
