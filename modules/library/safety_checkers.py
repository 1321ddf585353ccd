"""The files of Stable Diffusion's safety checker. No torch."""

from __future__ import annotations

from modules.base.errors import ModelCorrupt, ModelMissing
from modules.library.catalog import ModelFile
from modules.library.library import Library
from modules.library.model_kinds import SAFETY_CHECKER

PUT_CHECKER = f"Put Stable Diffusion's safety checker into models/{SAFETY_CHECKER.where[0]}."
CHOOSE_CHECKER = "Choose another in the setting safety_checker_model."


def safety_checker_files(library: Library) -> list[ModelFile]:
    """Return the files that are here now."""
    catalog = library.of(SAFETY_CHECKER.name)
    catalog.refresh()
    return list(catalog.list())


def find_safety_checker(library: Library, name: str) -> ModelFile:
    """Return the file of the setting; "" is the first usable one. Raises ModelMissing or ModelCorrupt."""
    files, catalog = safety_checker_files(library), library.of(SAFETY_CHECKER.name)
    found = next(iter(catalog.all_named(name)), None) if name else catalog.default() or next(iter(files), None)
    if found is None:
        named = f" called {name!r:.200}" if name else ""
        raise ModelMissing(f"There is no safety checker{named}.", CHOOSE_CHECKER if files else PUT_CHECKER)
    if found.problem:
        raise ModelCorrupt(found.problem, CHOOSE_CHECKER)
    return found
