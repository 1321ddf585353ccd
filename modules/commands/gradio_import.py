"""The import of gradio without its type stubs.

gradio writes one (.pyi) beside each of its components, from the component's source, every time it is imported: a
third of the import's time, and an attempt to write among installed packages. Only editors read them.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from importlib.util import spec_from_file_location
from types import ModuleType

WRITES_STUBS = "gradio.component_meta"


class StubFree(SourceFileLoader):
    """A loader that removes the module's writer of stubs."""

    def exec_module(self, module: ModuleType) -> None:
        super().exec_module(module)
        vars(module)["create_or_modify_pyi"] = lambda *_: None


class Finder(MetaPathFinder):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != WRITES_STUBS or not (spec := PathFinder.find_spec(fullname, path)) or not spec.origin:
            return None
        return spec_from_file_location(fullname, spec.origin, loader=StubFree(fullname, spec.origin))


def import_gradio() -> ModuleType:
    finder = Finder()
    sys.meta_path.insert(0, finder)
    try:
        return importlib.import_module("gradio")
    finally:
        sys.meta_path.remove(finder)
