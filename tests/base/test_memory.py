"""Freed memory goes back to the system, whichever allocator has it."""

from __future__ import annotations

import os
import subprocess
import sys
import weakref
from pathlib import Path

import pytest

from modules.base.bootstrap import preload_allocator
from modules.base.memory import release_memory, return_free_memory

FREED = """
import mmap, sys
from pathlib import Path
from modules.base.memory import return_free_memory
resident = lambda: int(Path("/proc/self/statm").read_text().split()[1]) * mmap.PAGESIZE >> 20
blocks = [bytearray(b"x" * 60_000) for _ in range(3000)]      # below the size that glibc maps by itself
kept = blocks[-1]
full = resident()
del blocks
print(return_free_memory(), full - resident())
"""
linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="other systems' allocators are left alone")


def freed(environ):
    root = Path(__file__).resolve().parents[2]
    return subprocess.check_output([sys.executable, "-c", FREED], cwd=root, env=environ, text=True).split()


@linux
def test_glibcs_free_memory_goes_back_to_the_system():
    environ = {**os.environ, "LD_PRELOAD": "", "PYTHONMALLOC": "malloc"}
    name, megabytes = freed(environ)
    assert name == "malloc_trim" and int(megabytes) > 150


@linux
def test_tcmallocs_free_memory_goes_back_to_the_system():
    environ = {**os.environ, "LD_PRELOAD": "", "PYTHONMALLOC": "malloc"}
    if not preload_allocator(environ):
        pytest.skip("tcmalloc is not installed")
    name, megabytes = freed(environ)
    assert name == "MallocExtension_ReleaseFreeMemory" and int(megabytes) > 150


def test_on_other_systems_nothing_is_done(monkeypatch):
    monkeypatch.setattr(sys, "platform", "win32")
    assert return_free_memory() == ""


@pytest.mark.slow
def test_what_refers_to_itself_is_freed_at_once():
    class Model:
        pass

    model = Model()
    model.layer = model
    alive = weakref.ref(model)
    del model
    release_memory()
    assert alive() is None
