"""Scripts of Easel's own that draw a picture in parts, in a hooked job.

The script is carried out in the extensions' thread. Each part, or as many as are painted together, is a
`process_images` with all hooks, as in A1111.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from modules.base.errors import Invalid
from modules.params.img2img import Img2Img
from modules.pipelines.plan import ImagePlan
from modules.pipelines.result import ExtraParams, Result
from modules.pipelines.scripts.script_run import ScriptPart, ScriptRun, painted_by
from modules.sampling.questions import Interrupted, Question, Task, Wait
from modules.worker.hooks.errands import result_by_asking
from modules.worker.hooks.hooked_batch import HookedPicture
from modules.worker.hooks.hooked_infotext import TextsOfPicture
from modules.worker.infotext import image_infotext

if TYPE_CHECKING:
    from modules.worker.hooks.hooked_job import HookedJob

# fields of the request that a script decides for each part
PART_FIELDS = ("width", "height", "seed", "subseed", "denoising_strength", "inpainting_fill", "inpaint_full_res")


class PaintedParams(ExtraParams):
    """The generation data of a painted part, and what they are told of."""

    def __init__(self, picture: HookedPicture, plan: ImagePlan[Any, Any], texts: TextsOfPicture) -> None:
        super().__init__()
        self.picture, self.plan, self.texts = picture, plan, texts
        self.side_images = picture.extra.side_images


@dataclass(eq=False)
class HookedScript:
    """The pictures that one request's script makes, one after another.

    p: of the request; its fields become those of the part in hand, as A1111's scripts set them
    """

    job: HookedJob
    p: Any
    plans: Mapping[int, ImagePlan[Img2Img, Any]]        # by the picture's number

    def draw(self) -> None:
        """Draw the pictures that are not there yet; an interruption leaves the others out."""
        state = self.job.state
        for number, plan in self.plans.items():
            if number in self.job.spec.done:
                continue
            if state.interrupted or state.stopping_generation:
                break
            self.job.desk.first_number = number
            try:
                made = self.made(plan)
            except Interrupted:
                break
            self.deliver(number, plan, made)

    def made(self, plan: ImagePlan[Img2Img, Any]) -> Result:
        """Return the picture of a plan. Raises Interrupted if nothing of it was painted."""
        p, finisher = self.p, self.job.finisher
        kept = {name: getattr(p, name) for name in ("do_not_save_samples", "do_not_save_grid", "batch_size", "n_iter")}
        p.do_not_save_samples = p.do_not_save_grid = finisher.of_parts = True
        try:
            with self.job.processing():
                own = painted_by(plan, self.painted)
                return result_by_asking(own.generate(own), self.answer)
        finally:
            finisher.of_parts = False
            vars(p).update(kept)

    def answer(self, question: Question) -> Any:
        """Return the engine's answer; the turn of the picture has come."""
        return None if isinstance(question, Wait) else self.job.desk.ask([question])[0]

    # --- parts ---

    def painted(
        self, run: ScriptRun[Any], plan: ImagePlan[Img2Img, Any], number: int, parts: Sequence[ScriptPart]
    ) -> Task[list[Result]]:
        """Paint parts by `process_images`. Raises Interrupted if nothing was painted."""
        yield from ()
        job, p = self.job, self.p
        self.set_fields(run, plan, parts)
        job.tiles = [part.tile for part in parts]
        try:
            processed = job.process_images(p)
        finally:
            job.tiles = ()
        beside = job.finisher.delivery.beside
        images = [each for each in processed.images if beside.get(id(each)) is not each]
        drawn = job.drawn.get(p, {})
        if not images or not drawn:
            if job.stops_now:
                raise Interrupted
            raise Invalid("An extension left a part of the picture out.", "Switch it off for this script.")
        return [self.result(part, images[place : place + 1], place) for place, part in enumerate(parts)]

    def set_fields(self, run: ScriptRun[Any], plan: ImagePlan[Img2Img, Any], parts: Sequence[ScriptPart]) -> None:
        """Give `p` what the parts are painted from."""
        p, params = self.p, parts[0].params(plan)
        p.batch_size, p.n_iter, p.control = len(parts), 1, params.control
        p.init_images = [part.image for part in parts]
        vars(p).update({name: getattr(params, name) for name in PART_FIELDS})
        p.extra_generation_params.update(parts[0].told)
        if parts[0].whole:
            p.color_corrections = [run.start] if plan.settings.img2img_color_correction else None
        else:
            p.image_mask, p.latent_mask, p.mask = parts[0].shown, parts[0].hole, None
            p.mask_blur_x, p.mask_blur_y = params.blur

    def result(self, part: ScriptPart, images: Sequence[Image.Image], place: int) -> Result:
        """Return a painted part, in its size; the part as it was, if an extension has left it out."""
        job, p = self.job, self.p
        picture = job.drawn[p].get(place) or job.drawn[p][0]
        texts = TextsOfPicture.of_batch(p, min(place, len(p.prompts) - 1))
        plan, pairs = job.infotext.told(p, picture.number, texts)
        extra = PaintedParams(picture, plan, texts)
        extra.update(pairs)
        size = (p.width, p.height)
        image = (images[0] if images else part.image).convert("RGB")
        image = image if image.size == size or part.whole else image.resize(size)
        return Result(np.asarray(image), picture.complete and not job.stops_now, extra)

    # --- the whole ---

    def deliver(self, number: int, plan: ImagePlan[Img2Img, Any], made: Result) -> None:
        """Do what becomes of a finished picture, save it and tell of it."""
        job, extra = self.job, made.extra_params
        assert isinstance(extra, PaintedParams)
        own, texts = copy(self.p), extra.texts
        own.prompts, own.negative_prompts, own.batch_index = [texts.prompt], [texts.negative_prompt], 0
        own.seeds, own.subseeds = [texts.seed], [texts.subseed]
        own.all_prompts, own.all_negative_prompts = own.prompts, own.negative_prompts
        own.all_seeds, own.all_subseeds = own.seeds, own.subseeds
        result, image = job.finisher.followed(plan, made, Image.fromarray(made.pixels), number)
        for note in result.extra_params.notes:
            job.note(note)
        infotext = image_infotext(extra.plan, result.extra_params, job.infotext.before)
        delivery = job.finisher.delivery
        delivery.numbers = range(number, number + 1)
        for shown in delivery.kept(own, extra.picture, image, result, infotext)[:1]:
            delivery.tell(0, shown)
