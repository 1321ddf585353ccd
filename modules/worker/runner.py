"""The job runner: plans a job's images, lets the engine make them, saves them and emits what happens."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import repeat
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from modules.app.fair_queue import CREATION, TRAINING
from modules.base.border import logged, outcome
from modules.base.errors import JobFailed, PicturesRefused, WebUIError, error_data, sentence
from modules.engine import messages as events
from modules.engine.engine import Engine, EngineListeners, ImageTask
from modules.engine.messages import RETURNED, Emit, JobSpec
from modules.engine.waiting import MOST_BEGUN
from modules.models.device import Device
from modules.pipelines.plan import ImagePlan
from modules.pipelines.result import LeftOut, Result
from modules.sampling.detection import Detect
from modules.sampling.questions import Interrupted, Predict, RestoreFaces, Task, Upscale, Weights
from modules.store.jobs import DONE, FAILED, INTERRUPTED
from modules.store.step_files import StepFiles
from modules.worker.config import WorkerConfig
from modules.worker.grids import DonePicture, GridMaker
from modules.worker.hooks.conductor import Conductor
from modules.worker.hooks.errands import Errand
from modules.worker.job_kinds import JobPlan, passes_of, plan_job
from modules.worker.kept_steps import KeptSteps
from modules.worker.moments.moment_planner import moments_of
from modules.worker.moments.protocol import Moments
from modules.worker.planners import lane_of
from modules.worker.previews import Previewer
from modules.worker.saving import Where, beside_files, save_image
from modules.worker.saving_grids import save_grid
from modules.worker.shared_jobs import NO_PICTURES, is_first_part, share_of
from modules.worker.training.desk import TrainingTask
from modules.worker.training.jobs import TrainingJobs

if TYPE_CHECKING:
    from modules.worker.faults import FaultInjector

log = logging.getLogger(__name__)
WORK = (Predict, Upscale, RestoreFaces, Detect)   # questions that show that a job has begun
ON_CPU, ON_GPU = 2, 8       # pictures of one job made side by side, unless the settings say how many
PLOT_ON_CPU = 8             # cells of a plot, as many of these as are no larger than so many pixels together
PLOT_PIXELS = PLOT_ON_CPU * 256 * 256
TRAINING_STOP_SECONDS = 15      # for a run to keep its state when the server ends
MOST_NOTES = 100            # that a job's owner is told; each is written to disk, and a batch may have as many as files


@dataclass
class JobProgress:
    """How far a job has come."""

    spec: JobSpec
    plan: JobPlan
    left: set[int]                                                  # pictures not kept yet
    fractions: dict[int, float] = field(default_factory=dict)       # how far each is sampled
    sampled: float = 0.0                                            # their sum
    begun: bool = False
    interrupted: bool = False
    noted: dict[str, None] = field(default_factory=dict)            # what its owner was told
    refused: int = 0                                                # pictures that the safety checker refused
    done: dict[int, DonePicture] = field(default_factory=dict)      # pictures that are kept, for grids
    error: BaseException | None = None

    @property
    def makes_grids(self) -> bool:
        """Return whether all pictures are this worker's, or were made before."""
        return self.spec.share in ((), NO_PICTURES)

    @property
    def fraction(self) -> float:
        return self.sampled / len(self.plan.numbers)

    def reach(self, index: int, fraction: float) -> None:
        """A picture is so far."""
        self.sampled += fraction - self.fractions.get(index, 0.0)
        self.fractions[index] = fraction

    @property
    def outcome(self) -> events.Ended:
        if self.error:
            return events.Ended(self.spec.id, FAILED, error_data(self.error))
        if self.refused and self.refused == len(self.plan.numbers):
            return events.Ended(self.spec.id, FAILED, error_data(ALL_REFUSED))
        return events.Ended(self.spec.id, INTERRUPTED if self.interrupted else DONE)


class JobRunner:
    """The engine runs in the device's thread; `submit`, `interrupt` and `skip` come from others;
    files and events have the io thread.
    """

    def __init__(self, config: WorkerConfig, emit: Emit) -> None:
        self.config, self.emit = config, emit
        self.io = ThreadPoolExecutor(1, "io")      # files and news; one thread, so that they keep their order
        placement = config.place()
        self.device = Device(config.library, config.tokenizer(), placement, self._tell_model)
        self.previewer = Previewer(self.device, emit, self._later)
        self.kept_steps = KeptSteps(StepFiles(config.cache), self._later)
        self.where = Where(config.outputs, config.cache, self.device.described, config.notes)
        self.faults = fault_injector(config)
        self.engine = Engine(
            self.faults.around(self.device.answer) if self.faults else self.device.answer,
            self._watch,
            batch_weights=self.device.batch_weights,
            told=EngineListeners(self._note_device, self._dropped, idle=self.device.forget_helpers),
        )
        self.trainings = TrainingJobs(config.library, self.device.tokenizer, self.engine, self._emit)
        self.conductor = Conductor(self, config.extensions, self._emit) if config.extensions else None
        self.side_by_side = ON_CPU if placement.device.type == "cpu" else ON_GPU
        self.jobs: dict[str, JobProgress] = {}
        self.failure: Exception | None = None        # why there will be no more pictures
        self.closing = Lock()                        # a job is either begun before that, and ended by it, or refused

    @contextmanager
    def open(self) -> Iterator[Engine]:
        """The engine, to be run until `stop`. Should it fail, every job ends with it: nobody may wait for ever."""
        at_once = ON_CPU if self.side_by_side == ON_CPU else MOST_BEGUN
        place = self.device.placement
        ready = events.WorkerReady("", self.device.described(), at_once, kind=place.kind, memory=place.memory)
        self._emit(ready)
        try:
            self._load_first()
            yield self.engine
        except Exception as error:       # whatever it is, everybody is told
            log.exception("The job runner failed")
            self._close(error)
        finally:
            self.io.shutdown(wait=True)

    def stop(self) -> None:
        """After the step in hand; unfinished jobs stay recorded."""
        self.trainings.stop(TRAINING_STOP_SECONDS)
        self.engine.stop()

    def submit(self, spec: JobSpec) -> None:
        """Decide a job's pictures and hand them to the engine; a job that cannot be planned ends here."""
        if lane_of(spec.kind) in (TRAINING, CREATION):
            self.trainings.submit(spec)
            return
        if self.conductor and self.conductor.takes(spec):
            self._as_a_whole(spec, self.conductor.submit)
            return
        plan = outcome(self._planned, spec)
        if isinstance(plan, Exception):
            log.warning("Job %s cannot be done: %s", spec.id, error_data(plan)["error"], exc_info=unforeseen(plan))
            self._emit(events.Ended(spec.id, FAILED, error_data(plan)))
            return
        if spec.share and hears_moments(plan):
            self._as_a_whole(spec, lambda whole: self.begin(whole, plan))
        else:
            self.begin(spec, plan)

    def _as_a_whole(self, spec: JobSpec, begin: Callable[[JobSpec], object]) -> None:
        """Begin a job in which extensions take part: they may count on all its pictures, so its first part is all."""
        if is_first_part(spec.share):
            begin(replace(spec, share=()))
        else:
            self._emit(events.Ended(spec.id, DONE))

    def begin(self, spec: JobSpec, plan: JobPlan) -> None:
        """Hand the pictures of a planned job to the engine."""
        # by the numbers of all: a worker that finds a file gone leaves the other parts as they are
        everything = plan.grids.order or range(max(len(plan.plans), spec.pictures))
        own = set(share_of(everything, spec.share)) & set(plan.numbers)
        progress = JobProgress(spec, plan, own - set(spec.done))
        if plan.numbers:
            self._begin(progress)
        else:                            # a plot without values
            self._open(progress)
            for note in plan.notes:
                self._later(self._note, progress, note)
            self._later(self._end, progress)

    def _planned(self, spec: JobSpec) -> JobPlan:
        """Plan a job's pictures, with what extensions of Easel's own API make of them."""
        return plan_job(spec, self.config.library, self.config.inputs / spec.folder, self.moments(spec))

    def moments(self, spec: JobSpec) -> Moments | None:
        """Return what extensions of Easel's own API make of a job; None without any."""
        return moments_of(self.config, spec)

    def interrupt(self, job: str) -> None:
        if not (self.trainings.interrupt(job) or (self.conductor and self.conductor.interrupt(job))):
            self.engine.interrupt(job)

    def skip(self, job: str) -> None:
        if not (self.conductor and self.conductor.skip(job)):
            self.engine.skip(job)

    def keep_loaded(self, checkpoint: str) -> None:
        self.engine.between(lambda: self._told_of_failure(lambda: self._keep_loaded(checkpoint)))

    def _begin(self, progress: JobProgress) -> None:
        spec, plan, left = progress.spec, progress.plan, in_drawing_order(progress)
        self._open(progress)
        for warning in plan.warnings():
            self._later(self._note, progress, warning)
        for index, path in zip(spec.done, spec.paths or repeat(""), strict=False):
            if index in progress.plan.numbers:
                progress.reach(index, 1.0)
            if path:
                progress.done[index] = DonePicture(Path(path), beside=beside_files(self.where.cache, spec.id, index))
        self.device.kept = self.config.models_kept()
        alone = spec.alone or plan.settings.pictures_alone
        pictures = [
            ImageTask(
                self._task(progress, i), spec.id, i, spec.owner, spec.turn + place * spec.pace, alone, plan.batch_of(i)
            )
            for place, i in enumerate(left)
        ]
        self.engine.submit(pictures, 1 if alone else plan.settings.pictures_side_by_side or self._side_by_side(plan))
        if not left:                     # a crash came between the last picture and the last word
            self._later(self._end, progress)

    def _task(self, progress: JobProgress, index: int) -> Task[Result]:
        """Return the task of a picture, which goes on where an earlier run was killed."""
        spec, plan = progress.spec, progress.plan
        return self.kept_steps.of(spec, index, plan.facts, plan.task(index))

    def _side_by_side(self, plan: JobPlan) -> int:
        """Return how many pictures of a job share calls; on a CPU more of a plot, whose first nobody waits for."""
        if self.side_by_side != ON_CPU or not plan.grids.forgiving:
            return self.side_by_side
        largest = max(width * height for number in plan.numbers for width, height in frames_of(plan, number))
        return max(ON_CPU, min(PLOT_ON_CPU, PLOT_PIXELS // largest))

    def _open(self, progress: JobProgress) -> None:
        with self.closing:
            if self.failure:
                raise JobFailed(
                    "No more pictures can be made: something went wrong inside Easel.",
                    "Start it again; its log tells more.",
                )
            self.jobs[progress.spec.id] = progress

    # The device's thread

    def _load_first(self) -> None:
        """Have the usual model ready before it is asked for."""
        def load() -> None:
            if checkpoint := self.config.first():
                self.device.ready(Weights(self.config.library.checkpoints.hashed(checkpoint).sha256 or ""))
            else:
                self._tell_model("", "")

        self._told_of_failure(load)

    def _keep_loaded(self, checkpoint: str) -> None:
        if checkpoint:
            self.device.ready(Weights(checkpoint))
        elif not self.engine.running:      # what a picture needs would be loaded again at its next step
            self.device.unload()

    def _told_of_failure(self, load: Callable[[], None]) -> None:
        """Load models before they are asked for; a broken one is told, and must not end the engine."""
        error = outcome(load)
        if error:
            log.warning("A model could not be loaded: %s", sentence(error), exc_info=unforeseen(error))
            self._emit(events.WorkerState("", error=sentence(error)))

    def _close(self, error: Exception) -> None:
        with self.closing:
            self.failure = error
        self._emit(events.WorkerState("", error=sentence(error)))
        self.trainings.close(error)
        if self.conductor:
            self.conductor.close(error)
        for job in list(self.jobs):
            self._emit(events.Ended(job, FAILED, error_data(error)))

    def _tell_model(self, loading: str, loaded: str) -> None:
        self._emit(events.WorkerState("", loading, loaded))

    def _watch(self, picture: ImageTask[Result]) -> None:
        """The engine moved a picture."""
        if isinstance(picture, TrainingTask):
            self._training_moved(picture)
            return
        if self.conductor and isinstance(picture, Errand):
            self.conductor.moved(picture)
            return
        progress = self.jobs[picture.job]
        if picture.ended:
            if not self.engine.running:
                self._note_device([])
            progress.reach(picture.index, 1.0)
            self._later(self._finish, progress, picture)
            return
        if isinstance(picture.ask, WORK) and not progress.begun:
            progress.begun = True
            self._emit(events.Started(picture.job, len(progress.plan.numbers)))
        if isinstance(picture.ask, Predict):
            self._progress(progress, picture, picture.ask)

    def _training_moved(self, task: TrainingTask) -> None:
        if task.ended:
            if not self.engine.running:
                self._note_device([])
            task.told()

    def _dropped(self, pictures: Sequence[ImageTask[Result]]) -> None:
        """Interrupted before they had begun."""
        self._later(self._drop, self.jobs[pictures[0].job], [picture.index for picture in pictures])

    def _note_device(self, pictures: Sequence[ImageTask[Result]]) -> None:
        """Should the process die now, these jobs are to blame."""
        jobs = [picture.job for picture in pictures]
        self.config.note_in_hand("device", jobs)
        if self.faults:
            self.faults.jobs = jobs

    def _progress(self, progress: JobProgress, picture: ImageTask[Result], ask: Predict) -> None:
        steps = progress.plan.plan(picture.index).steps
        step = min(ask.step, steps)      # DPM adaptive takes as many as it likes
        progress.reach(picture.index, step / steps)
        self._emit(events.Progress(picture.job, picture.index, step, steps, progress.fraction))
        if progress.plan.shows_previews:
            self.previewer.show(picture.job, picture.index, progress.plan.settings, ask)

    # The io thread

    def _later(self, do: Callable[..., None], *how: Any) -> None:
        self.io.submit(logged, do, *how)

    def _emit(self, event: events.Event) -> None:
        self._later(self.emit, event)

    def _finish(self, progress: JobProgress, picture: ImageTask[Result]) -> None:
        """Keep a finished picture; the last one ends the job, whatever becomes of it."""
        self.config.note_in_hand("keeping", [progress.spec.id])
        progress.left.discard(picture.index)
        try:
            self._conclude(progress, picture)
        finally:
            self.kept_steps.files.forget(progress.spec.id, picture.index)
            if not progress.left:
                self._end(progress)
            self.config.note_in_hand("keeping", [])

    def _drop(self, progress: JobProgress, indices: Sequence[int]) -> None:
        progress.left.difference_update(indices)
        progress.interrupted = True
        if not progress.left:
            self._end(progress)

    def _conclude(self, progress: JobProgress, picture: ImageTask[Result]) -> None:
        if isinstance(picture.error, Interrupted):
            progress.interrupted |= not picture.skipped
        elif isinstance(picture.error, LeftOut):
            self._note(progress, str(picture.error))
        elif picture.error is not None:
            log.error(
                "Picture %d of job %s failed: %s",
                picture.index,
                progress.spec.id,
                sentence(picture.error),
                exc_info=unforeseen(picture.error),
            )
            self._failed(progress, picture.index, picture.error)
        elif picture.result is not None:
            error = outcome(self._save, progress, picture, picture.result)
            if error:
                log.error("Picture %d of job %s could not be kept", picture.index, progress.spec.id, exc_info=error)
                progress.error = error

    def _failed(self, progress: JobProgress, index: int, error: BaseException) -> None:
        """A picture failed, and the job with it, unless grids show the others all the same."""
        forgiving, nothing = progress.plan.grids.forgiving, not (progress.left or progress.done)
        if forgiving and (progress.spec.share or not nothing):      # other workers may have made something
            self._note(progress, f"Cell {index + 1} of the grid is empty. {sentence(error)}")
        if not forgiving or nothing:
            progress.error = error

    def _save(self, progress: JobProgress, picture: ImageTask[Result], result: Result) -> None:
        """The picture first, then what is to be said of it."""
        progress.interrupted |= not result.complete and not picture.skipped
        if self.faults:
            self.faults.saving(progress.spec.id)
        saved = save_image(progress.plan, picture.index, result, progress.spec, self.where)
        progress.error = saved.problem or progress.error
        if result.withheld != events.WITHHELD_REFUSED:
            beside = list(map(Path, saved.event.facts.get(RETURNED, ())))[:len(result.returned)]
            progress.done[picture.index] = DonePicture(
                Path(saved.event.path), saved.event.infotext, beside, result.flagged
            )
        self.emit(saved.event)
        self._tell_saved(progress, saved.event)
        progress.refused += result.withheld == events.WITHHELD_REFUSED
        for note in result.extra_params.notes:
            self._note(progress, note)
        if saved.problem:
            code = error_data(saved.problem)["error"]
            log.warning("Picture %d of job %s: not all of it could be saved: %s", picture.index, progress.spec.id, code)
            what = (
                "What belongs to a picture could not be saved."
                if saved.event.saved
                else "A picture could not be saved and is only in the cache."
            )
            self._note(progress, f"{what} {sentence(saved.problem)}")

    def _tell_saved(self, progress: JobProgress, made: events.Made) -> None:
        """Tell extensions of Easel's own API of a picture's file in the outputs."""
        plan = progress.plan.plan(made.index)
        heard = plan.moments if made.saved and isinstance(plan, ImagePlan) else None
        for note in heard.saved(Path(made.path), made.infotext) if heard else ():
            self._note(progress, note)

    def _make_grids(self, progress: JobProgress) -> None:
        """Make the grids of the pictures there are, also of a job that was interrupted."""
        spec, maker = progress.spec, GridMaker(progress.plan, progress.done)
        for number in maker.returned():
            if number in spec.done:
                continue
            error = outcome(self._make_grid, progress, maker, number)
            if error:
                log.error("Grid %d of job %s could not be made", number, spec.id, exc_info=unforeseen(error))
                self._note(progress, f"A grid could not be made; its pictures are all there. {sentence(error)}")

    def _make_grid(self, progress: JobProgress, maker: GridMaker, number: int) -> None:
        saved = save_grid(maker, number, progress.spec, self.where)
        self.emit(saved.event)
        if saved.problem:
            self._note(progress, f"A grid could not be saved and is only in the cache. {sentence(saved.problem)}")

    def _note(self, progress: JobProgress, note: str) -> None:
        """Tell its owner, once.

        A note that cannot be recorded is in the log: it costs neither the picture nor the job.
        """
        if note in progress.noted:
            return
        progress.noted[note] = None
        log.debug("Job %s: %s", progress.spec.id, note)      # it may quote the prompt
        if len(progress.noted) < MOST_NOTES:
            logged(self.emit, events.Warned(progress.spec.id, note))
        elif len(progress.noted) == MOST_NOTES:
            logged(self.emit, events.Warned(progress.spec.id, "There are more such notes; the server's log has them."))

    def _end(self, progress: JobProgress) -> None:
        if progress.plan.grids.grids and progress.done and progress.makes_grids:
            logged(self._make_grids, progress)
        del self.jobs[progress.spec.id]
        self.previewer.forget(progress.spec.id)
        self.emit(progress.outcome)


def hears_moments(plan: JobPlan) -> bool:
    """Return whether an extension of Easel's own API takes part in any of a job's pictures."""
    return any(getattr(each, "moments", None) for number in plan.numbers for each in passes_of(plan.plan(number)))


def frames_of(plan: JobPlan, number: int) -> Iterator[tuple[int, int]]:
    """Yield width and height of each pass of an image."""
    yield from (each.frame for each in plan.plan(number).passes)


def in_drawing_order(progress: JobProgress) -> list[int]:
    """Return the numbers of the pictures that are left, in the order in which they are drawn."""
    order = progress.plan.grids.order
    return [index for index in order if index in progress.left] if order else sorted(progress.left)


def unforeseen(error: BaseException) -> BaseException | None:
    """An error whose traceback helps: one that no sentence was written for."""
    return None if isinstance(error, WebUIError) else error


def fault_injector(config: WorkerConfig) -> FaultInjector | None:
    """Only where a test asked for a fault is there anything but the device itself."""
    if config.fault is None:
        return None
    from modules.worker.faults import FaultInjector

    return FaultInjector(config.fault, config.fault_hit, config.tell_fault)


ALL_REFUSED = PicturesRefused(
    "The server's safety checker refused all pictures of this job.", "Try another prompt or another seed."
)
