"""The files that restore faces: in A1111's folders, under any name but that of the detector, which both restorers share. No torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from modules.base.errors import ModelMissing, UnknownName
from modules.library.upscalers import files

DETECTOR = "detection_Resnet50_Final"
HELPERS = ("detection", "parsing")      # what such folders hold beside restorers: the beginnings of their names


@dataclass(frozen=True, slots=True)
class Restorer:
    """name: as A1111's settings have it; folder: under models/; file: the newest there is, for the hint where there is none"""

    name: str
    folder: str
    file: str


@dataclass(frozen=True, slots=True)
class FaceFiles:
    """What it takes to restore faces."""

    restorer: Path
    detector: Path


Folders = Mapping[str, Sequence[Path]]      # A1111's folder under models/ → where such files are, in the order searched


def find(name: str, folders: Folders) -> FaceFiles:
    """The files of the restorer of that name, whatever its case, in the first of its folders that has it.

    Raises UnknownName, or ModelMissing that says what to put where.
    """
    restorer = named(name)
    own = folders.get(restorer.folder, ())
    found = next(filter(None, (newest(restorer, folder) for folder in own)), None)
    if found is None:
        raise missing(restorer.file, restorer)
    everywhere = dict.fromkeys((*own, *(folder for others in folders.values() for folder in others)))
    detector = next((path for folder in everywhere for path in readable(folder) if path.stem.casefold() == DETECTOR.casefold()), None)
    if detector is None:
        raise missing(f"{DETECTOR}.pth", RESTORERS["gfpgan"])
    return FaceFiles(found, detector)


def present(folders: Folders) -> list[Restorer]:
    """Those restorers whose own file is there."""
    return [each for each in RESTORERS.values() if any(newest(each, folder) for folder in folders.get(each.folder, ()))]


def newest(restorer: Restorer, folder: Path) -> Path | None:
    """Of several the one that bears the restorer's name, then the one with the highest version."""
    own = [path for path in readable(folder) if not path.stem.casefold().startswith(HELPERS)]
    return max(own, key=lambda path: (restorer.name.casefold() in path.stem.casefold(), path.stem.casefold()), default=None)


def readable(folder: Path) -> list[Path]:
    return [entry.path for entry in files(folder) if not entry.problem]


def named(name: str) -> Restorer:
    if name.casefold() not in RESTORERS:
        raise UnknownName("face restorer", name, [each.name for each in RESTORERS.values()])
    return RESTORERS[name.casefold()]


def missing(file: str, restorer: Restorer) -> ModelMissing:
    return ModelMissing(f"{file} is missing: faces cannot be restored.", f"Put {file} into models/{restorer.folder}.")


RESTORERS: Mapping[str, Restorer] = {
    "codeformer": Restorer("CodeFormer", "Codeformer", "codeformer-v0.1.0.pth"),
    "gfpgan": Restorer("GFPGAN", "GFPGAN", "GFPGANv1.4.pth"),
}
