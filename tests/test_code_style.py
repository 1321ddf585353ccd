"""The rules of pyproject.toml hold."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def said(*command: str) -> str:
    """What a checker has to say; nothing if it has no complaint."""
    done = subprocess.run([sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True)
    return "" if done.returncode == 0 else done.stdout + done.stderr


def test_ruff_has_no_complaint():
    assert said("ruff", "check", "--no-cache", ".") == ""


@pytest.mark.slow
def test_types_agree():
    assert said("mypy") == ""
