"""The size of a picture as a value."""

from __future__ import annotations

Size = tuple[int, int]      # width, height in pixels
