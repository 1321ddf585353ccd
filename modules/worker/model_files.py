"""Jobs that make model files from others: merges, conversions, extracted LoRAs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from modules.base.files import NewFile, new_file
from modules.engine.messages import JobSpec
from modules.library.library import Library
from modules.library.safetensors_header import read_header
from modules.models.merging import Recipe, convert, merge
from modules.models.merging.extract_lora import extract_lora
from modules.params.merge import NO_VAE, Conversion, Extraction, Merge
from modules.params.merge_methods import MERGE_METHODS
from modules.requests.merge import check_free, path_of_new
from modules.requests.recorded import recorded_request
from modules.store.jobs import MODEL
from modules.worker.file_jobs import FileJob, FileWork

Write = Callable[[NewFile, FileJob], Mapping[str, Any]]      # writes the file, and returns its facts


def plan_merge(spec: JobSpec, library: Library) -> FileWork:
    """Plan a merge. Raises UnknownName for a file that is missing by now."""
    request = recorded_request(Merge, spec.params)
    files = [library.checkpoints.find(name) for name in request.models]
    vae = library.vaes.find(request.vae).path if request.vae not in NO_VAE else None

    def write(out: NewFile, job: FileJob) -> Mapping[str, Any]:
        for note in merge_notes(request):
            job.warn(note)
        hashes = tuple(library.checkpoints.hashed(file).sha256 or "" for file in files)
        merge(Recipe(request, tuple(file.path for file in files), vae, hashes), out, job.progress)
        return {}

    return new_model(spec.id, "checkpoint", path_of_new(request.name, library.checkpoints), write)


def merge_notes(request: Merge) -> list[str]:
    """Return remarks on a merge that is probably a mistake."""
    total = sum(request.more)
    if MERGE_METHODS[request.method].open and total > 1:
        return [f"The shares are {total:g} together, so that A is in the result with {1 - total:g}."]
    return []


def plan_conversion(spec: JobSpec, library: Library) -> FileWork:
    """Plan a conversion. Raises UnknownName for a file that is missing by now."""
    request = recorded_request(Conversion, spec.params)
    source = library.checkpoints.find(request.model).path

    def write(out: NewFile, job: FileJob) -> Mapping[str, Any]:
        convert(request, source, out, job.progress)
        return {}

    return new_model(spec.id, "checkpoint", path_of_new(request.name, library.checkpoints), write, source)


def plan_extraction(spec: JobSpec, library: Library) -> FileWork:
    """Plan an extraction. Raises UnknownName for a file that is missing by now."""
    request = recorded_request(Extraction, spec.params)
    tuned, base = (library.checkpoints.find(name).path for name in (request.tuned, request.base))

    def write(out: NewFile, job: FileJob) -> Mapping[str, Any]:
        if not out.is_whole:
            extract_lora(tuned, base, out, request.rank, job.progress)
        return {"weights": len(read_header(out.path).shapes) // 3}      # a weight has two factors and an alpha

    return new_model(spec.id, "lora", path_of_new(request.name, library.loras), write)


def new_model(job_id: str, kind: str, path: Path, write: Write, source: Path | None = None) -> FileWork:
    """Return the work that writes a model file of that kind, whole or not at all.

    source: the file whose .yaml the new one may have beside it
    """

    def work(job: FileJob) -> None:
        if job.spec.done:      # the program died between writing the file and ending the job
            return
        with new_file(path, job_id) as out:
            if not out.is_whole:
                check_free(path, source)      # another job may have written it meanwhile
            facts = write(out, job)
            job.add_output(MODEL, path, {"model_kind": kind, **facts})

    return work
