"""Pictures that jobs make, put into their owner's library at once, with what they were made from."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from queue import SimpleQueue
from threading import Lock, Thread
from typing import Any

from PIL import Image

from modules.app.galleries import Galleries
from modules.base.border import logged, outcome
from modules.base.errors import NotFound
from modules.gallery.gallery import JobOrigin
from modules.gallery.index import PictureRow
from modules.gallery.thumbnails import looks_of
from modules.imaging.thumbnail import thumbnail_jpeg
from modules.settings.account_paths import account_paths
from modules.store.jobs import PICTURES, JobStore, OutputRecord

log = logging.getLogger(__name__)
SAME_INPUT = 4      # bits of 64 in which a sent picture may look different: a browser may have shrunk it
MADE_FROM_OTHERS = frozenset({"img2img", "inpaint", "extras"})


class PictureRecorder:
    """A thread that records pictures, so that no job waits for it. Any thread may call `note`."""

    def __init__(self, galleries: Galleries, store: JobStore) -> None:
        self.galleries, self.store = galleries, store
        self._waiting: SimpleQueue[tuple[str, OutputRecord]] = SimpleQueue()
        self._thread: Thread | None = None
        self._starting = Lock()

    def note(self, job: str, output: OutputRecord) -> None:
        """Record an output soon, if it is a picture in the outputs."""
        if not output.saved or output.kind not in PICTURES:
            return
        self._waiting.put((job, output))
        with self._starting:
            if self._thread is None:
                self._thread = Thread(target=self._run, name="picture recorder", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while True:
            job, output = self._waiting.get()
            logged(self.record, job, output, failure=f"Picture {output.index} of job {job} is not in the library yet")

    def record(self, job: str, output: OutputRecord) -> None:
        """Put a picture into its owner's library, with its looks and its parents."""
        record = self.store.get(job)
        if record is None:
            return
        gallery = self.galleries.of(record.owner)
        try:
            number = gallery.record(Path(output.path), JobOrigin(job, output.index, output.infotext))
            if number is not None:
                row = gallery.index.picture(number)
                gallery.looks.of(row)
                self.find_parents(record.owner, row)
        except (FileNotFoundError, NotFound):
            log.info("Picture %d of job %s was deleted before it was in the library", output.index, job)

    def find_parents(self, owner: str, row: PictureRow) -> None:
        """Record from which picture of the library a picture was made, by how the pictures look that its job was sent.

        It is asked again for one without parents, as more pictures are looked at.
        """
        record = self.store.get(row.job, owner)
        gallery = self.galleries.of(owner)
        if record is None or not gallery or gallery.index.parents_of(row.id):
            return
        inputs = account_paths(self.galleries.paths, owner).inputs
        how = "inpaint" if record.params.get("mask") else record.kind
        for name in sent_names(record.params, row.position):
            parent = outcome(self._parent, owner, row, inputs / name)
            if isinstance(parent, int):
                gallery.index.add_parents(row.id, [(parent, how)])

    def _parent(self, owner: str, row: PictureRow, sent: Path) -> int | None:
        """Return the picture of the library that a sent one is; the newest of several. Raises InvalidImage, OSError."""
        with Image.open(sent) as image:
            ratio = image.width / max(image.height, 1)
        found = self.galleries.of(owner).looks.nearest(looks_of(thumbnail_jpeg(sent)), SAME_INPUT, ratio)
        return next((number for number, _ in found if number != row.id), None)


def sent_names(params: Mapping[str, Any], position: int) -> list[str]:
    """Return the names of the pictures that a job's picture was made from."""
    for key in ("init_images", "images"):
        names = [name for name in params.get(key) or () if isinstance(name, str) and "/" not in name]
        if names:
            return [names[position]] if 0 < position < len(names) else names[:1]
    return []
