"""The files of preprocessors that are networks, by the names that people have for them. No torch.

A network of ControlNet's own set is one file, `ControlNetHED.pth`; one of transformers is a folder with a `config.json`
and a `model.safetensors`, whose kind the former tells.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from modules.base.errors import ModelCorrupt, ModelMissing
from modules.library.catalog import ModelFile, small_json
from modules.library.library import Library
from modules.library.model_kinds import ANNOTATOR
from modules.params.preprocessors import Preprocessor, find_preprocessor

ANNOTATOR_FOLDER = f"models/{ANNOTATOR.where[-1]}"
# preprocessors whose own file Easel runs, the one that the table of preprocessors names
ONE_FILE_ANNOTATORS = (
    "openpose", "hed", "hed_safe", "scribble_hed", "pidinet", "pidinet_safe", "pidinet_scribble", "pidinet_sketch",
    "lineart", "lineart_coarse",
)


@dataclass(frozen=True, slots=True)
class TransformersKind:
    """Which of transformers' models a preprocessor runs.

    models: `model_type` in their config.json; example: a repository that has one
    word: in the names of folders that go first
    """

    models: Sequence[str]
    example: str
    word: str = ""


ANNOTATOR_MODELS: Mapping[str, TransformersKind] = {
    "depth": TransformersKind(("dpt",), "Intel/dpt-hybrid-midas"),
    "depth_zoe": TransformersKind(("zoedepth",), "Intel/zoedepth-nyu-kitti"),
    "depth_anything": TransformersKind(("depth_anything",), "LiheYoung/depth-anything-large-hf"),
    "depth_anything_v2": TransformersKind(("depth_anything",), "depth-anything/Depth-Anything-V2-Large-hf", "v2"),
    "segmentation": TransformersKind(("upernet", "segformer"), "openmmlab/upernet-convnext-small"),
}


def is_run(name: str) -> bool:
    """Return whether Easel runs the network of that preprocessor, if its file is there."""
    return name in ONE_FILE_ANNOTATORS or name in ANNOTATOR_MODELS


def find_annotator(library: Library, name: str) -> ModelFile:
    """Return the file of a preprocessor's network.

    Raises ModelMissing, which says what to put where, or ModelCorrupt.
    """
    own = find_preprocessor(name)
    for files in library.of(ANNOTATOR.name).list_and_again():
        if found := min(annotator_files(own, files), key=lambda file: bool(file.problem), default=None):
            if found.problem:
                raise ModelCorrupt(found.problem, "Download it again.")
            return found
    raise ModelMissing(f"The preprocessor {own.title} needs {wanted_file(own)}, which is not here.", where_to_put(own))


def missing_file(library: Library, own: Preprocessor) -> str:
    """Return what a preprocessor needs that is not here; "" if nothing. One that Easel does not run needs its file."""
    if not is_run(own.name):
        return own.file
    return "" if annotator_files(own, library.of(ANNOTATOR.name).list()) else wanted_file(own)


def annotator_files(own: Preprocessor, files: Sequence[ModelFile]) -> list[ModelFile]:
    """Return the files that a preprocessor can run, the one that is meant first."""
    if own.name in ONE_FILE_ANNOTATORS:
        stem = Path(own.file).stem.casefold()
        return [file for file in files if file.model_name.casefold() == stem]
    kind = ANNOTATOR_MODELS[own.name]
    found = [file for file in files if model_type(file) in kind.models]
    return sorted(found, key=lambda file: kind.word not in str(file.path.parent.name).casefold())


def model_type(file: ModelFile) -> str:
    """Return the kind of a file of transformers', as the config.json beside it tells; "" if there is none."""
    return str(small_json(file.path.with_name("config.json")).get("model_type", ""))


def wanted_file(own: Preprocessor) -> str:
    """Return what a preprocessor that Easel runs is read from."""
    return own.file if own.name in ONE_FILE_ANNOTATORS else f"transformers' {ANNOTATOR_MODELS[own.name].models[0]}"


def where_to_put(own: Preprocessor) -> str:
    if own.name in ONE_FILE_ANNOTATORS:
        return f"Put it into {ANNOTATOR_FOLDER}, or leave it where sd-webui-controlnet keeps it."
    return (
        f"Put config.json and model.safetensors of a repository such as {ANNOTATOR_MODELS[own.name].example} into a "
        f"folder of their own in {ANNOTATOR_FOLDER}. Easel does not read {own.file}, the original's layout."
    )
