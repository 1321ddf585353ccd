"""A textual inversion out of its file."""

from __future__ import annotations

from pathlib import Path

from modules.library.catalog import PICTURES
from modules.models.files.state_dict import read_object
from modules.networks.embedding import Embedding


def read_embedding(path: Path, sha256: str = "") -> Embedding:
    """Raises ModelError, naming the file."""
    return Embedding.read(path.name, path.read_bytes() if path.suffix.casefold() in PICTURES else read_object(path), sha256)
