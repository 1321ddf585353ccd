"""Files in a folder of the cache, one a picture, found by the picture's job and number."""

from __future__ import annotations

import contextlib
from hashlib import sha256
from pathlib import Path


class JobFiles:
    """The files of one kind. Their names are no other job's, whatever its id contains."""

    def __init__(self, folder: Path, ending: str) -> None:
        self.folder, self.ending = folder, ending

    def at(self, job: str, picture: int | str) -> Path:
        return self.folder / f"{start_of_names(job)}-{picture}.{self.ending}"

    def of_job(self, job: str) -> list[Path]:
        """Return the files of a job's pictures."""
        return sorted(self.folder.glob(f"{start_of_names(job)}-*.{self.ending}"))

    def forget(self, job: str, picture: int | str) -> None:
        with contextlib.suppress(OSError):
            self.at(job, picture).unlink()


def start_of_names(job: str) -> str:
    return sha256(job.encode()).hexdigest()[:32]
