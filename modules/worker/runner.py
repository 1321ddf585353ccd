"""Where pictures are made: plans a job's pictures, lets the engine make them, keeps them, tells what happens."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from math import inf
from threading import Lock
from typing import Any

from modules.base.errors import JobFailed, WebUIError, described, sentence
from modules.engine import messages as events
from modules.engine.engine import Engine, Picture
from modules.engine.messages import Emit, JobSpec
from modules.models.device import Device
from modules.models.vae.preview import jpeg
from modules.models.vae.vae import CELL
from modules.pipelines.result import Drawn, LeftOut
from modules.sampling.questions import Interrupted, Predict, RestoreFaces, Upscale, Weights
from modules.store.jobs import DONE, FAILED, INTERRUPTED
from modules.worker.config import WorkerConfig
from modules.worker.job_kinds import RECIPES, Recipe
from modules.worker.saving import INPUT_SECONDS, Where, keep, trim

log = logging.getLogger(__name__)
WORK = (Predict, Upscale, RestoreFaces)   # questions that show that a job has begun
ON_CPU, ON_GPU = 2, 8       # pictures of one job made side by side, unless the settings say how many
PREVIEW_SECONDS = 0.25      # a job's previews come no faster
MOST_NOTES = 100            # that a job's owner is told; each is written to disk, and a batch may have as many as files
TRIM_SECONDS = 3600         # the cache is looked through no more often


@dataclass
class Tally:
    """How far a job has come."""

    spec: JobSpec
    recipe: Recipe
    left: set[int]                                                  # pictures not kept yet
    fractions: dict[int, float] = field(default_factory=dict)       # how far each is sampled
    sampled: float = 0.0                                            # their sum
    begun: bool = False
    previewed: float = 0.0
    interrupted: bool = False
    noted: dict[str, None] = field(default_factory=dict)            # what its owner was told
    error: BaseException | None = None

    @property
    def fraction(self) -> float:
        return self.sampled / len(self.recipe.numbers)

    def reach(self, index: int, fraction: float) -> None:
        """A picture is so far."""
        self.sampled += fraction - self.fractions.get(index, 0.0)
        self.fractions[index] = fraction

    @property
    def outcome(self) -> events.Ended:
        if self.error:
            return events.Ended(self.spec.id, FAILED, described(self.error))
        return events.Ended(self.spec.id, INTERRUPTED if self.interrupted else DONE)


class Workshop:
    """`run` is the device's thread; `submit`, `interrupt` and `skip` come from one other; errands have a third."""

    def __init__(self, config: WorkerConfig, emit: Emit) -> None:
        self.config, self.emit = config, emit
        self.errands = ThreadPoolExecutor(1, "errands")      # files and news; one thread, so that they keep their order
        placement = config.place()
        self.device = Device(config.library, config.tokenizer(), placement, self._tell_model)
        self.where = Where(config.outputs, config.cache, self.device.described)
        self.engine = Engine(self.device.answer, self._watch, common=self.device.common, before=self._note_device, dropped=self._dropped)
        self.side_by_side = ON_CPU if placement.device.type == "cpu" else ON_GPU
        self.tallies: dict[str, Tally] = {}
        self.failure: Exception | None = None        # why there will be no more pictures
        self.closing = Lock()                        # a job is either begun before that, and ended by it, or refused
        self.trimmed = -inf

    def run(self) -> None:
        """Make pictures until `stop`. Should this loop itself fail, every job ends with it: nobody may wait for ever."""
        self._news(events.WorkerReady("", self.device.described()))
        try:
            self._load_first()
            self.engine.run()
        except Exception as error:       # whatever it was, everybody is told
            log.exception("The workshop failed")
            self._close(error)
        finally:
            self.errands.shutdown(wait=True)

    def stop(self) -> None:
        """After the step in hand; unfinished jobs stay recorded."""
        self.engine.stop()

    def submit(self, spec: JobSpec) -> None:
        """Decide a job's pictures and hand them to the engine; a job that cannot be planned ends here."""
        try:
            recipe = RECIPES[spec.kind](spec, self.config.library, self.config.inputs)
        except Exception as error:       # the job's: its owner is told
            log.warning("Job %s cannot be done: %s", spec.id, error)
            self._news(events.Ended(spec.id, FAILED, described(error)))
            return
        self._begin(Tally(spec, recipe, set(recipe.numbers) - set(spec.done)))

    def interrupt(self, job: str) -> None:
        self.engine.interrupt(job)

    def skip(self, job: str) -> None:
        self.engine.skip(job)

    def _begin(self, tally: Tally) -> None:
        spec, recipe, left = tally.spec, tally.recipe, sorted(tally.left)
        self._open(tally)
        for warning in recipe.warnings():
            self._errand(self._note, tally, warning)
        for index in set(spec.done) & set(recipe.numbers):
            tally.reach(index, 1.0)
        self.device.kept = self.config.models_kept()
        alone = spec.alone or recipe.settings.pictures_alone
        pictures = [Picture(recipe.task(i), spec.id, i, spec.owner, spec.turn + i, alone, recipe.batch_of(i)) for i in left]
        self.engine.submit(pictures, 1 if alone else recipe.settings.pictures_side_by_side or self.side_by_side)
        if not left:                     # a crash came between the last picture and the last word
            self._errand(self._end, tally)

    def _open(self, tally: Tally) -> None:
        with self.closing:
            if self.failure:
                raise JobFailed("No more pictures can be made: something went wrong inside Easel.", "Start it again; its log tells more.")
            self.tallies[tally.spec.id] = tally

    # The device's thread

    def _load_first(self) -> None:
        """Have the usual model ready before it is asked for; a broken one must not keep the workshop closed."""
        try:
            if checkpoint := self.config.first():
                self.device.ready(Weights(self.config.library.checkpoints.hashed(checkpoint).sha256))
        except Exception as error:       # its own job would be told; here the page is
            log.warning("The first model could not be loaded: %s", sentence(error), exc_info=unforeseen(error))
            self._news(events.WorkerState("", error=sentence(error)))

    def _close(self, error: Exception) -> None:
        with self.closing:
            self.failure = error
        self._news(events.WorkerState("", error=sentence(error)))
        for job in list(self.tallies):
            self._news(events.Ended(job, FAILED, described(error)))

    def _tell_model(self, loading: str, loaded: str) -> None:
        self._news(events.WorkerState("", loading, loaded))

    def _watch(self, picture: Picture[Drawn]) -> None:
        """The engine moved a picture."""
        tally = self.tallies[picture.job]
        if picture.ended:
            if not self.engine.running:
                self._note_device([])
            tally.reach(picture.index, 1.0)
            self._errand(self._finish, tally, picture)
            return
        if isinstance(picture.ask, WORK) and not tally.begun:
            tally.begun = True
            self._news(events.Started(picture.job, len(tally.recipe.numbers)))
        if isinstance(picture.ask, Predict):
            self._progress(tally, picture)

    def _dropped(self, pictures: Sequence[Picture[Drawn]]) -> None:
        """Interrupted before they had begun."""
        self._errand(self._drop, self.tallies[pictures[0].job], [picture.index for picture in pictures])

    def _note_device(self, pictures: Sequence[Picture[Drawn]]) -> None:
        """Should the process die now, these jobs are to blame."""
        self.config.note_in_hand("device", [picture.job for picture in pictures])

    def _progress(self, tally: Tally, picture: Picture[Drawn]) -> None:
        ask, steps = picture.ask, sum(each.moves for each in tally.recipe.plans[picture.index].passes)
        step = min(ask.step, steps)      # DPM adaptive takes as many as it likes
        tally.reach(picture.index, step / steps)
        self._news(events.Progress(picture.job, picture.index, step, steps, tally.fraction))
        every = tally.recipe.settings.show_progress_every_n_steps
        wanted = tally.recipe.settings.live_previews_enable and every > 0 and ask.step % every == 0
        if wanted and ask.preview is not None and time.monotonic() - tally.previewed > PREVIEW_SECONDS:
            tally.previewed = time.monotonic()
            logged(self._preview, tally, picture)

    def _preview(self, tally: Tally, picture: Picture[Drawn]) -> None:
        kind = tally.recipe.settings.show_progress_type
        look, latent = self.device.preview(picture.ask.weights, kind), picture.ask.preview
        height, width = (side * CELL for side in latent.shape[1:])

        def draw() -> None:
            self.emit(events.Preview(picture.job, picture.index, jpeg(look(latent), width, height)))

        self._errand(draw)

    # Errands

    def _errand(self, do: Callable[..., None], *how: Any) -> None:
        self.errands.submit(logged, do, *how)

    def _news(self, event: events.Event) -> None:
        self._errand(self.emit, event)

    def _finish(self, tally: Tally, picture: Picture[Drawn]) -> None:
        """Keep a finished picture; the last one ends the job, whatever becomes of it."""
        self.config.note_in_hand("keeping", [tally.spec.id])
        tally.left.discard(picture.index)
        try:
            self._conclude(tally, picture)
        finally:
            if not tally.left:
                self._end(tally)
            self.config.note_in_hand("keeping", [])

    def _drop(self, tally: Tally, indices: Sequence[int]) -> None:
        tally.left.difference_update(indices)
        tally.interrupted = True
        if not tally.left:
            self._end(tally)

    def _conclude(self, tally: Tally, picture: Picture[Drawn]) -> None:
        if isinstance(picture.error, Interrupted):
            tally.interrupted |= not picture.skipped
        elif isinstance(picture.error, LeftOut):
            self._note(tally, str(picture.error))
        elif picture.error is not None:
            log.error("Picture %d of job %s failed: %s", picture.index, tally.spec.id, sentence(picture.error), exc_info=unforeseen(picture.error))
            tally.error = picture.error
        else:
            try:
                self._keep(tally, picture)
            except Exception as error:       # the job's: its owner is told
                log.exception("Picture %d of job %s could not be kept", picture.index, tally.spec.id)
                tally.error = error
    def _keep(self, tally: Tally, picture: Picture[Drawn]) -> None:
        """The picture first, then what is to be said of it."""
        tally.interrupted |= not picture.result.whole and not picture.skipped
        kept = keep(tally.recipe, picture.index, picture.result, tally.spec, self.where)
        tally.error = kept.problem or tally.error
        self.emit(kept.event)
        for note in picture.result.told.notes:
            self._note(tally, note)
        if kept.problem:
            what = "What belongs to a picture could not be saved." if kept.event.saved else "A picture could not be saved and is only in the cache."
            self._note(tally, f"{what} {sentence(kept.problem)}")

    def _note(self, tally: Tally, note: str) -> None:
        """Tell its owner, once. A note that cannot be recorded is in the log: it costs neither the picture nor the job."""
        if note in tally.noted:
            return
        tally.noted[note] = None
        log.warning("Job %s: %s", tally.spec.id, note)
        if len(tally.noted) < MOST_NOTES:
            logged(self.emit, events.Warned(tally.spec.id, note))
        elif len(tally.noted) == MOST_NOTES:
            logged(self.emit, events.Warned(tally.spec.id, "There are more such notes; the server's log has them."))

    def _end(self, tally: Tally) -> None:
        del self.tallies[tally.spec.id]
        self.emit(tally.outcome)
        if time.monotonic() - self.trimmed > TRIM_SECONDS:
            self.trimmed = time.monotonic()
            trim(self.config.cache)
            trim(self.config.inputs, INPUT_SECONDS)


def logged(do: Callable[..., None], *how: Any) -> None:
    """What must not stop anything else; an executor would keep its exceptions to itself."""
    try:
        do(*how)
    except Exception:       # news or a preview that could not be told must not stop the others
        log.exception("%s failed", getattr(do, "__qualname__", do))


def unforeseen(error: Exception) -> Exception | None:
    """An error whose traceback helps: one that no sentence was written for."""
    return None if isinstance(error, WebUIError) else error
