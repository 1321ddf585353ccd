"""The table of all labels: English text → the text shown, as in A1111's localisation files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from modules.base.errors import Invalid


@dataclass(frozen=True)
class Words:
    """The table. Called with an English text, it returns the translation, or the text itself if it has none."""

    table: Mapping[str, str] = field(default_factory=dict)

    def __call__(self, text: str) -> str:
        return self.table.get(text, text)

    @classmethod
    def read(cls, path: Path) -> Words:
        """Read a JSON object of texts, such as A1111's `localizations/zh-CN.json`. Raises Invalid."""
        hint = "It is a JSON object, English text to translation."
        try:
            table = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise Invalid(f"{path.name} is no table of words: {error}.", hint) from error
        if not isinstance(table, dict):
            raise Invalid(f"{path.name} is no table of words.", hint)
        return cls({str(english): str(shown) for english, shown in table.items() if shown})
