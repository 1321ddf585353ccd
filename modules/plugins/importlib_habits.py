"""importlib as extensions have it: a file of theirs that they import by its path is imported as all their files are."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Callable
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

# from a file's path to a loader for it; None for a file that is no extension's
LoaderOf = Callable[[str, str], Any]


class UtilModule(ModuleType):
    """`importlib.util`, whose `spec_from_file_location` chooses the loader of extensions for their files."""

    def __init__(self, loader_of: LoaderOf) -> None:
        super().__init__("importlib.util")
        self.loader_of = loader_of

    def spec_from_file_location(self, name: str, location: Any = None, **given: Any) -> ModuleSpec | None:
        if location is not None and given.get("loader") is None:
            given["loader"] = self.loader_of(name, str(location))
        return importlib.util.spec_from_file_location(name, location, **given)

    def __getattr__(self, name: str) -> Any:
        return getattr(importlib.util, name)


class ImportlibModule(ModuleType):
    """`importlib` with that `util`; all else is Python's."""

    def __init__(self, loader_of: LoaderOf) -> None:
        super().__init__("importlib")
        self.util = UtilModule(loader_of)

    def __getattr__(self, name: str) -> Any:
        return getattr(importlib, name)


def importlib_module(name: str, loader_of: LoaderOf) -> ModuleType:
    """Return the module of that name, which begins with importlib."""
    if name in ("importlib", "importlib.util"):
        whole = ImportlibModule(loader_of)
        return whole if name == "importlib" else whole.util
    importlib.import_module(name)
    return sys.modules[name]
