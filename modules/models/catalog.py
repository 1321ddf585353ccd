"""The checkpoints there are: found, named, hashed. No torch; names are names, never paths."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from modules.base.errors import ModelError, UnknownName
from modules.models.header import read_header, sniff
from modules.store.hashes import HashCache

EXTENSIONS = (".safetensors", ".ckpt")
LARGEST_SIDECAR = 2**20      # bytes
HASH_IN_TITLE = re.compile(r"\s*\[([0-9a-f]{8,64})\]\s*$")


@dataclass(frozen=True)
class Checkpoint:
    """One model file."""

    path: Path
    name: str                     # relative to its folder, as A1111's lists show it
    sha256: str | None = None     # once it was computed
    problem: str = ""             # why it cannot be used, as far as a glance tells

    @property
    def model_name(self) -> str:
        return self.path.stem

    @property
    def shorthash(self) -> str:
        return (self.sha256 or "")[:10]

    @property
    def title(self) -> str:
        return f"{self.name} [{self.shorthash}]" if self.sha256 else self.name

    @property
    def config(self) -> Path | None:
        """The A1111-style .yaml beside it."""
        path = self.path.with_suffix(".yaml")
        return path if path.is_file() else None

    @cached_property
    def metadata(self) -> dict[str, str]:
        """The safetensors header's metadata; empty for other files and broken ones."""
        try:
            return read_header(self.path).metadata if self.path.suffix == ".safetensors" else {}
        except ModelError:
            return {}

    @cached_property
    def sidecar(self) -> dict[str, Any]:
        """`name.json` beside it: A1111's user metadata, and our `defaults` and `examples`."""
        path = self.path.with_suffix(".json")
        try:
            if path.stat().st_size > LARGEST_SIDECAR:
                return {}
            content = json.loads(path.read_text("utf-8"))
        except (OSError, ValueError, RecursionError):
            return {}
        return content if isinstance(content, dict) else {}


class Catalog:
    """Checkpoints under some folders. `refresh` replaces the list as a whole, so any thread may read it."""

    def __init__(self, roots: Sequence[Path], hashes: HashCache, first: Path | None = None) -> None:
        """`first`: a file outside the folders that stands at the head of the list (`--ckpt`)."""
        self.roots, self.hashes, self.first = tuple(roots), hashes, first
        self._checkpoints: tuple[Checkpoint, ...] = ()
        self.refresh()

    def refresh(self) -> None:
        known = self.hashes.all_known()
        outside = [(self.first, self.first.name)] if self.first and self.first.is_file() else []
        found = dict([*outside, *(item for root in self.roots for item in files(root))])
        self._checkpoints = tuple(glanced(path, name, known) for path, name in found.items())

    def list(self) -> list[Checkpoint]:
        return list(self._checkpoints)

    def default(self) -> Checkpoint | None:
        """The first that is not broken."""
        return next((checkpoint for checkpoint in self._checkpoints if not checkpoint.problem), None)

    def find(self, name: str) -> Checkpoint:
        """By title, name, stem, hash, or the shortest title that contains it, as A1111 looks. Raises UnknownName."""
        checkpoints = self._checkpoints
        for wanted in (name, HASH_IN_TITLE.sub("", name)):
            for checkpoint in checkpoints:
                if wanted in (checkpoint.title, checkpoint.name, checkpoint.model_name, checkpoint.sha256, checkpoint.shorthash) and wanted:
                    return checkpoint
        if match := HASH_IN_TITLE.search(name):
            for checkpoint in checkpoints:
                if (checkpoint.sha256 or "").startswith(match[1]):
                    return checkpoint
        similar = [checkpoint for checkpoint in checkpoints if name and name in checkpoint.title]
        if similar:
            return min(similar, key=lambda checkpoint: len(checkpoint.title))
        raise UnknownName("checkpoint", name, [checkpoint.title for checkpoint in checkpoints])

    def hashed(self, checkpoint: Checkpoint) -> Checkpoint:
        """The same with its SHA-256, which the list then shows too."""
        if checkpoint.sha256:
            return checkpoint
        full = Checkpoint(checkpoint.path, checkpoint.name, self.hashes.sha256(checkpoint.path), checkpoint.problem)
        self._checkpoints = tuple(full if other.path == full.path else other for other in self._checkpoints)
        return full


def files(root: Path) -> Iterator[tuple[Path, str]]:
    """Model files below `root` with their names, sorted; what is no regular file or leads out of `root` is left out."""
    home = root.resolve()
    for folder, folders, names in os.walk(root):
        folders.sort(key=str.casefold)
        for name in sorted(names, key=str.casefold):
            path = Path(folder, name)
            if path.suffix in EXTENSIONS and not path.stem.endswith(".vae") and path.is_file() and path.resolve().is_relative_to(home):
                yield path, path.relative_to(root).as_posix()


def glanced(path: Path, name: str, known: dict[tuple[str, int, int], str]) -> Checkpoint:
    stat = path.stat()
    try:
        sniff(path)
        problem = ""
    except ModelError as error:
        problem = f"{error} {error.hint}".strip()
    return Checkpoint(path, name, known.get((str(path), stat.st_size, stat.st_mtime_ns)), problem)
