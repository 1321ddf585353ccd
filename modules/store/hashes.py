"""Content hashes of large files, computed once."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import BinaryIO

from modules.store.database import Database

TENSORS = "#tensors"      # after a path: the hash of its tensors alone


class HashCache:
    """SHA-256 by path, valid as long as the file's size and modification time stay the same."""

    def __init__(self, path: Path) -> None:
        self.database = Database(path)

    def known(self, path: Path, part: str = "") -> str | None:
        """Return the remembered hash of an unchanged file, or None."""
        stat = path.stat()
        with self.database.reading() as db:
            row = db.execute(
                "SELECT sha256 FROM hashes WHERE path = ? AND size = ? AND modified = ?",
                (f"{path}{part}", stat.st_size, stat.st_mtime_ns),
            ).fetchone()
        return row and row["sha256"]

    def all_known(self) -> dict[tuple[str, int, int], str]:
        """Return (path, size, modification time in ns) → hash, for listing many files at once."""
        with self.database.reading() as db:
            return {
                (row["path"], row["size"], row["modified"]): row["sha256"] for row in db.execute("SELECT * FROM hashes")
            }

    def sha256(self, path: Path) -> str:
        """Return the hash of the whole file, computed if necessary."""
        return self._hash(path, "", 0)

    def sha256_of_tensors(self, path: Path) -> str:
        """Return the hash of a safetensors file without its header: the same whatever its metadata."""
        with path.open("rb") as file:
            header = int.from_bytes(file.read(8), "little")
        return self._hash(path, TENSORS, 8 + header)

    def with_tensors(self, begin: str) -> set[Path]:
        """Return the unchanged files whose remembered hash of their tensors begins so."""
        with self.database.reading() as db:
            rows = db.execute("SELECT path FROM hashes WHERE substr(sha256, 1, ?) = ?", (len(begin), begin)).fetchall()
        paths = {Path(row["path"].removesuffix(TENSORS)) for row in rows if row["path"].endswith(TENSORS)}
        return {path for path in paths if path.is_file() and self.known(path, TENSORS)}

    def _hash(self, path: Path, part: str, begin: int) -> str:
        if found := self.known(path, part):
            return found
        stat = path.stat()
        with path.open("rb") as file:
            file.seek(begin)
            digest = digest_of(file)
        with self.database.open() as db:
            db.execute(
                "INSERT OR REPLACE INTO hashes VALUES (?, ?, ?, ?)",
                (f"{path}{part}", stat.st_size, stat.st_mtime_ns, digest),
            )
        return digest


def digest_of(file: BinaryIO) -> str:
    digest = hashlib.sha256()
    while block := file.read(2**22):
        digest.update(block)
    return digest.hexdigest()
