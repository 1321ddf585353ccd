"""ControlNet's models by the names that people and programs have for them. No torch."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

from modules.base.errors import ModelCorrupt, UnknownName
from modules.library.catalog import ModelFile, is_hash
from modules.library.library import Library

OLD_HASH_AT, OLD_HASH_BYTES, OLD_HASH_DIGITS = 2**20, 2**16, 8


def old_hash(path: Path) -> str:
    """Return A1111's first hash of a file, which ControlNet's titles have: of 64 KiB, from 1 MiB on."""
    with path.open("rb") as file:
        file.seek(OLD_HASH_AT)
        return sha256(file.read(OLD_HASH_BYTES)).hexdigest()[:OLD_HASH_DIGITS]


def control_title(file: ModelFile) -> str:
    """Return a model's name as lists have it: `control_v11p_sd15_canny [d14c016b]`."""
    try:
        return f"{file.model_name} [{old_hash(file.path)}]"
    except OSError:
        return file.model_name


def control_models(library: Library) -> Sequence[ModelFile]:
    """Return the usable files."""
    return [file for file in library.of("controlnet").list() if not file.problem]


def find_control_model(library: Library, name: str) -> ModelFile:
    """Return the file of a name or a title, whose hash may differ. Raises UnknownName or ModelCorrupt."""
    wanted, begin = split_title(name)
    for files in library.of("controlnet").list_and_again():
        for file in files:
            if wanted.casefold() in {each.casefold() for each in file.names}:
                if file.problem:
                    raise ModelCorrupt(file.problem, "Choose another ControlNet.")
                return file
        if found := next((each for each in control_models(library) if hashed_like(each, begin)), None):
            return found
    known = [file.model_name for file in control_models(library)]
    raise UnknownName("ControlNet", name, known or ["none yet: put one into models/ControlNet"])


def split_title(title: str) -> tuple[str, str]:
    """Return the name in a title and the hash behind it; "" without one."""
    stem, bracket, hashed = title.strip().rpartition("[")
    return (stem.strip(), hashed[:-1].lower()) if bracket and hashed.endswith("]") else (title.strip(), "")


def hashed_like(file: ModelFile, begin: str) -> bool:
    if not is_hash(begin):
        return False
    return (file.sha256 or "").startswith(begin) or (len(begin) == OLD_HASH_DIGITS and old_hash(file.path) == begin)
