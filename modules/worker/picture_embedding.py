"""Jobs that look at the library's pictures with CLIP's image encoder, so that pictures of the same thing are found."""

from __future__ import annotations

import time
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import torch
from PIL import Image

from modules.app.galleries import THUMBNAILS
from modules.base.border import outcome
from modules.engine.messages import JobSpec
from modules.gallery.embeddings import PictureEmbeddings
from modules.gallery.gallery import picture_path
from modules.gallery.index import PictureIndex, PictureRow
from modules.gallery.thumbnails import Thumbnails
from modules.library.image_encoders import find_image_encoder
from modules.library.library import Library
from modules.models.clip_vision import load_image_encoder, picture_embeddings
from modules.params.picture_embedding import PictureEmbedding
from modules.requests.recorded import recorded_request
from modules.settings.account_paths import account_paths
from modules.worker.file_jobs import FileJob, FileWork

EMBEDDED_AT_ONCE = 8      # pictures in one call of the encoder, and between two writes
MOST_EMBEDDED = 2_000     # pictures of one job: others wait for such jobs, and the page asks for more
LONGEST_REST = 2.0        # s


def plan_picture_embedding(spec: JobSpec, library: Library) -> FileWork:
    """Plan a job. Raises ModelMissing or ModelCorrupt for an encoder that is no longer there."""
    request = recorded_request(PictureEmbedding, spec.params)
    file = find_image_encoder(library, request.encoder)

    def work(job: FileJob) -> None:
        index = PictureIndex(account_paths(job.places, spec.owner).library)
        known, thumbnails = PictureEmbeddings(index, file.name), Thumbnails(job.places.cache / THUMBNAILS)
        waiting = known.unknown(request.picture)[:MOST_EMBEDDED]
        encoder = load_image_encoder(file.path, torch.device("cpu"))      # the other device is for who draws
        for start in range(0, len(waiting), EMBEDDED_AT_ONCE):
            job.progress(start, len(waiting))
            began = time.monotonic()
            looked = dict(small_pictures(index, thumbnails, waiting[start : start + EMBEDDED_AT_ONCE]))
            if looked:
                known.put(dict(zip(looked, picture_embeddings(encoder, [*looked.values()]), strict=True)))
            time.sleep(min(time.monotonic() - began, LONGEST_REST))      # half of a processor's time stays free

    return work


def small_pictures(index: PictureIndex, thumbnails: Thumbnails, ids: list[int]) -> Iterator[tuple[int, Image.Image]]:
    """Yield pictures by their ids, small; those that cannot be read are marked as broken, and left out."""
    for row in index.rows(ids):
        image = outcome(small_picture, index, thumbnails, row)
        if isinstance(image, Exception):
            index.mark_broken(row.id, str(image))
        else:
            yield row.id, image


def small_picture(index: PictureIndex, thumbnails: Thumbnails, row: PictureRow) -> Image.Image:
    """Return a picture's thumbnail, decoded. Raises InvalidImage or NotFound."""
    path: Path = picture_path(index, row)
    with Image.open(BytesIO(thumbnails.of(path, row.digest))) as image:
        return image.convert("RGB")
