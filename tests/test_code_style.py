"""The rules of pyproject.toml hold."""

from __future__ import annotations

import re
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


BROAD = re.compile(r"^\s*except(?: (?:Exception|BaseException)(?: as \w+)?)?:(?P<why>\s*#.*)?$", re.MULTILINE)
# where any error stops: of a job, a request, a hook, the start, another library's reader; no new one without need
BORDERS = 15


def test_errors_of_every_kind_are_caught_at_few_borders_and_each_says_why():
    files = [*ROOT.glob("modules/**/*.py"), ROOT / "webui.py"]
    found = [(path.name, each) for path in files for each in BROAD.finditer(path.read_text())]
    assert [name for name, each in found if not each["why"]] == []
    assert len(found) <= BORDERS


@pytest.mark.slow
def test_types_agree():
    assert said("mypy") == ""
