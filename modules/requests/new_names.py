"""Names that people give to new files and folders: models, runs, data sets."""

from __future__ import annotations

import re

from modules.base.accounts import WINDOWS_DEVICES

FORBIDDEN = re.compile(r"[/\\:*?\"<>|]|^\.|\.$")      # in a name that must be valid on every system
EXPANDED = re.compile(r"^~|\$")      # whoever writes these expects a folder or a variable, and would get neither


def is_new_name(name: str) -> bool:
    """Return whether a new file or folder can have that name: a valid one on every system, meaning just itself."""
    unfit = not name.isprintable() or FORBIDDEN.search(name) or EXPANDED.search(name)
    return bool(name) and not unfit and name.partition(".")[0].strip().casefold() not in WINDOWS_DEVICES
