"""Matching names by a pattern in a process of its own: some patterns take for ever, and block all threads."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable

from modules.base.errors import Invalid

PATIENCE = 10.0      # s; a sound pattern needs some milliseconds for all names of a checkpoint
SEARCH = """
import json, re, sys
pattern, names = json.load(sys.stdin)
json.dump([name for name in names if re.search(pattern, name)], sys.stdout)
"""


def found(pattern: str, names: Iterable[str]) -> frozenset[str]:
    """Return the names that contain a match of a regular expression; "" matches none.

    Raises Invalid if that takes too long.
    """
    if not pattern:
        return frozenset()
    asked = json.dumps([pattern, list(names)])
    command = [sys.executable, "-I", "-S", "-c", SEARCH]
    try:
        given = subprocess.run(
            command, input=asked, capture_output=True, text=True, timeout=PATIENCE, check=True
        ).stdout
    except (subprocess.TimeoutExpired, subprocess.CalledProcessError) as error:
        raise Invalid(
            "The pattern of names to discard takes too long.",
            "Write it without repeats inside repeats.",
            field="discard",
        ) from error
    return frozenset(json.loads(given))
