"""A1111's `modules.patches`: functions of other modules replaced, and put back."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from modules.surface.binding import view

Originals = defaultdict[Any, dict[tuple[int, str], Any]]


def originals() -> Originals:
    """Return key → (object, field) → what was there."""
    return view("patches", lambda host: defaultdict(dict))


def patch(key: Any, obj: Any, field: str, replacement: Any) -> Any:
    """Replace a field of an object; returns what was there. Raises RuntimeError if that key has replaced it already."""
    known = originals()[key]
    if (id(obj), field) in known:
        raise RuntimeError(f"patch for {field} is already applied")
    known[id(obj), field] = original = getattr(obj, field)
    setattr(obj, field, replacement)
    return original


def undo(key: Any, obj: Any, field: str) -> None:
    """Put back what `patch` replaced. Raises RuntimeError if it has not."""
    known = originals()[key]
    if (id(obj), field) not in known:
        raise RuntimeError(f"there is no patch for {field} to undo")
    setattr(obj, field, known.pop((id(obj), field)))


def original(key: Any, obj: Any, field: str) -> Any:
    """Return what `patch` replaced; None if it has not."""
    return originals()[key].get((id(obj), field))
