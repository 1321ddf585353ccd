"""The conductor: the one thread that runs extensions' code for pictures, one hooked job after another.

An extension keeps state on its scripts from its first hook in a job to its last, so hooked jobs do not overlap. A job
whose scripts only plan is handed to the engine once it is planned, as a job without extensions.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection
from contextlib import suppress
from functools import partial
from queue import SimpleQueue
from threading import Lock, Thread, current_thread
from typing import TYPE_CHECKING, Any

import torch

from modules.base.border import outcome
from modules.base.errors import StopAsked, WebUIError, error_data
from modules.engine import messages as events
from modules.engine.messages import Emit, JobSpec
from modules.imaging.inputs import load_input
from modules.params.batch import Batch
from modules.params.plots import XyzPlot
from modules.params.scripts import script_arguments
from modules.pipelines.scripts.table import IMAGE_SCRIPTS
from modules.plugins.host import CallInHand, Host, surface
from modules.plugins.page_values import with_pictures
from modules.plugins.scripts import EXTRAS_TAB
from modules.requests.extension_scripts import ALWAYS_ON, EXTENSION_SCRIPT
from modules.requests.own_sampling import fields_of_extensions
from modules.requests.recorded import recorded_request
from modules.sampling.consulted import STEP_MOMENTS
from modules.sampling.questions import Predict
from modules.settings.options import Settings
from modules.store.jobs import FAILED, INTERRUPTED
from modules.worker.hooks.call_watch import SLOW_SECONDS, CallWatch, LeftBehind, throw_into
from modules.worker.hooks.errands import Errand, ErrandDesk
from modules.worker.hooks.hooked_cells import cells_of
from modules.worker.hooks.hooked_job import CLASSES, HookedJob, Surroundings
from modules.worker.hooks.planned_jobs import planned_job
from modules.worker.hooks.postprocessing import EXTRAS_KIND, ExtrasRun
from modules.worker.hooks.replaced import sampling_replaced
from modules.worker.hooks.script_runner import ScriptRunner, plans_alone
from modules.worker.job_kinds import plan_images, plan_job, read_spec, with_safety_check

if TYPE_CHECKING:
    from modules.worker.runner import JobRunner

log = logging.getLogger(__name__)
# moments of A1111's callbacks that concern a picture
SAVING_MOMENTS = ("before_image_saved", "image_saved")
PICTURE_MOMENTS = (*sorted(STEP_MOMENTS), "extra_noise", "image_grid", *SAVING_MOMENTS)


class Conductor:
    """Carries out hooked jobs for a job runner."""

    def __init__(self, runner: JobRunner, host: Host, emit: Emit) -> None:
        self.runner, self.host, self.emit = runner, host, emit
        self.waiting: SimpleQueue[JobSpec | None] = SimpleQueue()
        self.jobs: dict[str, HookedJob | ExtrasRun | None] = {}      # None: it waits
        self.stops: dict[str, float] = {}       # job → when it was interrupted, on time.monotonic's clock
        self.thread, self._starting = self._new_thread(), Lock()
        self.watch = CallWatch(host, self)

    def _new_thread(self) -> Thread:
        return Thread(target=self._run, name="extensions", daemon=True)

    def _start(self) -> None:
        with self._starting:
            if self.thread.ident is None:
                self.thread.start()

    def takes(self, spec: JobSpec) -> bool:
        """Return whether extensions take part in a job."""
        if self.host.active:
            self.watch.start()
        if spec.kind == EXTRAS_KIND and self.host.active and not Batch.recorded(spec.params):
            return bool(self.host.scripts(EXTRAS_TAB))
        if spec.kind not in CLASSES or not self.host.active:
            return False
        scripts = any(each.always_on for each in self.host.scripts(spec.kind))
        listens = any(self.host.listeners(moment) for moment in PICTURE_MOMENTS)
        samples = fields_of_extensions(spec.params) or sampling_replaced(self.host)
        if not (scripts or listens or samples or EXTENSION_SCRIPT in spec.params or extension_axes_in(spec)):
            return False
        if without := plain_because(spec):
            self.emit(events.Warned(spec.id, f"Extensions take no part in {without}."))
        return not without

    def submit(self, spec: JobSpec) -> None:
        self.jobs[spec.id] = None
        self._start()
        self.waiting.put(spec)

    def interrupt(self, job: str) -> bool:
        """Stop a hooked job; False if it is none."""
        if job in self.jobs:
            self.stops.setdefault(job, time.monotonic())
        return self._stop(job, lambda hooked: hooked.interrupt())

    def skip(self, job: str) -> bool:
        return self._stop(job, lambda hooked: hooked.skip())

    def _stop(self, job: str, how: Callable[[HookedJob | ExtrasRun], None]) -> bool:
        if job not in self.jobs:
            return False
        if running := self.jobs[job]:
            how(running)
        else:
            del self.jobs[job]
            self.emit(events.Ended(job, INTERRUPTED))
        return True

    # --- calls that do not come back: `CallsWatched` ---

    def _job_of(self, call: CallInHand) -> HookedJob | ExtrasRun | None:
        """Return the job that a call is made for; None for one that is not in the extensions' thread."""
        return self.host.job_in_hand if call.thread == self.thread.ident else None

    def quiet_since(self, call: CallInHand) -> float | None:
        job = self._job_of(call)
        if job is None:
            return call.began
        return None if job.desk.waits else max(call.began, job.desk.answered)

    def interrupted_since(self, call: CallInHand) -> float | None:
        job = self._job_of(call)
        return self.stops.get(job.spec.id) if job else None

    def tell_slow(self, call: CallInHand) -> None:
        job = self._job_of(call)
        told = f"The extension {call.extension} has been busy in {call.moment} for {SLOW_SECONDS:.0f} seconds"
        log.warning("%s.", told)
        if job:
            self.emit(events.Warned(job.spec.id, f"{told}. Interrupt ends the job without it."))
        for waiting in [name for name in list(self.jobs) if not job or name != job.spec.id]:
            self.emit(events.Warned(waiting, f"{told}; this job waits for it."))
        for waiting in [] if job else list(self.runner.jobs):
            self.emit(events.Warned(waiting, f"{told}; the device waits for it."))

    def leave(self, call: CallInHand) -> None:
        """End an interrupted job whose extension does not come back; another thread goes on with the others."""
        left, job = self.thread, self.host.job_in_hand
        if self.host.in_hand.get(call.thread) is not call:
            return      # it has just come back
        why = f"It did not come back from {call.moment} when its job was interrupted."
        self.host.fail(call.extension, why)
        self.emit(events.Warned(job.spec.id, f"The extension {call.extension} did not come back from {call.moment}, "
                                             "and is out of use until the next start."))
        self.thread = self._new_thread()
        self.host.in_hand.pop(call.thread, None)
        self._end(job.spec, events.Ended(job.spec.id, INTERRUPTED))
        self.note_in_hand([])
        job.desk.close(LeftBehind())
        throw_into(left)
        self._start()

    def moved(self, errand: Errand) -> None:
        """The engine moved an errand."""
        if not (job := self.jobs.get(errand.job)):
            return
        self.note_in_hand([errand.job])
        if errand.ended:
            job.desk.told()
        elif isinstance(errand.ask, Predict) and isinstance(job, HookedJob):
            self._progress(job, errand, errand.ask)

    def _progress(self, job: HookedJob, errand: Errand, ask: Predict) -> None:
        steps, batches = max(1, job.state.sampling_steps), max(1, job.state.job_count)
        step = min(ask.step, steps)
        fraction = min(1.0, (job.state.job_no + step / steps) / batches)
        self.emit(events.Progress(errand.job, errand.index, step, steps, fraction))
        if job.shows_previews:
            self.runner.previewer.show(errand.job, errand.index, job.settings, ask)

    def close(self, error: BaseException) -> None:
        """The engine has stopped: nobody waits for it any longer."""
        for job in list(self.jobs.values()):
            if job:
                job.desk.close(error)
        self.watch.stop()
        self.waiting.put(None)

    def note_in_hand(self, jobs: Collection[str]) -> None:
        """Should the process die or an extension not come back, these jobs are to blame; also a sign of life."""
        self.runner.config.note_in_hand("extensions", jobs)

    def _run(self) -> None:
        with torch.no_grad(), suppress(LeftBehind):
            while current_thread() is self.thread and (spec := self.waiting.get()):
                if spec.id in self.jobs:
                    self.note_in_hand([spec.id])
                    ended = outcome(self._carry_out, spec)
                    if current_thread() is self.thread:     # it was not left behind meanwhile
                        self._end(spec, ended)
                        self.note_in_hand([])

    def _end(self, spec: JobSpec, ended: events.Ended | Exception | None) -> None:
        self.jobs.pop(spec.id, None)
        self.stops.pop(spec.id, None)
        self.runner.previewer.forget(spec.id)
        self.host.job_in_hand = None
        if isinstance(ended, StopAsked):
            ended = events.Ended(spec.id, INTERRUPTED)
        elif isinstance(ended, Exception):
            unforeseen = None if isinstance(ended, WebUIError) else ended
            log.warning("Job %s failed: %s", spec.id, error_data(ended)["error"], exc_info=unforeseen)
            ended = events.Ended(spec.id, FAILED, error_data(ended))
        if ended:
            self.emit(ended)

    def _carry_out_extras(self, spec: JobSpec) -> events.Ended | None:
        """Let scripts work on the pictures of an Extras job, and hand them over to be saved."""
        config = self.runner.config
        plan = plan_job(spec, config.library, config.inputs / spec.folder)
        desk = ErrandDesk(self.runner.engine, spec, alone=True, turn=spec.turn)
        inputs = config.inputs / spec.folder
        run = ExtrasRun(spec, self.host, desk, config.library, plan.settings, self._noting(spec.id), inputs)
        self.jobs[spec.id] = self.host.job_in_hand = run
        made = run.planned(plan)
        if run.state.interrupted:
            return events.Ended(spec.id, INTERRUPTED)
        self.runner.begin(spec, made)
        return None

    def _carry_out(self, spec: JobSpec) -> events.Ended | None:
        if spec.kind == EXTRAS_KIND:
            return self._carry_out_extras(spec)
        request, settings = read_spec(CLASSES[spec.kind][1], spec)
        job = self.jobs[spec.id] = self._new_job(spec, settings)
        self.host.job_in_hand = job
        cells = cells_of(job, request)
        p = job.p_of(request)
        arguments = self.arguments(spec)
        p.scripts = ScriptRunner(self.host, spec.kind, job.note)
        p.script_args = arguments
        if not cells and self.only_plans(spec):
            return self.plan_alone(job, p)
        self.emit(events.Started(spec.id, len(cells.plan.numbers) if cells else p.n_iter * p.batch_size))
        if cells:
            cells.draw(p)
        else:
            job.finisher.delivery.show_all(p.scripts.run(p, *arguments) or job.process_images(p))
        return job.end

    def only_plans(self, spec: JobSpec) -> bool:
        """Return whether no extension takes part in a job once its pictures are planned."""
        listens = any(self.host.listeners(moment) for moment in PICTURE_MOMENTS if moment not in SAVING_MOMENTS)
        samples = fields_of_extensions(spec.params) or sampling_replaced(self.host)
        if listens or samples or EXTENSION_SCRIPT in spec.params:
            return False
        if surface("extra_networks").own_names():
            return False
        return all(plans_alone(each.script) for each in self.host.scripts(spec.kind) if each.always_on)

    def plan_alone(self, job: HookedJob, p: Any) -> events.Ended | None:
        """Let scripts plan a job, and hand its pictures to the engine, unless a script has begun to listen to more."""
        with job.processing():
            job.begin(p)
            samples = "sample" in vars(p) or fields_of_extensions(vars(p))
            if self.only_plans(job.spec) and not samples and not job.state.interrupted:
                self.runner.begin(job.spec, planned_job(job, p))
                return None
            self.emit(events.Started(job.spec.id, p.n_iter * p.batch_size))
            job.finisher.delivery.show_all(job.make_batches(p))
        return job.end

    def _new_job(self, spec: JobSpec, settings: Settings) -> HookedJob:
        runner = self.runner
        desk = ErrandDesk(runner.engine, spec, spec.alone or settings.pictures_alone, spec.turn)
        safety = with_safety_check(plan_images([]), settings, spec.role, runner.config.library).safety
        around = Surroundings(
            self.host, runner.config.library, runner.config.inputs / spec.folder, runner.where, desk,
            self.emit, self._noting(spec.id), lambda fraction: None, safety, runner.moments(spec),
        )
        return HookedJob(spec, around, settings)

    def _noting(self, job: str) -> Callable[[str], None]:
        """Return a function that tells a job's owner something, once."""
        noted: dict[str, None] = {}

        def note(text: str) -> None:
            if text not in noted:
                noted[text] = None
                self.emit(events.Warned(job, text))

        return note

    def arguments(self, spec: JobSpec) -> list[Any]:
        """Return all scripts' arguments as A1111 has them: the chosen script's number, then each script's own."""
        scripts = self.host.scripts(spec.kind)
        given = {title.lower(): values for title, values in (spec.params.get(ALWAYS_ON) or {}).items()}
        chosen = spec.params.get(EXTENSION_SCRIPT) or {}
        read = partial(load_input, self.runner.config.inputs / spec.folder)
        found: list[Any] = [0]
        for each in scripts:
            own = given.get(each.title.lower()) if each.always_on else None
            if not each.always_on and each.title.lower() == str(chosen.get("title", "")).lower():
                own = chosen.get("args", ())
                found[0] = 1 + [each.title for each in scripts if not each.always_on].index(each.title)
            values = list(each.defaults)
            for place, value in enumerate(with_pictures(list(own or ()), read)):
                if place < len(values):
                    values[place] = value
                elif not each.always_on:
                    values.append(value)
            found += [None] * (each.args_from - len(found))     # in the place of scripts that have failed meanwhile
            found += values[: len(each.controls)]
        return found


def plain_because(spec: JobSpec) -> str:
    """Return what a job has that extensions take no part in; "" if they do."""
    name = spec.params.get("script_name", "")
    script = IMAGE_SCRIPTS.get(name)
    return f"the script {name}" if script and not script.in_parts else ""


def extension_axes_in(spec: JobSpec) -> bool:
    """Return whether a job is a plot with an axis of an extension's."""
    if not spec.params.get("script_name"):
        return False
    arguments = script_arguments(recorded_request(CLASSES[spec.kind][1], spec.params))
    return isinstance(arguments, XyzPlot) and bool(arguments.extension_axes)
