"""A worker that is a thread of the server: what a single person's machine, and A1111-style extensions, expect.

Torch is imported in the thread, so that the page is up first.
"""

from __future__ import annotations

import logging
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Thread
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from modules.app.fair_queue import FILES
from modules.base.border import outcome
from modules.base.errors import error_data, sentence
from modules.base.imports import TORCH, preload, uncollected
from modules.engine.messages import Emit, Ended, JobSpec, WorkerState
from modules.store.jobs import FAILED, INTERRUPTED
from modules.worker.config import WorkerConfig
from modules.worker.file_jobs import FileJobs
from modules.worker.planners import lane_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from modules.worker.runner import JobRunner

log = logging.getLogger(__name__)
STOP_SECONDS = 20      # a step in hand may take long on a slow machine; what is lost with it is made again


class ThreadWorker:
    """The `Worker` of engine.messages within this process."""

    def __init__(self, config: WorkerConfig, emit: Emit) -> None:
        self.config, self.emit = config, emit
        self.runner: Future[JobRunner] = Future()
        # by owner: plans their jobs in their order, once there is a runner
        self.inboxes: dict[str, ThreadPoolExecutor] = {}
        self.asked: WeakValueDictionary[str, Future[None]] = WeakValueDictionary()      # jobs until they are planned
        self.stopping = False
        self.files = FileJobs(config, emit)
        self.thread = Thread(target=self._run, name="device", daemon=True)

    def start(self) -> None:
        self.thread.start()

    def submit(self, spec: JobSpec) -> None:
        if lane_of(spec.kind) == FILES:
            self.files.submit(spec)
            return
        if spec.owner not in self.inboxes:
            # of their own: planning thousands of pictures takes seconds
            self.inboxes[spec.owner] = ThreadPoolExecutor(1, "inbox")
        self.asked[spec.id] = self.inboxes[spec.owner].submit(self._submit, spec)

    def interrupt(self, job: str) -> None:
        if self.files.interrupt(job):
            return
        asked = self.asked.get(job)
        if asked and asked.cancel():
            self.emit(Ended(job, INTERRUPTED))
        else:
            self._once_planned(job, lambda runner: runner.interrupt(job))

    def skip(self, job: str) -> None:
        self._once_planned(job, lambda runner: runner.skip(job))

    def keep_loaded(self, checkpoint: str) -> None:
        if self.runner.done() and not self.runner.exception():
            self.runner.result().keep_loaded(checkpoint)

    def try_again(self) -> None:
        """Do nothing: a thread does not crash without its process."""

    def stop(self) -> None:
        """Let the step in hand finish; unfinished jobs stay recorded and are resumed at the next start."""
        self.stopping = True
        self.files.stop()
        for inbox in list(self.inboxes.values()):
            inbox.shutdown(wait=False, cancel_futures=True)
        if self.runner.done() and not self.runner.exception():
            self.runner.result().stop()
            self.thread.join(STOP_SECONDS)
        if self.files.thread.is_alive():
            self.files.thread.join(STOP_SECONDS)

    def _once_planned(self, job: str, do: Callable[[JobRunner], None]) -> None:
        """Now, or as soon as the job has been planned."""

        def tell(_: Future[Any]) -> None:
            if self.runner.done() and not self.runner.exception():
                do(self.runner.result())

        (self.asked.get(job) or self.runner).add_done_callback(tell)

    def _submit(self, spec: JobSpec) -> None:
        error = self.runner.exception()      # waits for the runner: until then a death is none of this job's
        if not error:
            self.config.note_in_hand(f"planning for {spec.owner}", [spec.id])
            error = outcome(self.runner.result().submit, spec)
            self.config.note_in_hand(f"planning for {spec.owner}", [])
        # there is no runner, or it has closed; while stopping the job stays recorded
        if error and not self.stopping:
            log.warning("Job %s cannot be begun: %s", spec.id, error_data(error)["error"])
            self.emit(Ended(spec.id, FAILED, error_data(error)))

    def _run(self) -> None:
        runner = self._open_runner()
        self.files.start()      # not before: two threads that begin to import torch at once may see half of it
        if runner and not self.stopping:
            with runner.open() as engine:
                engine.run()

    def _open_runner(self) -> JobRunner | None:
        """None if there will be no pictures; whoever asks for one is told why."""
        runner = outcome(self._new_runner)
        if isinstance(runner, Exception):       # torch that cannot be imported, say
            log.error("Pictures cannot be made", exc_info=runner)
            self.runner.set_exception(runner)
            self.emit(WorkerState("", error=sentence(runner)))
            return None
        self.runner.set_result(runner)
        return runner

    def _new_runner(self) -> JobRunner:
        preload("torch", TORCH)
        with uncollected("modules.worker.runner"):
            from modules.worker.runner import JobRunner

        return JobRunner(self.config, self.emit)
