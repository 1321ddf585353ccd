"""Reading a textual inversion's file."""

from __future__ import annotations

from pathlib import Path

from modules.library.catalog import EMBEDDING_PICTURES
from modules.models.files.state_dict import read_plain_object
from modules.networks.embedding import Embedding


def read_embedding_file(path: Path, sha256: str = "") -> Embedding:
    """Return the file's embedding. Raises ModelError, naming the file."""
    return Embedding.read(
        path.name,
        path.read_bytes() if path.suffix.casefold() in EMBEDDING_PICTURES else read_plain_object(path),
        sha256,
    )
