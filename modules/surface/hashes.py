"""A1111's `modules.hashes`: SHA-256 of model files, remembered."""

from __future__ import annotations

import hashlib
from pathlib import Path

from modules.surface.binding import bound_host


def calculate_sha256(filename: str) -> str:
    """Return the SHA-256 of a file, read now."""
    with Path(filename).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sha256_from_cache(filename: str, title: str, use_addnet_hash: bool = False) -> str | None:
    """Return the SHA-256 if the file was hashed before and has not changed since; else None."""
    return bound_host().program.models.checkpoints.hashes.known(Path(filename))


def sha256(filename: str, title: str, use_addnet_hash: bool = False) -> str | None:
    """Return the SHA-256 of a file's content, of a LoRA's tensors if `use_addnet_hash`; computed once."""
    hashes = bound_host().program.models.checkpoints.hashes
    return hashes.sha256_of_tensors(Path(filename)) if use_addnet_hash else hashes.sha256(Path(filename))
