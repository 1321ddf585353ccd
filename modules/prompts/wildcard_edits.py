"""Files of wildcards changed: listed, read, written, renamed and moved to the trash, within limits."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path, PurePosixPath
from threading import Lock

import yaml

from modules.base.accounts import WINDOWS_DEVICES
from modules.base.errors import Conflict, Forbidden, Invalid, NotFound
from modules.base.files import write_atomically
from modules.prompts.wildcard_files import STRUCTURED, WildcardFiles, file_stamp, files_below, structured_lists

LARGEST_EDITED = 512 * 2**10      # bytes of a file
MOST_OWN_FILES = 5_000            # of a folder
DEEPEST_WILDCARD = 8
LONGEST_FILE_PATH = 200           # characters
FORBIDDEN_LETTERS = frozenset('<>:"|?*\\$')
WILDCARD_TRASH = ".trash"          # below a folder


@dataclass(frozen=True)
class WildcardFolder:
    """A folder of wildcards, as the caller may use it."""

    name: str
    path: Path
    editable: bool


@dataclass(frozen=True)
class WildcardFile:
    """A file of wildcards. path: below its folder; names: what prompts call its lists"""

    folder: WildcardFolder
    path: str
    size: int
    names: tuple[str, ...]


@dataclass(frozen=True)
class WildcardEditor:
    """Files of wildcards as one account may change them.

    folders: by rising precedence; lock: held while a file is changed, the same for all accounts
    """

    files: WildcardFiles
    folders: tuple[WildcardFolder, ...]
    lock: Lock

    def found(self, search: str) -> Iterator[WildcardFile]:
        """Yield the files whose path or names contain all the words, those that count most first."""
        words = search.lower().split()
        for folder in reversed(self.folders):
            for path in files_below(folder.path):
                names = tuple(name for name, _ in self.files.named(folder.path, path))
                inner = path.relative_to(folder.path).as_posix()
                if all(word in " ".join((inner, *names)).lower() for word in words):
                    yield WildcardFile(folder, inner, path.stat().st_size, names)

    def read(self, folder: str, path: str) -> tuple[str, str]:
        """Return a file's text, and its revision. Raises NotFound or Invalid."""
        found = self._file(self._folder(folder), path)
        if found.stat().st_size > LARGEST_EDITED:
            raise Invalid(f"{found.name} is too large to be edited here.", "Change it with an editor of your own.")
        return found.read_text(encoding="utf-8-sig", errors="replace"), file_revision(found)

    def write(self, folder: str, path: str, text: str, revision: str) -> str:
        """Write a file and return its revision.

        revision: as the file was read; "" is for a new file
        Raises Invalid, Forbidden, Conflict, DiskFull or Unwritable.
        """
        root = self._changed(folder)
        check_wildcards(path, text)
        with self.lock:
            target = root.path / checked_path(path)
            if file_revision(target) != revision:
                known = "has changed since it was opened" if revision else "is there already"
                raise Conflict(f"{path:.100} {known}.", "Open it anew, or save under another name.")
            if not revision and sum(1 for _ in files_below(root.path)) >= MOST_OWN_FILES:
                raise Invalid(f"There are {MOST_OWN_FILES:,} files of wildcards.", "Delete some first.", "path")
            write_atomically(target, text.encode())
            return file_revision(target)

    def rename(self, folder: str, path: str, to: str) -> None:
        """Give a file another name in its folder. Raises NotFound, Invalid, Forbidden or Conflict."""
        root = self._changed(folder)
        with self.lock:
            source, target = self._file(root, path), root.path / checked_path(to)
            if source.suffix != target.suffix:
                raise Invalid("The ending tells how a file is read.", f"Keep {source.suffix}.", "to")
            if target.exists():
                raise Conflict(f"{to:.100} is there already.", "Choose another name.")
            target.parent.mkdir(parents=True, exist_ok=True)
            source.rename(target)

    def delete(self, folder: str, path: str) -> None:
        """Move a file to the folder's trash, whose name begins with a dot, so that nothing looks into it.

        Raises NotFound or Forbidden.
        """
        root = self._changed(folder)
        with self.lock:
            file, place = self._file(root, path), trash_place(root.path, PurePosixPath(path))
            place.parent.mkdir(parents=True, exist_ok=True)
            file.rename(place)

    def _folder(self, name: str) -> WildcardFolder:
        for folder in self.folders:
            if folder.name == name:
                return folder
        raise NotFound(f"There is no folder of wildcards called {name!r:.100}.", "GET /easel/v1/wildcards lists them.")

    def _changed(self, name: str) -> WildcardFolder:
        folder = self._folder(name)
        if not folder.editable:
            raise Forbidden("These wildcards are for everybody on this server.",
                            "An administrator can change them. A file of your own with the same name counts before it.")
        return folder

    def _file(self, folder: WildcardFolder, path: str) -> Path:
        """Return a file by its path, which is compared with those there are. Raises NotFound."""
        for found in files_below(folder.path):
            if found.relative_to(folder.path).as_posix() == path:
                return found
        raise NotFound(f"There is no file of wildcards {path!r:.100}.", "It may have been renamed.")


def trash_place(folder: Path, path: PurePosixPath) -> Path:
    """Return a free place in the trash of a folder."""
    names = (f"{path.stem}{f'-{number}' if number else ''}{path.suffix}" for number in count())
    places = (folder / WILDCARD_TRASH / path.with_name(name) for name in names)
    return next(place for place in places if not place.exists())


def file_revision(path: Path) -> str:
    """Return a text that changes with the file; "" if there is none."""
    stamp = file_stamp(path)
    return "-".join(f"{part:x}" for part in stamp) if stamp else ""


def checked_path(path: str) -> PurePosixPath:
    """Return a path below a folder that is one on every system. Raises Invalid."""
    parts = path.split("/")
    if not all(map(is_plain_part, parts)) or len(parts) > DEEPEST_WILDCARD or len(path) > LONGEST_FILE_PATH:
        raise Invalid(
            f"{path!r:.100} cannot be a file's name.", "Write letters, digits, spaces and / for folders.", "path"
        )
    if PurePosixPath(path).suffix not in (".txt", *STRUCTURED):
        raise Invalid(f"{path!r:.100} has no known ending.", f"Endings are .txt, {', '.join(STRUCTURED)}.", "path")
    return PurePosixPath(path)


def is_plain_part(part: str) -> bool:
    """Return whether a part of a path means just itself on every system."""
    plain = bool(part) and part.strip(" .") == part and part.isprintable() and part[0] != "~"
    return plain and not FORBIDDEN_LETTERS & set(part) and part.partition(".")[0].casefold() not in WINDOWS_DEVICES


def check_wildcards(path: str, text: str) -> None:
    """Check that a text can be read as its file's ending says. Raises Invalid."""
    if len(text.encode()) > LARGEST_EDITED:
        raise Invalid(f"The file would have more than {LARGEST_EDITED >> 10} kB.", "Divide it into several.", "text")
    ending = PurePosixPath(path).suffix
    if ending not in STRUCTURED:
        return
    try:
        found = list(structured_lists(json.loads(text) if ending == ".json" else yaml.safe_load(text)))
    except (ValueError, yaml.YAMLError, RecursionError) as error:
        what = f"The text is no {ending[1:].upper()}: {str(error):.300}"
        raise Invalid(what, "Mend it and save again.", "text") from error
    if not found:
        raise Invalid("There is no list in the text.", "Write lists of texts under names.", "text")
