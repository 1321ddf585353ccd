"""Imports of large libraries by one thread while others work, without holding the interpreter's lock for long."""

from __future__ import annotations

import ctypes
import gc
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

# are symbols shared? as torch loads them
TORCH = {"lib/libtorch_global_deps.so": True, "lib/libtorch_cpu.so": False}


@contextmanager
def uncollected(module: str) -> Iterator[None]:
    """Disable garbage collection while `module` is first imported, and freeze the objects that it made.

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
    """Map a package's shared libraries into the process without the interpreter's lock, which an import would hold.

    libraries: path below the package → are its symbols global? If mapping fails, the import does it all.
    """
    spec = find_spec(package)
    if os.name == "nt" or spec is None or spec.origin is None:
        return
    try:
        dlopen = ctypes.CDLL(None).dlopen      # a foreign call, which releases the lock
    except (OSError, AttributeError):
        return
    dlopen.argtypes, dlopen.restype = (ctypes.c_char_p, ctypes.c_int), ctypes.c_void_p
    for library, shared in libraries.items():
        path = Path(spec.origin).parent / library
        if path.is_file():
            dlopen(os.fsencode(path), os.RTLD_NOW | (os.RTLD_GLOBAL if shared else os.RTLD_LOCAL))
