"""Jobs that put a picture into words."""

from __future__ import annotations

from modules.base.files import write_atomically
from modules.engine.messages import JobSpec
from modules.imaging.inputs import load_input
from modules.library.captioners import find_captioner
from modules.library.library import Library
from modules.models.captioning import load_captioner
from modules.params.interrogation import CAPTION_FOLDER, Interrogation
from modules.requests.recorded import recorded_request
from modules.settings.account_paths import account_paths
from modules.worker.file_jobs import FileJob, FileWork


def plan_interrogation(spec: JobSpec, library: Library) -> FileWork:
    """Plan a job. Raises ModelMissing or ModelCorrupt for a model that is no longer there."""
    request = recorded_request(Interrogation, spec.params)
    file = find_captioner(library, request.captioner)

    def work(job: FileJob) -> None:
        """Write the caption into the cache, where its route finds it."""
        job.progress(0, 1)
        image = load_input(account_paths(job.places, spec.owner).inputs, request.image)
        found = load_captioner(file.path).caption(image, request.num_beams, request.min_length, request.max_length)
        folder = job.places.cache / CAPTION_FOLDER / spec.folder
        write_atomically(folder / request.file_name, found.encode())

    return work
