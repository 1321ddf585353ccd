"""The page's scripts that need no page, tried by `node --test`."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from modules.app.languages import WORDING
from modules.ui.look import ASSETS

TESTS = Path(__file__).parent / "scripts"


@pytest.fixture
def node() -> str:
    """Without it a person's run skips these tests; CI, which installs it, fails."""
    found = shutil.which("node") or shutil.which("nodejs")
    if found is None and os.environ.get("CI") == "true":
        pytest.fail("CI must test the page's scripts, and there is no Node.js here (see .ci/run).")
    if found is None:
        pytest.skip("no Node.js here: install it (Debian: sudo apt install nodejs) to test the page's scripts")
    return found


@pytest.mark.slow
def test_scripts_without_a_page_do_what_they_say(node, tmp_path):
    shutil.copytree(ASSETS, tmp_path / "assets")
    shutil.copytree(TESTS, tmp_path / "scripts")
    shutil.copy(WORDING, tmp_path)
    (tmp_path / "package.json").write_text('{"type": "module"}')      # nothing else tells Node that these are modules
    tests = sorted(path.relative_to(tmp_path) for path in (tmp_path / "scripts").glob("*.test.js"))
    done = subprocess.run([node, "--test", *map(str, tests)], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(tests) >= 4
