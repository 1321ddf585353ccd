"""A1111's own answers, by function."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parents[1] / "golden"
CASES: list[dict[str, Any]] = json.loads((FOLDER / "prompt_cases.json").read_text("utf-8"))


def golden(fn: str) -> pytest.MarkDecorator:
    """Run a test once for every case of one of A1111's functions."""
    return pytest.mark.parametrize("case", [pytest.param(case, id=case["id"]) for case in CASES if case["fn"] == fn])


def plain(value: Any) -> Any:
    """As JSON would give it back: tuples are lists."""
    return json.loads(json.dumps(value))
