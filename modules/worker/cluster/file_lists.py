"""The files that a job needs of the server: models by their content, input pictures, pictures that are done. No torch.

A worker that does not see the server's folders is sent them before the job. Which models a job needs is read from its
texts: a model whose name stands in one may be used, so a list may be longer than needed, never shorter.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from modules.base.errors import WebUIError
from modules.engine.messages import JobSpec
from modules.imaging.inputs import NAME
from modules.library.catalog import Catalog, ModelFile
from modules.library.library import AUTOMATIC_VAE, Library
from modules.library.model_kinds import (
    CHECKPOINT,
    CODEFORMER,
    EMBEDDING,
    EMBEDDING_PICTURES,
    FLAG,
    GFPGAN,
    SAFETY_CHECKER,
    VAE,
    VAE_ENDINGS,
    ModelKind,
)
from modules.store.hashes import HashCache
from modules.store.step_files import STEPS_FOLDER, StepFiles
from modules.worker.texts import every_text

PROMPTS = ("prompt", "negative_prompt", "hr_prompt", "hr_negative_prompt")
FACE_KINDS = (GFPGAN.name, CODEFORMER.name)
SIDECARS = (".yaml", ".json")      # of a model: A1111's configuration, the user's metadata
ENDS_NAME = r"(?![\w-])"
BEGINS_NAME = r"(?<![\w-])"


@dataclass(frozen=True)
class NeededFile:
    """A file that a job needs.

    place: its path in the worker's data folder, with `/`; path: the server's file, which the worker is not told
    kind: the kind of model; "" for another file
    """

    place: str
    size: int
    sha256: str
    kind: str = ""
    path: Path = Path()

    def told(self) -> dict[str, Any]:
        """Return what a worker is told of it."""
        return {name: value for name, value in asdict(self).items() if name != "path"}


@dataclass(frozen=True)
class FileLists:
    """Lists the files of jobs.

    models_root: the folder of the server's models; cache: its cache, with input pictures
    """

    library: Library
    models_root: Path
    cache: Path

    def of(self, spec: JobSpec) -> list[NeededFile]:
        """Return the files that a job needs. Reads and hashes files. Raises OSError for one that has gone."""
        listed = [*self.models(spec), *self.inputs(spec), *self.done(spec), *self.steps(spec)]
        return list({file.place: file for file in listed}.values())

    def models(self, spec: JobSpec) -> Iterator[NeededFile]:
        wanted = NamedModels(spec)
        for catalog in self.library.catalogs.values():
            for file in catalog.list():
                if not file.problem and wanted.includes(catalog, file):
                    yield from self.with_sidecars(catalog, file)
                    yield from self.preferred_vae(catalog, file)
        folder = self.library.approximations
        for path in sorted(folder.glob("*")) if folder.is_dir() else ():
            yield needed_file(path, f"models/{folder.name}/{path.name}", self.hashes)

    def with_sidecars(self, catalog: Catalog, file: ModelFile) -> Iterator[NeededFile]:
        try:
            known = catalog.hashed(file)
        except WebUIError:      # it has gone, or is no model
            return
        place = self.place_of(catalog.kind, file)
        yield NeededFile(place, known.size, known.sha256 or "", catalog.kind.name, file.path)
        for ending in SIDECARS:
            beside = file.path.with_suffix(ending)
            if beside.is_file():
                yield needed_file(beside, str(Path(place).with_suffix(ending).as_posix()), self.hashes)

    def preferred_vae(self, catalog: Catalog, file: ModelFile) -> Iterator[NeededFile]:
        """Yield the VAE that the user prefers with a checkpoint."""
        vae = self.library.vae_for(file, AUTOMATIC_VAE[0]) if catalog.kind.name == CHECKPOINT.name else None
        if vae:
            yield from self.with_sidecars(self.library.vaes, vae)

    def place_of(self, kind: ModelKind, file: ModelFile) -> str:
        """Return a model's place: its own below the models' folder, else its name in the kind's first folder."""
        if file.path.is_relative_to(self.models_root):
            return f"models/{file.path.relative_to(self.models_root).as_posix()}"
        folder = next(place for place in kind.where if not place.startswith(FLAG))
        return f"models/{folder}/{file.name}"

    def inputs(self, spec: JobSpec) -> Iterator[NeededFile]:
        for name in dict.fromkeys(NAME.findall(json.dumps(dict(spec.params)))):
            path = self.cache / "inputs" / spec.folder / name
            if path.is_file():
                yield needed_file(path, f"cache/inputs/{spec.folder}/{name}" if spec.folder else f"cache/inputs/{name}")

    def done(self, spec: JobSpec) -> Iterator[NeededFile]:
        for index, path in zip(spec.done, map(Path, spec.paths), strict=False):
            if path.is_file():
                yield needed_file(path, done_place(spec.id, index, path))

    def steps(self, spec: JobSpec) -> Iterator[NeededFile]:
        """Yield what another machine has kept of pictures in the making."""
        for path in StepFiles(self.cache).of_job(spec.id):
            yield needed_file(path, f"cache/{STEPS_FOLDER}/{path.name}")

    @property
    def hashes(self) -> HashCache:
        return self.library.checkpoints.hashes


def needed_file(path: Path, place: str, hashes: HashCache | None = None) -> NeededFile:
    """Return a file as needed at a place. Raises OSError."""
    digest = hashes.sha256(path) if hashes else sha256(path.read_bytes()).hexdigest()
    return NeededFile(place, path.stat().st_size, digest, path=path)


def done_place(job: str, index: int, path: Path) -> str:
    """Return the place of a picture that is done, which the job's grids show."""
    return f"cache/done/{job}/{index}{path.suffix}"


def with_done_places(spec: JobSpec, root: Path) -> JobSpec:
    """Return a job with its pictures that are done where a worker with that data folder has been sent them."""
    places = zip(spec.done, map(Path, spec.paths), strict=False)
    return replace(spec, paths=tuple(str(root / done_place(spec.id, index, path)) for index, path in places))


class NamedModels:
    """The models that a job's texts name, in any case."""

    def __init__(self, spec: JobSpec) -> None:
        self.settings = spec.settings
        prompts = [str(spec.params.get(name) or "") for name in PROMPTS]
        others = {name: value for name, value in spec.params.items() if name not in PROMPTS}
        self.prompts = "\n".join(prompts).casefold()
        self.others = "\n".join([*every_text(others), *every_text(spec.settings)]).casefold()
        self.restores = bool(spec.params.get("restore_faces")) or any(
            name in self.others for name in FACE_KINDS
        )

    def includes(self, catalog: Catalog, file: ModelFile) -> bool:
        """Return whether the job may use a model file."""
        kind = catalog.kind
        if kind.name in FACE_KINDS:
            return self.restores
        if kind.name == SAFETY_CHECKER.name:
            return any(key.startswith(kind.name) and value != "Off" for key, value in self.settings.items())
        if kind.name == CHECKPOINT.name and not self.settings.get("sd_model_checkpoint"):
            return catalog.default() == file or self.names(file, self.others)
        if kind.name == EMBEDDING.name and file.path.suffix.casefold() in EMBEDDING_PICTURES:
            return True      # its word stands inside the picture
        prompted = kind.name == EMBEDDING.name and self.names(file, self.prompts)
        tagged = kind.tag and any(stands_in(f":{name}", self.prompts) for name in file_names(file))
        return bool(prompted or tagged) or self.names(file, self.others)

    def names(self, file: ModelFile, text: str) -> bool:
        return any(stands_in(name, text) for name in file_names(file))


def file_names(file: ModelFile) -> Iterable[str]:
    """Return all names that a job may have for a file; a VAE has its checkpoint's too."""
    vae = VAE.stem(file.path) if file.path.name.casefold().endswith(VAE_ENDINGS) else ""
    return dict.fromkeys(filter(None, (*file.names, file.flat_name, file.alias, file.shorthash, vae)))


def stands_in(name: str, text: str) -> bool:
    """Return whether a whole name, in any case, stands in a casefolded text."""
    small = name.casefold()
    begins = "" if small.startswith(":") else BEGINS_NAME
    return small in text and bool(re.search(f"{begins}{re.escape(small)}{ENDS_NAME}", text))
