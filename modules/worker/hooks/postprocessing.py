"""Extras with scripts of extensions: each picture goes through them, in order among Easel's own steps.

All of it is carried out in the extensions' thread; the finished pictures are then saved as those of any job.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from threading import get_ident
from typing import Any

import numpy as np
from PIL import Image

from modules.base.errors import StopAsked
from modules.engine.messages import JobSpec
from modules.imaging.inputs import load_input
from modules.library.library import Library
from modules.params.infotext import quote
from modules.pipelines.extras import ExtrasPlan, enlarge, restore_keeping_alpha
from modules.pipelines.result import Result
from modules.pipelines.upscaling import Enlarger
from modules.plugins.host import CallFailed, Host, surface
from modules.plugins.page_values import with_pictures
from modules.plugins.scripts import EXTRAS_TAB, ExtrasScript
from modules.requests.extension_scripts import ALWAYS_ON
from modules.sampling.questions import Task
from modules.settings.options import Settings
from modules.worker.hooks.errands import ErrandDesk
from modules.worker.hooks.job_options import JobOptions
from modules.worker.hooks.job_state import JobState
from modules.worker.job_kinds import JobPlan, extended_infotext
from modules.worker.picture_files import find_checkpoint

EXTRAS_KIND = "extras"                   # the kind of job
# A1111's numbers of its own steps, by which scripts are put in order
UPSCALE_ORDER, GFPGAN_ORDER, CODEFORMER_ORDER = 1000, 2000, 3000
MOST_MORE = 100                     # pictures that scripts may add to one


@dataclass(frozen=True)
class FinishedExtras(ExtrasPlan):
    """A picture that has been through the scripts."""

    image: Image.Image = field(kw_only=True)
    pairs: Mapping[str, object] = field(kw_only=True)       # what scripts tell of it

    def task(self) -> Task[Result]:
        return self.as_it_is()

    def as_it_is(self) -> Task[Result]:
        """Return the picture; a task without a question."""
        yield from ()
        return Result(np.asarray(self.image))


@dataclass(eq=False)
class ExtrasRun:
    """One Extras job, as its scripts have it."""

    spec: JobSpec
    host: Host
    desk: ErrandDesk
    library: Library
    settings: Settings
    note: Callable[[str], None]
    inputs: Path                        # the owner's input pictures
    shows_previews: bool = False

    def __post_init__(self) -> None:
        self.state, self.opts = JobState(self), JobOptions.of(self)
        self.thread = get_ident()       # the one that its scripts are called in

    @property
    def model_facts(self) -> Any:
        """What extensions may know of the standing checkpoint, which takes no part."""
        catalog = self.library.checkpoints
        file = catalog.hashed(find_checkpoint(catalog, self.settings.sd_model_checkpoint))
        return surface("sd_model_view").checkpoint_facts(self, file)

    def interrupt(self) -> None:
        self.state._interrupted = True
        self.desk.engine.interrupt(self.spec.id)

    def skip(self) -> None:
        self.interrupt()

    def show_progress(self) -> None:
        """The finished pictures tell how far it is."""

    def show_image(self, image: Any) -> None:
        """Half-made pictures are not shown."""

    def upscale(self, image: Image.Image, scale: float, name: str) -> Image.Image:
        """Enlarge a picture by an upscaler of that name."""
        [larger] = self.desk.do([Enlarger.of(self.library.upscaler(name), self.settings).by(image, scale)])
        return larger

    def planned(self, plan: JobPlan[ExtrasPlan]) -> JobPlan[Any]:
        """Carry the pictures of a job out. Returns the plan of saving them; what scripts add comes last."""
        mains: list[ExtrasPlan | None] = []
        more: list[ExtrasPlan] = []
        for number, each in enumerate(plan.plans):
            if each is None or number in self.spec.done or self.state.interrupted:
                mains.append(each)
                continue
            first, *others = self.through_scripts(each)
            mains.append(first)
            more += others
        return replace(plan, plans=[*mains, *more], write_infotext=told_infotext)

    def through_scripts(self, plan: ExtrasPlan) -> list[FinishedExtras]:
        """Return a picture as the scripts leave it, and those that they add."""
        kinds = surface("scripts_postprocessing")
        pictures = [kinds.PostprocessedImage(plan.source.load(plan.source.name))]
        steps = sorted([*self.scripts(), *own_steps(self, plan)], key=lambda step: step.order)
        for step in steps:
            step.first(pictures[0])
        for step in steps:
            for each in [each for each in pictures if not each.disable_processing]:
                step.process(each)
            pictures += [taken for each in list(pictures) for taken in added_pictures(each, kinds)]
        return [
            FinishedExtras(plan.params, plan.settings, plan.source, image=each.image, pairs=each.info)
            for each in pictures[: 1 + MOST_MORE]
        ]

    def scripts(self) -> Iterator[Step]:
        """Yield what extensions do. As over A1111's API, arguments that no page has sent are None."""
        sent = {title.lower(): values for title, values in (self.spec.params.get(ALWAYS_ON) or {}).items()}
        scripts = (each for each in self.host.scripts(EXTRAS_TAB) if isinstance(each, ExtrasScript))
        for each in scripts:
            values = with_pictures(list(sent.get(each.title.lower(), ())), partial(load_input, self.inputs))
            how = dict.fromkeys(each.names) | dict(zip(each.names, values, strict=False))
            own, of = each.script, each.extension
            yield Step(
                own.order, partial(self.called, of, "process_firstpass", own.process_firstpass, how),
                partial(self.called, of, "process", own.process, how),
            )

    def called(
        self, extension: str, moment: str, function: Callable[..., Any], how: Mapping[str, Any], picture: Any
    ) -> None:
        try:
            self.host.call(extension, moment, function, picture, **how)
        except StopAsked:
            return      # the job's end is looked at between pictures
        except CallFailed as error:
            self.note(f"{error}; the picture was made without it.")


@dataclass(frozen=True)
class Step:
    """What happens to a picture, in its place among others."""

    order: float
    first: Callable[[Any], None]        # before anything is changed
    process: Callable[[Any], None]


def own_steps(run: ExtrasRun, plan: ExtrasPlan) -> Iterator[Step]:
    """Yield Easel's own steps."""

    def aimed(picture: Any) -> None:
        picture.shared.target_width, picture.shared.target_height = plan.params.frame or (0, 0)

    def done(task: Callable[[Image.Image], Task[Image.Image]], picture: Any) -> None:
        [picture.image] = run.desk.do([task(picture.image)])

    yield Step(UPSCALE_ORDER, aimed, partial(done, partial(enlarge, plan)))
    for each in plan.params.restorers:
        order = GFPGAN_ORDER if each.name == "GFPGAN" else CODEFORMER_ORDER
        yield Step(order, lambda picture: None, partial(done, partial(with_faces, each)))


def with_faces(restoring: Any, image: Image.Image) -> Task[Image.Image]:
    return (yield from restore_keeping_alpha(image, restoring))


def added_pictures(picture: Any, kinds: Any) -> list[Any]:
    """Return the pictures that a script has added to one, and forget that it has."""
    found = [
        each if isinstance(each, kinds.PostprocessedImage) else picture.create_copy(each)
        for each in picture.extra_images
    ]
    picture.extra_images.clear()
    return found


def told_infotext(plan: ExtrasPlan, extra: Any) -> str:
    """Return the generation data of a picture, with what scripts tell of it last."""
    text = extended_infotext(plan, extra)
    pairs = plan.pairs if isinstance(plan, FinishedExtras) else {}
    told = ", ".join(f"{key}: {quote(value)}" for key, value in pairs.items() if value is not None)
    return ", ".join(filter(None, (text, told)))
