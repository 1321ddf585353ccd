"""An extension's folder as one zip file with a manifest, to be given to others: the same bytes for the same files."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

from modules.base.errors import Invalid

MANIFEST_FILE = "manifest.json"
LEFT_OUT_NAMES = frozenset({
    "__pycache__", ".git", ".pytest_cache", ".mypy_cache", ".ruff_cache", ".venv", "node_modules", MANIFEST_FILE,
})
LEFT_OUT_ENDINGS = (".pyc", ".pyo", ".log", ".tmp")
ZIP_TIME = (1980, 1, 1, 0, 0, 0)        # of every file: the earliest that a zip file knows
MOST_PACKAGED, MOST_PACKAGE_BYTES = 10_000, 200 * 2**20


def packaged_files(folder: Path) -> Iterator[Path]:
    """Yield an extension's files, by their paths below it; hidden files, caches and links are left out."""
    for path in sorted(folder.rglob("*"), key=lambda each: each.relative_to(folder).as_posix()):
        parts = path.relative_to(folder).parts
        hidden = any(part.startswith(".") or part in LEFT_OUT_NAMES for part in parts)
        if path.is_file() and not path.is_symlink() and not hidden and not path.name.endswith(LEFT_OUT_ENDINGS):
            yield path


def write_package(folder: Path, facts: dict[str, Any], target: Path) -> Path:
    """Write the zip file of an extension. facts: what its manifest says beside the files. Raises Invalid."""
    files = list(packaged_files(folder))
    size = sum(path.stat().st_size for path in files)
    if len(files) > MOST_PACKAGED or size > MOST_PACKAGE_BYTES:
        raise Invalid(
            f"{folder.name} has {len(files):,} files of {size / 2**20:.0f} MiB together.",
            f"A package has at most {MOST_PACKAGED:,} files and {MOST_PACKAGE_BYTES // 2**20} MiB.",
        )
    hashes = {path.relative_to(folder).as_posix(): sha256(path.read_bytes()).hexdigest() for path in files}
    manifest = json.dumps({**facts, "files": hashes}, indent=1, sort_keys=True) + "\n"
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        add_file(archive, f"{folder.name}/{MANIFEST_FILE}", manifest.encode())
        for path in files:
            add_file(archive, f"{folder.name}/{path.relative_to(folder).as_posix()}", path.read_bytes())
    return target


def add_file(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    """Add a file that says nothing of when and where it was made."""
    entry = zipfile.ZipInfo(name, ZIP_TIME)
    entry.external_attr, entry.compress_type, entry.create_system = 0o644 << 16, zipfile.ZIP_DEFLATED, 3
    archive.writestr(entry, content, zipfile.ZIP_DEFLATED, 9)
