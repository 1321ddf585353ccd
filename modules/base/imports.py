"""Imports of large libraries by one thread while others answer:
what would hold the interpreter's lock for long is kept from it.
"""

from __future__ import annotations

import ctypes
import gc
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

# are symbols shared? as torch itself loads them
TORCH = {"lib/libtorch_global_deps.so": True, "lib/libtorch_cpu.so": False}


@contextmanager
def uncollected(module: str) -> Iterator[None]:
    """No garbage collection while `module` is imported for the first time, nor later of what that brought.

    A full collection takes 0.1 s of the interpreter's lock with gradio imported, and modules are no garbage.
    """
    if module in sys.modules:
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def preload(package: str, libraries: Mapping[str, bool]) -> None:
    """Map a package's shared libraries into the process without the interpreter's lock,
    which an import holds while it does so.

    libraries: path below the package → are its symbols for all? Where they cannot be mapped so, the import does all.
    """
    spec = find_spec(package)
    if os.name == "nt" or spec is None or spec.origin is None:
        return
    try:
        dlopen = ctypes.CDLL(None).dlopen      # a foreign call: the lock is free until it returns
    except (OSError, AttributeError):
        return
    dlopen.argtypes, dlopen.restype = (ctypes.c_char_p, ctypes.c_int), ctypes.c_void_p
    for library, shared in libraries.items():
        path = Path(spec.origin).parent / library
        if path.is_file():
            dlopen(os.fsencode(path), os.RTLD_NOW | (os.RTLD_GLOBAL if shared else os.RTLD_LOCAL))
