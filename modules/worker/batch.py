"""Batch jobs: one plan for each input file, started in order; unreadable files are left out with a note."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from modules.base.errors import Invalid, InvalidImage, TooLarge, WebUIError
from modules.engine.messages import JobSpec
from modules.imaging import folders, inputs
from modules.params.batch import Batch, BatchItem
from modules.pipelines.canvas import Load
from modules.pipelines.grid_plan import GridSet
from modules.pipelines.result import LeftOut, Result
from modules.sampling.questions import Task, Wait

if TYPE_CHECKING:
    from modules.worker.job_kinds import JobPlan


MOST_RESULTS = 100_000
ODD = (Invalid, InvalidImage, TooLarge)      # errors of one input file, which do not concern the others


@dataclass(frozen=True)
class Member:
    """The input file of a batch's image, and the place of the result.

    number: among the pictures of its file, from 1
    """

    file: str           # the input file's name
    folder: str         # the result's folder; "": in the outputs
    name: str           # the result's file name, without extension
    number: int = 1


def members(batch: Batch, entry: BatchItem, pictures: int) -> list[Member]:
    """Return the members of one file's images: they have its name, with a number if there are several."""
    stem = Path(entry.file).stem
    return [
        Member(entry.file, batch.folder, stem if pictures == 1 else f"{stem}-{number}", number)
        for number in range(1, pictures + 1)
    ]


def plan_batch(batch: Batch, plan_file: Callable[[int, BatchItem], JobPlan]) -> JobPlan:
    """Return the plans of all files of the batch as one job plan. Raises InvalidImage if none is left.

    An image's number identifies its input file even where files are left out: a resumed job may find fewer of them.
    """
    found: list[JobPlan | None] = []
    notes = list(batch.notes)
    for number, entry in enumerate(batch.entries):
        try:
            found.append(plan_file(number, entry))
        except ODD as error:      # raised by a script whose plan depends on the picture
            found.append(None)
            notes.append(str(left_out_file(entry.file, error)))
    while found and found[-1] is None:
        found.pop()
    if not found:
        raise InvalidImage("None of the pictures can be used.", notes[-1])
    return joined(batch, found, notes)


def joined(batch: Batch, found: Sequence[JobPlan | None], notes: Sequence[str]) -> JobPlan:
    """Join the files' plans; each file has the same number of images, None where it is left out.

    Raises Invalid if they are too many.
    """
    usable = [each for each in found if each]
    pictures = max(len(each.plans) for each in usable)
    if len(found) * pictures > MOST_RESULTS:
        raise Invalid(
            f"The batch would make more than {MOST_RESULTS:,} pictures.",
            "Take fewer pictures at once, or fewer results of each.",
        )
    plans = [plan for each in found for plan in [*(each.plans if each else ()), *[None] * pictures][:pictures]]
    where = [
        member for entry, _ in zip(batch.entries, found, strict=False) for member in members(batch, entry, pictures)
    ]
    if usable[0].grids.grids:
        notes = [*notes, "A batch of files has no grids; its pictures are all there."]
    return replace(usable[0], plans=plans, members=where, notes=notes, grids=GridSet())


def of_entry(spec: JobSpec, entry: BatchItem) -> JobSpec:
    """Return the job of one file alone."""
    start = {"init_images": [entry.image], "mask": entry.mask, "batch": None}
    return replace(spec, params={**spec.params, **entry.params, **start}, settings={**spec.settings, **entry.settings})


def batch_reader(kept: Path) -> Load:
    """Return a reader of a batch's pictures by name: uploads from the folder `kept`, others from their own folder.

    Names are the server's own, never a form's.
    """

    def load(name: str) -> Image.Image:
        return folders.read_picture(Path(name)) if Path(name).is_absolute() else inputs.load_input(kept, name)

    return load


def in_turn(making: Task[Result], file: str) -> Task[Result]:
    """Open the input only when the image's turn comes, so that few of thousands are in memory.

    Raises LeftOut for a picture that cannot be read.
    """
    yield Wait()
    try:
        return (yield from making)
    except ODD as error:
        raise left_out_file(file, error) from error


def left_out_file(file: str, error: WebUIError) -> LeftOut:
    return LeftOut(f"{file} was left out. {error}", error.hint)
