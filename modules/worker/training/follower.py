"""The follower of a run: it keeps states, snapshots and the log, tells the job, and obeys what a person asks."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

from modules.base.errors import NotANumber
from modules.base.files import write_atomically
from modules.base.version import VERSION
from modules.engine import messages as events
from modules.engine.messages import Emit
from modules.store.jobs import MODEL
from modules.store.run_folder import PAUSE, RATE, SAMPLE, SNAPSHOT, STOP
from modules.training.decoder import DecoderStudent
from modules.training.lessons import Lessons
from modules.training.run import Course, Run, StepRecord
from modules.training.whole_model import WholeModel
from modules.worker.training.checkpoint_files import write_checkpoint_of
from modules.worker.training.data_marks import renew_marks
from modules.worker.training.event_file import EventFile
from modules.worker.training.network_files import file_ending, file_of
from modules.worker.training.planning import TrainingPlan

PROGRESS_SECONDS = 0.2      # between two words on progress


class RunFollower:
    """A `Watcher` of one run, used by the run's thread alone.

    asked: what ends the run from outside: "", PAUSE, STOP or the server's end
    """

    def __init__(
        self, plan: TrainingPlan, course: Course, lessons: Lessons, emit: Emit, asked: Callable[[], str]
    ) -> None:
        self.plan, self.course, self.lessons, self.emit, self.asked = plan, course, lessons, emit, asked
        self.folder, self.job = plan.folder, plan.spec.id
        self.ending = ""
        self.begun = time.time()
        self._kept = self._told = time.monotonic()
        self._saved_at = -1                 # the step of the newest snapshot
        self._first = True
        self._open = ExitStack()

    def __enter__(self) -> RunFollower:
        told = self.folder.manifest()
        self._saved_at = told.get("saved_at", -1)
        self.begun = told.get("begun", self.begun)
        pictures, changed = renew_marks(self.folder.root, self.lessons.data)
        self.folder.tell(
            params=dict(self.plan.spec.params), job=self.job, begun=self.begun, easel=VERSION, plan_hash=self.plan.hash,
            base=self.plan.base.sha256, steps=self.course.steps, data_hash=pictures,
        )
        self.emit(events.Started(self.job))
        if changed:
            self.note(changed)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    # Between steps: training/run.py asks

    def goes_on(self, run: Run) -> bool:
        """Write what is due before the next step; False if the run is to end here."""
        if self._first:
            self._begin(run)
        self.ending = self.ending or self.asked()
        self._obey(run)
        if run.step != self._saved_at and (self._due(run.step, "save") or self._due(run.step, "sample")):
            self.snapshot(run, samples=self._due(run.step, "sample"))
        if self.ending or time.monotonic() - self._kept > self.plan.request.state_every * 60:
            self.keep_state(run)
        return not self.ending

    def learnt(self, record: StepRecord) -> None:
        facts = {"step": record.step, "loss": record.loss, "norm": record.norm, "rates": dict(record.rates),
                 "time": round(time.time(), 3), "caption": record.caption}
        self.folder.log_step(facts | ({"undone": True} if record.undone else {}))
        self.events.step(record)
        if record.undone:
            self.note(f"Step {record.step} gave no number; nothing was learnt of it.")
        done, now = record.step + 1, time.monotonic()
        if now - self._told > PROGRESS_SECONDS or done == self.course.steps:
            self._told = now
            self.emit(events.Progress(self.job, 0, done, self.course.steps, done / self.course.steps))

    def validates(self, step: int) -> bool:
        request, epoch = self.plan.request, self.lessons.steps_per_epoch
        every = request.validate_every_n_epochs * epoch or request.validate_every_n_steps
        if every is None:      # as often as samples are drawn
            every = request.sample_every_n_epochs * epoch or request.sample_every_n_steps or 0
        return every > 0 and (step % every == 0 or step >= self.course.steps)

    def validated(self, step: int, loss: float, drift: float | None) -> None:
        self.folder.log_step({"step": step, "validation": loss} | ({} if drift is None else {"drift": drift}))
        self.events.validation(step, loss, drift)

    def note(self, text: str) -> None:
        self.emit(events.Warned(self.job, text))

    # Files

    def finish(self, run: Run) -> None:
        """Write the last state, and the file itself if the run has come to its end, else a snapshot."""
        self.keep_state(run)
        if run.step >= self.course.steps:
            self._write(run, self.plan.request.output_name, samples=self._samples)
            self.folder.tell(finished=time.time())
        elif self.ending == STOP and run.step != self._saved_at:
            self.snapshot(run)

    def keep_state(self, run: Run) -> None:
        """Write the run's state; the job's earlier deaths count no more. Raises NotANumber, DiskFull or Unwritable."""
        check_numbers(run)
        run.state().write(self.folder.state)
        self._kept = time.monotonic()
        self.emit(events.Advanced(self.job))

    def snapshot(self, run: Run, samples: bool = False) -> None:
        """Write the file as it is at this step, and the state that belongs to it."""
        self._write(run, f"{self.plan.request.output_name}-step{run.step:08d}", samples)
        self._saved_at = run.step
        self.keep_state(run)
        self.folder.tell(saved_at=run.step)
        self._remove_old(run.step)

    def _write(self, run: Run, stem: str, samples: bool) -> None:
        path = self.plan.model_folder / f"{stem}{file_ending(self.plan)}"
        check_numbers(run)
        run.exchange_average()
        try:
            if isinstance(run.student, WholeModel | DecoderStudent):
                write_checkpoint_of(self.plan, self.lessons, run, path, self.begun)
            else:
                write_atomically(path, file_of(self.plan, self.lessons, run, stem, self.begun))
        finally:
            run.exchange_average()
        facts: dict[str, Any] = {"model_kind": self.plan.method.kind, "step": run.step, "run": self.folder.root.name}
        self.emit(events.Made(self.job, self._index(path), str(path), "", facts | {"sample": samples}, kind=MODEL))

    def _index(self, path: Path) -> int:
        """Return the file's number among the job's outputs; one that was written before keeps its own."""
        outputs = self.folder.manifest().get("outputs", [])
        if str(path) not in outputs:
            outputs.append(str(path))
            self.folder.tell(outputs=outputs)
        return outputs.index(str(path))

    def _remove_old(self, step: int) -> None:
        request = self.plan.request
        kept = request.save_last_n_steps or request.save_last_n_epochs * self.lessons.steps_per_epoch
        for path in self.plan.model_folder.glob(f"{request.output_name}-step*{file_ending(self.plan)}") if kept else ():
            number = path.stem.rpartition("-step")[2]
            if number.isdigit() and int(number) < step - kept:
                path.unlink(missing_ok=True)

    # What is due

    def _begin(self, run: Run) -> None:
        self._first = False
        self.folder.open_log(run.step)
        request, name = self.plan.request, self.folder.root.name
        place = Path(request.logging_dir, f"{request.log_prefix}{name}") if request.logging_dir else self.folder.root
        self.events = self._open.enter_context(EventFile(place, run.step))

    def _obey(self, run: Run) -> None:
        for order, value in self.folder.take_orders():
            if order in (PAUSE, STOP):
                self.ending = order
            elif order == RATE:
                run.rate = value
                self.folder.log_step({"step": run.step, "rate": value})
            elif order in (SNAPSHOT, SAMPLE):
                self.snapshot(run, samples=order == SAMPLE)

    @property
    def _samples(self) -> bool:
        """True if samples are drawn at all."""
        return bool(self.plan.request.sample_every_n_steps or self.plan.request.sample_every_n_epochs)

    def _due(self, step: int, what: str) -> bool:
        """Return whether a snapshot ("save") or a sample is due before a step; the last one has a file of its own."""
        if step >= self.course.steps or (step == 0 and what == "save"):
            return False
        request = self.plan.request
        epochs = getattr(request, f"{what}_every_n_epochs")
        if what == "save" and request.save_n_epoch_ratio:
            epochs = max(1, self.course.steps // self.lessons.steps_per_epoch // request.save_n_epoch_ratio)
        every = epochs * self.lessons.steps_per_epoch
        every = every or getattr(request, f"{what}_every_n_steps") or 0
        wanted = request.sample_at_first if step == 0 else True
        return every > 0 and step % every == 0 and wanted


def check_numbers(run: Run) -> None:
    """Raise NotANumber if what was learnt is no longer made of numbers: neither a state nor a file has it."""
    if not all(bool(tensor.isfinite().all()) for tensor in run.student.tensors.values()):
        raise NotANumber(
            f"At step {run.step} the weights are no numbers any more. The run is kept as it was at its last state.",
            "Begin again with a lower rate.",
        )
