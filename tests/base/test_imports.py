"""Imports by one thread leave the interpreter's lock to others."""

from __future__ import annotations

import gc
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from modules.base.imports import TORCH, preload, uncollected


def test_a_first_import_is_not_collected_and_what_it_brought_never_is(monkeypatch):
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)
    before = gc.get_freeze_count()
    with uncollected("colorsys"):
        assert not gc.isenabled()
    assert gc.isenabled()
    assert gc.get_freeze_count() > before
    gc.unfreeze()


def test_collection_goes_on_after_an_import_that_failed():
    with pytest.raises(ImportError), uncollected("modules.nowhere"):
        raise ImportError("nowhere")
    assert gc.isenabled()
    gc.unfreeze()


def test_a_later_import_changes_nothing():
    before = gc.get_freeze_count()
    with uncollected("sys"):
        assert gc.isenabled()
    assert gc.get_freeze_count() == before


def test_what_is_not_there_is_left_to_the_import():
    preload("no_such_package", TORCH)
    preload("json", {"lib/nothing.so": False})


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the names are Linux's")
def test_torchs_libraries_are_there_before_torch_is_imported():
    folder = Path(find_spec("torch").origin).parent
    assert all((folder / name).is_file() for name in TORCH)
    code = (
        "import sys; from modules.base.imports import TORCH, preload; preload('torch', TORCH); "
        "mapped = open('/proc/self/maps').read(); assert 'torch' not in sys.modules; "
        "assert all(name.rpartition('/')[2] in mapped for name in TORCH); import torch; print(int(torch.ones(2).sum()))"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=Path(__file__).parents[2])
    assert (ended.stdout, ended.stderr) == ("2\n", "")
