"""The face restorers there are: files under any name but the detector's, which both restorers share. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from modules.base.errors import ModelMissing, UnknownName
from modules.library.catalog import Catalog
from modules.library.model_kinds import CODEFORMER, GFPGAN, ModelKind

DETECTOR_STEM = "detection_Resnet50_Final"
HELPERS = ("detection", "parsing")      # what such folders hold beside restorers: the beginnings of their names


@dataclass(frozen=True, slots=True)
class FaceRestorer:
    """name: as A1111's settings have it; folder: below that of models; file: the newest there is,
    for the hint where there is none
    """

    name: str
    kind: ModelKind
    folder: str
    file: str


@dataclass(frozen=True, slots=True)
class FaceFiles:
    """The files that restoring faces takes."""

    restorer: Path
    detector: Path


Catalogs = Mapping[str, Catalog]      # the name of a kind → its files


def refresh_restorers(catalogs: Catalogs) -> None:
    """Look into their folders again."""
    for restorer in FACE_RESTORERS.values():
        if catalog := catalogs.get(restorer.kind.name):
            catalog.refresh()


def find_face_files(name: str, catalogs: Catalogs) -> FaceFiles:
    """The files of the restorer of that name, whatever its case.

    Raises UnknownName, or ModelMissing that says what to put where.
    """
    restorer = restorer_named(name)
    found = newest_file(restorer, catalogs)
    if found is None:
        raise missing_face_file(restorer.file, restorer)
    everywhere = (restorer, *(each for each in FACE_RESTORERS.values() if each != restorer))
    paths = (path for each in everywhere for path in present_files(each, catalogs))
    detector = next((path for path in paths if path.stem.casefold() == DETECTOR_STEM.casefold()), None)
    if detector is None:
        raise missing_face_file(f"{DETECTOR_STEM}.pth", FACE_RESTORERS["gfpgan"])
    return FaceFiles(found, detector)


def present_restorers(catalogs: Catalogs) -> list[FaceRestorer]:
    """The restorers that have a file here."""
    return [each for each in FACE_RESTORERS.values() if newest_file(each, catalogs)]


def newest_file(restorer: FaceRestorer, catalogs: Catalogs) -> Path | None:
    """In the first folder that has any, the file that bears the restorer's name,
    then the one with the highest version.
    """
    own = [path for path in present_files(restorer, catalogs) if not path.stem.casefold().startswith(HELPERS)]
    roots = catalogs[restorer.kind.name].roots if own else ()
    own = next((here for root in roots if (here := [path for path in own if path.is_relative_to(root)])), own)
    return max(
        own, key=lambda path: (restorer.name.casefold() in path.stem.casefold(), path.stem.casefold()), default=None
    )


def present_files(restorer: FaceRestorer, catalogs: Catalogs) -> list[Path]:
    """The files in its folders, broken ones too: what is wrong with a file is told when it is loaded."""
    catalog = catalogs.get(restorer.kind.name)
    files = catalog.list() if catalog else []
    return [file.path for file in files if restorer.kind.stem(file.path) and file.path.is_file()]


def restorer_named(name: str) -> FaceRestorer:
    """Whatever the case. Raises UnknownName."""
    if name.casefold() not in FACE_RESTORERS:
        raise UnknownName("face restorer", name, [each.name for each in FACE_RESTORERS.values()])
    return FACE_RESTORERS[name.casefold()]


def missing_face_file(file: str, restorer: FaceRestorer) -> ModelMissing:
    return ModelMissing(f"{file} is missing: faces cannot be restored.", f"Put {file} into models/{restorer.folder}.")


FACE_RESTORERS: Mapping[str, FaceRestorer] = {
    "codeformer": FaceRestorer("CodeFormer", CODEFORMER, "Codeformer", "codeformer-v0.1.0.pth"),
    "gfpgan": FaceRestorer("GFPGAN", GFPGAN, "GFPGAN", "GFPGANv1.4.pth"),
}
