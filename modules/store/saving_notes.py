"""Notes on files between getting their name and being recorded.

A kill in between must neither make a picture twice nor leave a file that no record names.
"""

from __future__ import annotations

import contextlib
import json
from dataclasses import asdict, replace
from pathlib import Path

from modules.base.files import NoteName
from modules.store.job_files import JobFiles
from modules.store.jobs import OutputRecord

SAVING_FOLDER, NOTE_ENDING = "saving", "note"      # in the cache


class SavingNotes(JobFiles):
    """The notes, a small file each, which needs no sync: it is read after the death of a process, not of the machine.

    Whoever gives a file its name writes one, with all that is to be recorded of it; whoever has recorded it deletes it.
    """

    def __init__(self, cache: Path) -> None:
        super().__init__(cache / SAVING_FOLDER, NOTE_ENDING)

    def writer(self, job: str, output: OutputRecord) -> NoteName:
        """Return a function that notes an output with its name; a note that cannot be written is left out."""

        def write(whole: Path, path: Path) -> None:
            with contextlib.suppress(OSError):
                self.folder.mkdir(parents=True, exist_ok=True)
                noted = {"file": identity_of(whole), "output": asdict(replace(output, path=str(path)))}
                self.at(job, output.index).write_text(json.dumps(noted), "utf-8")

        return write

    def earlier(self, job: str, index: int) -> Path | None:
        """Return the file that an earlier run has named and nobody has recorded; not another one of that name."""
        output = noted_output(self.at(job, index))
        return Path(output.path) if output else None

    def unrecorded(self, job: str) -> list[OutputRecord]:
        """Return all outputs of a job whose files were named and not recorded, by their index."""
        found = (noted_output(note) for note in self.of_job(job))
        return sorted((output for output in found if output), key=lambda output: output.index)


def noted_output(note: Path) -> OutputRecord | None:
    """Return the output of a note; None if there is no note, half of one, or its file was never named."""
    try:
        noted = json.loads(note.read_text("utf-8"))
        output = OutputRecord(**noted["output"])
        return output if identity_of(Path(output.path)) == noted["file"] else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def identity_of(path: Path) -> list[int]:
    """Return what a file keeps when it is renamed, and no other file has: device, inode, size, time. Raises OSError."""
    about = path.stat()
    return [about.st_dev, about.st_ino, about.st_size, about.st_mtime_ns]
