"""The upscaler models there are. Names are names, never paths."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from modules.base.errors import ModelError, sentence
from modules.library.model_folders import FolderEntry, model_files
from modules.library.safetensors_header import sniff

BUILT_IN = ("None", "Lanczos", "Nearest")      # what needs no model
EXTENSIONS = (".safetensors", ".pth", ".pt")


@dataclass(frozen=True, slots=True)
class ModelFile:
    path: Path
    problem: str = ""       # why it cannot be used, as far as a glance tells


def find(folders: Sequence[Path]) -> dict[str, ModelFile]:
    """Upscaler models below `folders` by the name they are shown under; of two with one name the first counts."""
    found: dict[str, ModelFile] = {}
    for folder in folders:
        for entry in files(folder):
            stem = entry.path.stem
            found.setdefault(SHOWN.get(stem.casefold(), stem), glanced(entry))
    return found


def files(root: Path) -> Iterator[FolderEntry]:
    """Sorted; those that cannot be read have a problem."""
    return (entry for entry in model_files(root, EXTENSIONS) if entry.ends_like(EXTENSIONS))


def glanced(entry: FolderEntry) -> ModelFile:
    try:
        if not entry.problem:
            sniff(entry.path)
    except ModelError as error:
        return ModelFile(entry.path, sentence(error))
    return ModelFile(entry.path, entry.problem)


# A1111's names for the files it downloads, so that its generation data finds them here. Lower-case stem → name.
SHOWN = {
    "esrgan": "ESRGAN_4x",
    "realesrgan_x2plus": "R-ESRGAN 2x+",
    "realesrgan_x4plus": "R-ESRGAN 4x+",
    "realesrgan_x4plus_anime_6b": "R-ESRGAN 4x+ Anime6B",
    "realesr-animevideov3": "R-ESRGAN AnimeVideo",
    "realesr-general-x4v3": "R-ESRGAN General 4xV3",
    "realesr-general-wdn-x4v3": "R-ESRGAN General WDN 4xV3",
}
