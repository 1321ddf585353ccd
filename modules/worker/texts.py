"""The texts in a job's parameters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

LONGEST_PATH_TEXT = 1024      # characters


def every_text(value: Any) -> Iterator[str]:
    """Yield all texts in a plain value, at any depth."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from every_text(each)
    elif isinstance(value, (list, tuple)):
        for each in value:
            yield from every_text(each)


def is_path(text: str) -> bool:
    return len(text) <= LONGEST_PATH_TEXT and "\n" not in text and Path(text).is_absolute()


def names_paths(value: Any) -> bool:
    """Return whether a value names files or folders that are here, as a batch of a folder does."""
    return any(is_path(text) and Path(text).exists() for text in every_text(value))
