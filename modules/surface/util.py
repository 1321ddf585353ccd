"""A1111's `modules.util`: lists of files."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator
from pathlib import Path

from modules.settings.flags import ROOT


def natural_sort_key(s: str) -> list[object]:
    """Return a key by which 2 stands before 10."""
    return [int(part) if part.isdecimal() else part.lower() for part in re.split(r"(\d+)", s)]


def listfiles(dirname: str) -> list[str]:
    """Return the paths of a folder's files by name, without hidden ones."""
    folder = Path(dirname)
    found = sorted(folder.iterdir(), key=lambda path: path.name.lower()) if folder.is_dir() else []
    return [str(path) for path in found if path.is_file() and not path.name.startswith(".")]


def walk_files(path: str, allowed_extensions: Collection[str] | None = None) -> Iterator[str]:
    """Yield the paths of all files below a folder, by name; allowed_extensions: endings, like .txt"""
    endings = {each.lower() for each in allowed_extensions or ()}
    for root, folders, files in os.walk(path, followlinks=True):
        folders.sort(key=str.lower)
        for name in sorted(files, key=str.lower):
            if not endings or os.path.splitext(name)[1].lower() in endings:
                yield os.path.join(root, name)


def html_path(filename: str) -> str:
    return str(ROOT / "html" / filename)


def html(filename: str) -> str:
    """Return the text of one of A1111's pieces of HTML: Easel has none of them."""
    return ""
