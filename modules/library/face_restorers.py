"""The face restorers: files of any name, and the detector that they share. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from modules.base.errors import ModelMissing, UnknownName
from modules.library.catalog import Catalog
from modules.library.model_kinds import CODEFORMER, GFPGAN, ModelKind

DETECTOR_STEM = "detection_Resnet50_Final"
HELPERS = ("detection", "parsing")      # beginnings of the names of other files in their folders


@dataclass(frozen=True, slots=True)
class FaceRestorer:
    """A face restorer.

    name: as in A1111's settings; folder: below the models' folder; file: the newest one, for the hint
    """

    name: str
    kind: ModelKind
    folder: str
    file: str


@dataclass(frozen=True, slots=True)
class FaceFiles:
    """The files that a restorer needs."""

    restorer: Path
    detector: Path


Catalogs = Mapping[str, Catalog]      # the name of a kind → its files


def refresh_restorers(catalogs: Catalogs) -> None:
    """Read their folders again."""
    for restorer in FACE_RESTORERS.values():
        if catalog := catalogs.get(restorer.kind.name):
            catalog.refresh()


def find_face_files(name: str, catalogs: Catalogs) -> FaceFiles:
    """Return the files of the restorer of that name, in any case.

    Raises UnknownName, or ModelMissing with a hint on which file to put where.
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
    """Return the restorers that have a file here."""
    return [each for each in FACE_RESTORERS.values() if newest_file(each, catalogs)]


def newest_file(restorer: FaceRestorer, catalogs: Catalogs) -> Path | None:
    """Return the restorer's file in the first folder that has any: its own name's, else the highest version."""
    own = [path for path in present_files(restorer, catalogs) if not path.stem.casefold().startswith(HELPERS)]
    roots = catalogs[restorer.kind.name].roots if own else ()
    own = next((here for root in roots if (here := [path for path in own if path.is_relative_to(root)])), own)
    return max(
        own, key=lambda path: (restorer.name.casefold() in path.stem.casefold(), path.stem.casefold()), default=None
    )


def present_files(restorer: FaceRestorer, catalogs: Catalogs) -> list[Path]:
    """Return the files in its folders, also broken ones: their problems are shown when they are loaded."""
    catalog = catalogs.get(restorer.kind.name)
    files = catalog.list() if catalog else []
    return [file.path for file in files if restorer.kind.stem(file.path) and file.path.is_file()]


def restorer_named(name: str) -> FaceRestorer:
    """Return the restorer of that name, in any case. Raises UnknownName."""
    if name.casefold() not in FACE_RESTORERS:
        raise UnknownName("face restorer", name, [each.name for each in FACE_RESTORERS.values()])
    return FACE_RESTORERS[name.casefold()]


def missing_face_file(file: str, restorer: FaceRestorer) -> ModelMissing:
    return ModelMissing(f"{file} is missing: faces cannot be restored.", f"Put {file} into models/{restorer.folder}.")


FACE_RESTORERS: Mapping[str, FaceRestorer] = {
    "codeformer": FaceRestorer("CodeFormer", CODEFORMER, "Codeformer", "codeformer-v0.1.0.pth"),
    "gfpgan": FaceRestorer("GFPGAN", GFPGAN, "GFPGAN", "GFPGANv1.4.pth"),
}
