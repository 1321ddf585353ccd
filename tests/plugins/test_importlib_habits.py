"""A file of an extension's that it imports by its path has A1111's modules, as all its files have; others have not."""

from __future__ import annotations

import importlib.util
import sys
from types import SimpleNamespace

import pytest

from modules.plugins.host import Host
from modules.settings.file import SettingsFile
from modules.settings.flags import Flags

LOADING = """
import importlib.metadata
import importlib.util
from importlib import resources
from importlib.util import spec_from_file_location
from pathlib import Path

def by_path(path):
    spec = importlib.util.spec_from_file_location(Path(path).stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module

inner = by_path(Path(__file__).parents[1] / "inner" / "tagger.py")
same = spec_from_file_location is importlib.util.spec_from_file_location or resources
version = importlib.metadata.version("pillow")
"""


@pytest.fixture
def module(tmp_path):
    """A script that imports another file of its extension by its path."""
    folder = tmp_path / "extensions" / "paths"
    for name, text in (("scripts/loading.py", LOADING), ("inner/tagger.py", "from modules import devices, shared")):
        (folder / name).parent.mkdir(parents=True)
        (folder / name).write_text(text)
    host = Host(tmp_path / "extensions")
    host.load(SimpleNamespace(flags=Flags(data_dir=tmp_path), settings=SettingsFile(tmp_path / "config.json")))
    assert host.extensions[0].why == ""
    yield sys.modules["easel_extensions.paths.loading"]
    host.unload()


def test_a_file_imported_by_its_path_has_a1111s_modules(module):
    assert module.inner.shared.__name__ == "modules.surface.shared" and module.inner.devices
    assert module.version and module.same


def test_a_file_of_nobodys_is_imported_as_python_does(module, tmp_path):
    (tmp_path / "plain.py").write_text("import importlib.util")
    plain = module.by_path(tmp_path / "plain.py")
    assert plain.importlib.util is importlib.util
