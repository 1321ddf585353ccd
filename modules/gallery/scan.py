"""The scan: what lies in a folder is compared with the index, and only what has changed is read."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from stat import S_ISREG

from modules.gallery.facts import PICTURE_ENDINGS, PictureFacts, read_picture_facts
from modules.gallery.index import FoundFile, KnownFile, PictureIndex, Root
from modules.gallery.schema import HERE

PUT_AT_ONCE = 200            # files in a transaction: whatever else is to be written waits meanwhile
MOST_PICTURES = 1_000_000      # of one folder with all below it
SMALL_COPIES = frozenset({"thumbnails"})      # folders of other programs with a copy of each picture
DEEPEST_FOLDER = 40                 # levels of folders
Told = Callable[[list[FoundFile]], object]      # called with files that have been read
IsStopping = Callable[[], bool]


def tell_nobody(files: list[FoundFile]) -> None:
    """Tell nobody how far a scan is."""


def not_stopping() -> bool:
    """Return False: nobody stops a scan."""
    return False


@dataclass
class Changes:
    """The differences between a folder and its index."""

    new: list[FoundFile] = field(default_factory=list)          # changed ones too
    gone: list[KnownFile] = field(default_factory=list)         # their files may turn up elsewhere


def root_changes(index: PictureIndex, root: Root, skipped: Collection[str] = ()) -> Changes:
    """Return how a folder differs from its index.

    skipped: folders at its top that belong to somebody else
    A folder that is not there, such as on a disk that is not plugged in, has no changes.
    """
    if not Path(root.path).is_dir():
        return Changes()
    return changes_of(index.known_files(root.id), found_files(Path(root.path), skipped))


def folder_changes(index: PictureIndex, root: Root, folders: Collection[str]) -> Changes:
    """Return how some folders below a root differ from the index, each without those below it."""
    changes = Changes()
    for folder in folders:
        some = changes_of(index.known_files(root.id, folder), files_in(Path(root.path, folder), folder))
        changes.new += some.new
        changes.gone += some.gone
    return changes


def changes_of(known: dict[tuple[str, str], KnownFile], found: Iterator[FoundFile]) -> Changes:
    """Compare what is known of a folder with what there is: by size and modification time."""
    changes = Changes()
    for file in found:
        about = known.pop(file[:2], None)
        if about is None or about[:4] != file or about[5] != HERE:
            changes.new.append(file)
    changes.gone = [each for each in known.values() if each[5] == HERE]
    return changes


def read_changes(
    index: PictureIndex, root: Root, new: list[FoundFile], told: Told = tell_nobody, stopping: IsStopping = not_stopping
) -> None:
    """Read changed files into the index, the newest first, since they are looked at first."""
    new.sort(key=lambda file: -file.modified)
    for start in range(0, len(new), PUT_AT_ONCE):
        if stopping():
            return
        some = new[start : start + PUT_AT_ONCE]
        put_files(index, root, [(file, read_picture_facts(Path(root.path, file.place))) for file in some])
        told(some)


def put_files(index: PictureIndex, root: Root, files: list[tuple[FoundFile, PictureFacts]]) -> None:
    """Add files to the index; where one has the content of a file that is gone, it is that one, moved."""
    lost = index.lost_with({facts.digest for _, facts in files if not facts.broken})
    moves = {}
    for file, facts in files:
        if facts.digest in lost and not index.at_place(root.id, file.folder, file.name):
            moves[lost.pop(facts.digest)] = root.id, file
    if moves:
        index.relocate(moves)
    index.put(root.id, files)


def found_files(root: Path, skipped: Collection[str] = ()) -> Iterator[FoundFile]:
    """Yield the pictures' files below a folder; hidden ones are left out, and links are not followed."""
    waiting, count = [("", 0)], 0
    while waiting:
        folder, depth = waiting.pop()
        for entry in entries_of(root / folder):
            if entry.is_dir(follow_symlinks=False):
                if depth < DEEPEST_FOLDER and entry.name not in SMALL_COPIES and (folder or entry.name not in skipped):
                    waiting.append((f"{folder}/{entry.name}" if folder else entry.name, depth + 1))
            elif (found := file_of_entry(entry, folder)) is not None:
                count += 1
                if count > MOST_PICTURES:
                    return
                yield found


def files_in(path: Path, folder: str) -> Iterator[FoundFile]:
    """Yield the pictures' files of one folder, without those below it."""
    for entry in entries_of(path):
        if (found := file_of_entry(entry, folder)) is not None:
            yield found


def entries_of(path: Path) -> list[os.DirEntry[str]]:
    """Return what is in a folder, without hidden things; nothing of one that cannot be read."""
    try:
        with os.scandir(path) as entries:
            return [entry for entry in entries if not entry.name.startswith(".")]
    except OSError:
        return []


def file_of_entry(entry: os.DirEntry[str], folder: str) -> FoundFile | None:
    """Return a picture's file by its ending, or None; its name must be one that can be stored and sent."""
    if entry.name.rpartition(".")[2].lower() not in PICTURE_ENDINGS:
        return None
    try:
        entry.name.encode()
        about = entry.stat(follow_symlinks=False)
        return FoundFile(folder, entry.name, about.st_size, about.st_mtime_ns) if S_ISREG(about.st_mode) else None
    except (OSError, UnicodeEncodeError):
        return None
