"""The files of pictures in the making: what the network has answered so far, so that a death costs seconds.

A record is its length, a checksum, a mark and its content; the first one's mark says which picture it is. A process
that was killed while it wrote leaves half a record, which is not read and is written over. The files need no sync: they
are read after the death of a process, and after a machine's a picture is made from its start.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from modules.store.job_files import JobFiles

STEPS_FOLDER, STEPS_ENDING = "steps", "steps"      # in the cache
MOST_TAKEN = 512 * 2**20         # bytes of a picture that another machine may send
RECORD_HEAD = struct.Struct("<III")      # lengths of mark and content, checksum of both


@dataclass(frozen=True)
class KeptAnswer:
    """One answer. mark: of the question that it answers"""

    mark: str
    content: bytes

    def packed(self) -> bytes:
        mark = self.mark.encode()
        return RECORD_HEAD.pack(len(mark), len(self.content), zlib.crc32(mark + self.content)) + mark + self.content


class StepFiles(JobFiles):
    """The files, one a picture, in the cache."""

    def __init__(self, cache: Path) -> None:
        super().__init__(cache / STEPS_FOLDER, STEPS_ENDING)

    def has(self, job: str, index: int) -> bool:
        return self.at(job, index).exists()

    def read(self, job: str, index: int, key: str) -> list[KeptAnswer]:
        """Return the records of a picture; [] without any, or if they are another picture's, whose key differs."""
        try:
            content = self.at(job, index).read_bytes()
        except OSError:
            return []
        first, *others = [*records_in(content)] or [KeptAnswer("", b"")]
        return others if first.mark == key else []

    def append(self, job: str, index: int, records: Sequence[KeptAnswer]) -> None:
        """Add records. Raises OSError."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with self.at(job, index).open("ab") as file:
            file.write(b"".join(each.packed() for each in records))

    def since(self, job: str, index: int, offset: int) -> bytes:
        """Return what a picture's file has got beyond so many bytes."""
        try:
            with self.at(job, index).open("rb") as file:
                file.seek(offset)
                return file.read()
        except OSError:
            return b""

    def take(self, job: str, index: int, offset: int, content: bytes) -> None:
        """Add what another machine's file has got; what comes after a gap is left out. Raises OSError."""
        path = self.at(job, index)
        size = path.stat().st_size if path.exists() else 0
        if offset not in (0, size) or offset + len(content) > MOST_TAKEN:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        with path.open("ab" if offset else "wb") as file:
            file.write(content)

    def begin(self, job: str, index: int, records: Sequence[KeptAnswer]) -> None:
        """Write a picture's first records, in the place of whatever was there. Raises OSError."""
        self.forget(job, index)
        self.append(job, index, records)


def records_in(content: bytes) -> Iterator[KeptAnswer]:
    """Yield the whole records, up to the first that is damaged."""
    file = io.BytesIO(content)
    while len(head := file.read(RECORD_HEAD.size)) == RECORD_HEAD.size:
        of_mark, of_content, checksum = RECORD_HEAD.unpack(head)
        mark, answer = file.read(of_mark), file.read(of_content)
        if len(answer) != of_content or zlib.crc32(mark + answer) != checksum:
            return
        yield KeptAnswer(mark.decode(), answer)
