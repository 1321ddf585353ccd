"""Jobs whose extensions only plan: once they have, the pictures are made as those of any other job.

They share calls with anybody's, and no other job waits for them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from PIL import Image

from modules.base.border import outcome
from modules.engine.messages import JobSpec, Made
from modules.pipelines.grid_plan import GridSet
from modules.pipelines.result import Result
from modules.worker.hooks.hooked_infotext import TextsOfPicture, second_prompts
from modules.worker.hooks.hooked_job import HookedJob
from modules.worker.hooks.told_saving import ToldFile, ToldSaving
from modules.worker.infotext import image_infotext
from modules.worker.job_kinds import Extra, JobPlan, generation_facts, with_grids, with_safety_check
from modules.worker.naming import place_of
from modules.worker.saving import (
    Saved,
    Where,
    grid_facts_of,
    outcome_facts,
    save_image,
    save_starts,
    sheet_of,
    signed,
    to_be_saved,
    with_returned,
)


@dataclass(frozen=True)
class PlannedJob(JobPlan[Any]):
    """The plan of a job as its extensions want it.

    pairs: what extensions add to each picture's generation data; before: see `ordered`
    p: as it is when the first is drawn
    """

    pairs: Sequence[Mapping[str, object]] = ()
    before: Mapping[str, str] = field(default_factory=dict)
    p: Any = None
    saving: ToldSaving | None = None

    def infotext(self, index: int, extra: Extra) -> str:
        return image_infotext(self.plan(index), {**extra, **self.pairs[index]}, self.before)


def planned_job(job: HookedJob, p: Any) -> JobPlan[Any]:
    """Return the plan of a job whose scripts have had their `process`. Raises UnknownName, ModelError or Invalid."""
    plans: list[Any] = []
    pairs: list[Mapping[str, object]] = []
    for number in range(p.n_iter):
        p.iteration = number
        job.begin_batch(p, number)
        plans += job.planner.plans(p, p.seeds, p.subseeds)
        for place in range(len(p.prompts)):
            texts = TextsOfPicture.of_batch(p, place)
            picture = number * p.batch_size + place
            pairs.append({**second_prompts(p, picture, texts), **job.infotext.told_params(p, picture)})
    request, settings = job.planner.request(p), job.settings
    saving = ToldSaving(job.host, job.around.where.outputs / job.spec.folder, job.note)
    plan = PlannedJob(
        plans, image_infotext, generation_facts, saver=save_told, pairs=pairs,
        before=job.infotext.before, p=p, saving=saving,
    )
    gridded = with_grids(plan, GridSet(), request, job.spec.save)
    return with_safety_check(gridded, settings, job.spec.role, job.library)


def save_told(job: PlannedJob, index: int, result: Result, spec: JobSpec, where: Where) -> Saved:
    """Write an image, and tell the extensions that want to know."""
    saving, s, plain = job.saving, job.settings, replace(job, saver=None)
    if not saving or not saving.heard or not to_be_saved(job, index, result, spec) or where.earlier(spec.id, index):
        return save_image(plain, index, result, spec, where)
    infotext = job.infotext(index, {**result.extra_params, **signed(spec, s)})
    sheet = sheet_of(job, index, result, infotext, where)
    file = ToldFile(Image.fromarray(result.pixels), infotext, sheet.others, sheet.beside)
    own = {**job.facts(index), **outcome_facts(result), **grid_facts_of(job, index)}
    facts, lost = with_returned(own, index, result, spec, where)
    made = Made(spec.id, index, "", infotext, facts)
    place = place_of(job, index, result.pixels, spec, saving.outputs)
    path = outcome(saving.save, job.p, file, place, s, where.note(made))
    if isinstance(path, Exception) or path is None:     # the file shows another picture, or there is none
        shown = save_image(plain, index, replace(result, returned=(), maps=()), replace(spec, save=False), where)
        return Saved(replace(shown.event, facts=facts), path or shown.problem or lost)
    unsaved = outcome(save_starts, result, saving.outputs, s)
    return Saved(replace(made, path=str(path)), unsaved or lost)
