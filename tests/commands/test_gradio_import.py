"""gradio comes without its type stubs, and whole."""

from __future__ import annotations

import subprocess
import sys

import pytest

WATCHED = """
import sys
opened = []
sys.addaudithook(lambda event, args: opened.append(str(args[0])) if event == "open" else None)
from modules.commands.gradio_import import import_gradio
gradio = import_gradio()
with gradio.Blocks() as blocks:
    gradio.Button("a").click(lambda: None)
print(len(blocks.fns), sum(path.endswith(".pyi") for path in opened), sum(path.endswith((".py", ".pyc")) for path in opened) > 100)
"""


@pytest.mark.slow
def test_no_stub_is_read_or_written():
    told = subprocess.run([sys.executable, "-c", WATCHED], capture_output=True, text=True, check=True).stdout
    assert told.split() == ["1", "0", "True"]
