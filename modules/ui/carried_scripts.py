"""gradio's small scripts, which one file of ours carries: a request for each costs more than they do.

Their addresses are mapped to their texts (assets/core/carried.js). A text has no address that its own imports could be
relative to, so these become names, which are mapped too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

LARGEST_CARRIED = 4096      # bytes
STATIC_IMPORT = re.compile(r'\b(from|import)"\./([\w-]+\.js)"')
# what makes a script need an address of its own: another form of import, or its address
ADDRESSED = re.compile(r"""["'`]\.\.?/|\bimport\(|\bimport\.meta\b""")
NAMESPACE = "gradio/"


def carried_scripts(folder: Path, names: Iterable[str]) -> dict[str, str]:
    """Return name → text, with names in place of relative imports, of those that are small and need no address."""
    found: dict[str, str] = {}
    for path in (folder / name for name in names):
        if path.is_file() and path.stat().st_size <= LARGEST_CARRIED:
            text = STATIC_IMPORT.sub(rf'\1"{NAMESPACE}\2"', path.read_text(encoding="utf-8"))
            if not ADDRESSED.search(text):
                found[path.name] = text
    return found


def carried_imports(carried: Mapping[str, str]) -> list[str]:
    """Return the names that carried scripts import."""
    wanted = re.compile(rf'"{re.escape(NAMESPACE)}([\w-]+\.js)"')
    return sorted({name for text in carried.values() for name in wanted.findall(text)})
