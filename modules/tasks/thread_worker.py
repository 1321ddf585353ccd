"""A worker that is a thread of the server: what a single person's machine, and A1111-style extensions, expect.

Torch is imported in the thread, so that the page is up first.
"""

from __future__ import annotations

import logging
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

from modules.base.errors import described
from modules.engine.jobs import Emit, Ended, JobSpec
from modules.models.catalog import Catalog, Checkpoint

if TYPE_CHECKING:
    from collections.abc import Callable

    from modules.models.device import Placement
    from modules.prompts.chunks import Tokenizer
    from modules.tasks.workshop import Workshop

log = logging.getLogger(__name__)
STOP_SECONDS = 20      # a step in hand may take long on a slow machine; what is lost with it is made again


@dataclass(frozen=True)
class WorkerConfig:
    """What a worker must be told once."""

    outputs: Path                               # finished pictures, in sub folders by task
    cache: Path                                 # pictures nobody asked to keep
    catalog: Catalog
    tokenizer: Callable[[], Tokenizer]
    place: Callable[[], Placement]              # called in the worker's thread: choosing needs torch
    first: Callable[[], Checkpoint | None]      # the model to load before anyone asks


class ThreadWorker:
    """engine.jobs.Worker within this process."""

    def __init__(self, config: WorkerConfig, emit: Emit) -> None:
        self.config, self.emit = config, emit
        self.workshop: Future[Workshop] = Future()
        self.inbox = ThreadPoolExecutor(1, "inbox")      # keeps the order of what is asked, and waits for the workshop
        self.thread = Thread(target=self._run, name="device", daemon=True)

    def start(self) -> None:
        self.thread.start()

    def submit(self, spec: JobSpec) -> None:
        self.inbox.submit(self._submit, spec)

    def interrupt(self, job: str) -> None:
        self.inbox.submit(lambda: self.workshop.result().interrupt(job))

    def skip(self, job: str) -> None:
        self.inbox.submit(lambda: self.workshop.result().skip(job))

    def stop(self) -> None:
        """Let the step in hand finish; unfinished jobs stay recorded and are resumed at the next start."""
        self.inbox.shutdown(wait=False, cancel_futures=True)
        if self.workshop.done() and not self.workshop.exception():
            self.workshop.result().stop()
            self.thread.join(STOP_SECONDS)

    def _submit(self, spec: JobSpec) -> None:
        try:
            self.workshop.result().submit(spec)
        except Exception as error:       # there is no workshop, or it has closed: the job's owner is told
            log.exception("Job %s cannot be begun", spec.id)
            self.emit(Ended(spec.id, "failed", described(error)))

    def _run(self) -> None:
        from modules.tasks.workshop import Workshop

        try:
            workshop = Workshop(self.config, self.emit)
        except BaseException as error:
            self.workshop.set_exception(error)
            raise
        self.workshop.set_result(workshop)
        workshop.run()
