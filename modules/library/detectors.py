"""Detectors' files by the names that people and programs have for them. No torch."""

from __future__ import annotations

from collections.abc import Sequence

from modules.base.errors import ModelCorrupt, UnknownName
from modules.library.catalog import ModelFile
from modules.library.library import Library

OWN_DETECTOR = "mtcnn_face"              # ships with Easel
MEDIAPIPE = "mediapipe_face"             # begins names of ADetailer's detectors that are parts of another program


def detector_titles(library: Library) -> list[str]:
    """Return the usable files' names, as lists have them: Easel's own first, others with their endings."""
    files = [file for file in library.of("detector").list() if not file.problem]
    names = [OWN_DETECTOR if file.model_name == OWN_DETECTOR else file.path.name for file in files]
    return sorted(dict.fromkeys(names), key=lambda name: (name != OWN_DETECTOR, name.casefold()))


def find_detector(library: Library, name: str) -> ModelFile:
    """Return the file of a name, with or without its ending. Raises UnknownName or ModelCorrupt.

    Easel's own stands in for MediaPipe's faces, which are no files.
    """
    wanted = stand_in(name).casefold()
    for files in library.of("detector").list_and_again():
        for file in files:
            if wanted in {file.path.name.casefold(), *(each.casefold() for each in file.names)}:
                if file.problem:
                    raise ModelCorrupt(file.problem, "Choose another detector.")
                return file
    raise UnknownName("detector", name, detector_titles(library) or ["none: put one into models/adetailer"])


def stand_in(name: str) -> str:
    return OWN_DETECTOR if name.strip().casefold().startswith(MEDIAPIPE) else name.strip()


def detector_notes(names: Sequence[str]) -> tuple[str, ...]:
    """Return remarks on detectors that another stands in for."""
    return tuple(
        f"{name} is not among Easel's detectors: faces were found by {OWN_DETECTOR}."
        for name in names if stand_in(name) != name.strip()
    )
