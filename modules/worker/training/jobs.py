"""Jobs that train: one after another in a thread beside the engine's, whose questions the engine answers.

A run that is paused, or whose server ends, keeps its state and goes on from it, to the bit.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from queue import SimpleQueue
from threading import Thread

import torch

from modules.base.border import logged, outcome
from modules.base.errors import DiskFull, WebUIError, error_data
from modules.engine import messages as events
from modules.engine.engine import Engine
from modules.engine.messages import Emit, JobSpec
from modules.library.library import Library
from modules.prompts.chunks import Tokenizer
from modules.sampling.questions import Task
from modules.store.jobs import DONE, FAILED, GIVEN_BACK, INTERRUPTED
from modules.store.run_folder import PAUSE, STOP
from modules.training.run import run_course
from modules.training.state import newest_state
from modules.worker.training.class_pictures import DrawingEnds
from modules.worker.training.desk import TrainingDesk
from modules.worker.training.follower import RunFollower
from modules.worker.training.measuring import MEASURE, measure_training
from modules.worker.training.new_networks import NEW_NETWORK, write_new_network
from modules.worker.training.planning import TrainingPlan, plan_training

log = logging.getLogger(__name__)
# kinds that are over in a moment
QUICK_KINDS: Mapping[str, Callable[[TrainingPlan, Emit], Task[None]]] = {
    NEW_NETWORK: write_new_network, MEASURE: measure_training,
}
PAUSED_FOR_SPACE = "The run is paused. Make room and resume it: it goes on from its last state."


class ServerStops(Exception):
    """Raised in a run whose server ends, and which goes on at the next start."""


@dataclass(eq=False)
class OpenRun:
    """A run that waits or is in hand. ending: "" goes on, else one of the orders PAUSE and STOP, or "server"."""

    spec: JobSpec
    ending: str = ""
    desk: TrainingDesk | None = None


SERVER = "server"      # a run's ending when its server stops


class TrainingJobs:
    """The queue of runs and its thread. Any thread may call `submit`, `interrupt`, `stop` and `close`."""

    def __init__(self, library: Library, tokenizer: Tokenizer, engine: Engine, emit: Emit) -> None:
        self.library, self.tokenizer, self.engine, self.emit = library, tokenizer, engine, emit
        self.runs: dict[str, OpenRun] = {}
        self._waiting: SimpleQueue[OpenRun | None] = SimpleQueue()
        self.thread = Thread(target=self._run, name="training", daemon=True)

    def submit(self, spec: JobSpec) -> None:
        run = self.runs[spec.id] = OpenRun(spec)
        if spec.kind in QUICK_KINDS:      # takes a moment, and waits for no run
            Thread(target=self._end_of, args=(run,), name="training aside", daemon=True).start()
            return
        if not self.thread.is_alive():
            self.thread.start()
        self._waiting.put(run)

    def interrupt(self, job: str) -> bool:
        """Stop a run before its next step; False if it is none."""
        if run := self.runs.get(job):
            run.ending = STOP
        return run is not None

    def stop(self, seconds: float) -> None:
        """Let the run keep its state: it goes on at the next start."""
        for run in list(self.runs.values()):
            run.ending = SERVER
        self._waiting.put(None)
        if self.thread.is_alive():
            self.thread.join(seconds)

    def close(self, error: BaseException) -> None:
        """The engine has stopped: nobody waits for it any longer."""
        for run in list(self.runs.values()):
            if run.desk:
                run.desk.close(error)
        self._waiting.put(None)

    def _run(self) -> None:
        while run := self._waiting.get():
            self._end_of(run)

    def _end_of(self, run: OpenRun) -> None:
        with torch.enable_grad():
            ended = outcome(self._carry_out, run)
        self.runs.pop(run.spec.id, None)
        self._tell_end(run, ended)

    def _tell_end(self, run: OpenRun, ended: object) -> None:
        job = run.spec.id
        if isinstance(ended, ServerStops):
            return
        if isinstance(ended, Exception):
            unforeseen = None if isinstance(ended, WebUIError) else ended
            log.warning("Training %s failed: %s", job, error_data(ended)["error"], exc_info=unforeseen)
            logged(self.emit, events.Ended(job, FAILED, error_data(ended)))
        else:
            logged(self.emit, events.Ended(job, str(ended)))

    def _carry_out(self, run: OpenRun) -> str:
        """Train, and return the state in which the job ends."""
        if run.ending:
            return self._state_of(run)
        plan = plan_training(run.spec, self.library, self.tokenizer)
        run.desk = TrainingDesk(self.engine, run.spec, plan.request.train_share)
        if short := QUICK_KINDS.get(run.spec.kind):
            run.desk.carry_out(short(plan, self.emit))
            return DONE
        try:
            if plan.request.num_class_images:
                self.emit(events.Started(run.spec.id))
            course, lessons = run.desk.carry_out(plan.course(lambda: not run.ending))
            with RunFollower(plan, course, lessons, self.emit, lambda: run.ending) as follower:
                finished = run.desk.carry_out(run_course(course, lessons, follower, newest_state(plan.folder.state)))
                follower.finish(finished)
        except DrawingEnds:
            return self._state_of(run)
        except DiskFull as full:
            logged(self.emit, events.Warned(run.spec.id, f"{full} {PAUSED_FOR_SPACE}"))
            return GIVEN_BACK
        run.ending = run.ending or follower.ending
        return self._state_of(run)

    def _state_of(self, run: OpenRun) -> str:
        if run.ending == SERVER:
            raise ServerStops
        return {STOP: INTERRUPTED, PAUSE: GIVEN_BACK}.get(run.ending, DONE)
