"""The table of all labels: English text → the text shown. Pages are built in English; app/wording.js puts it in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Words:
    """The table. Called with an English text, it returns the translation, or the text itself if it has none."""

    table: Mapping[str, str] = field(default_factory=dict)

    def __call__(self, text: str) -> str:
        return self.table.get(text, text)
