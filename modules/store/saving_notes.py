"""Notes on files between getting their name and being recorded: a kill in between must not make a picture twice."""

from __future__ import annotations

import contextlib
import json
from hashlib import sha256
from pathlib import Path

from modules.base.files import NoteName

SAVING_FOLDER, NOTE_ENDING = "saving", "note"      # in the cache


class SavingNotes:
    """The notes, a small file each, which needs no sync: it is read after the death of a process, not of the machine.

    Whoever gives a file its name writes one; whoever has recorded the file deletes it.
    """

    def __init__(self, cache: Path) -> None:
        self.folder = cache / SAVING_FOLDER

    def writer(self, job: str, index: int) -> NoteName:
        """Return a function that notes the name; a note that cannot be written is left out."""

        def write(whole: Path, path: Path) -> None:
            with contextlib.suppress(OSError):
                self.folder.mkdir(parents=True, exist_ok=True)
                self._at(job, index).write_text(json.dumps({"path": str(path), "file": identity_of(whole)}), "utf-8")

        return write

    def earlier(self, job: str, index: int) -> Path | None:
        """Return the file that an earlier run has named and nobody has recorded; not another one of that name."""
        try:
            note = json.loads(self._at(job, index).read_text("utf-8"))
            path = Path(note["path"])
            return path if identity_of(path) == note["file"] else None
        except (OSError, ValueError, KeyError, TypeError):      # none, half written, or the name was never given
            return None

    def forget(self, job: str, index: int) -> None:
        with contextlib.suppress(OSError):
            self._at(job, index).unlink()

    def _at(self, job: str, index: int) -> Path:
        return self.folder / f"{sha256(job.encode()).hexdigest()[:32]}-{index}.{NOTE_ENDING}"


def identity_of(path: Path) -> list[int]:
    """Return what a file keeps when it is renamed, and no other file has: device, inode, size, time. Raises OSError."""
    about = path.stat()
    return [about.st_dev, about.st_ino, about.st_size, about.st_mtime_ns]
