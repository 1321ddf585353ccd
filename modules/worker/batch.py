"""Run a batch job: plans for each input file, started in order; unreadable files are left out with a note."""

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
from modules.pipelines.result import LeftOut, Result
from modules.sampling.questions import Task, Wait

if TYPE_CHECKING:
    from modules.worker.job_kinds import JobPlan


MOST_RESULTS = 100_000
ODD = (Invalid, InvalidImage, TooLarge)      # what one picture may be, and the others need not


@dataclass(frozen=True)
class Member:
    """Which picture of a batch one is made of, and where it goes."""

    file: str           # what that one is called
    folder: str         # "": among the outputs
    name: str           # the file's name there, without ending


def members(batch: Batch, entry: BatchItem, pictures: int) -> list[Member]:
    """Of the pictures made out of one: they bear its name, and a number if they are several."""
    stem = Path(entry.file).stem
    return [
        Member(entry.file, batch.folder, stem if pictures == 1 else f"{stem}-{number}")
        for number in range(1, pictures + 1)
    ]


def plan_batch(batch: Batch, plan_file: Callable[[BatchItem], JobPlan]) -> JobPlan:
    """The plans of the batch's files as one. Raises InvalidImage if there is nothing left of it.

    A picture's number says which file it is made of, also where others are left out: a resumed job may find fewer files
    than before.
    """
    found: list[JobPlan | None] = []
    notes = list(batch.notes)
    for entry in batch.entries:
        try:
            found.append(plan_file(entry))
        except ODD as error:      # by a script that must see the picture to know what to do
            found.append(None)
            notes.append(str(left_out_file(entry.file, error)))
    while found and found[-1] is None:
        found.pop()
    if not found:
        raise InvalidImage("None of the pictures can be used.", notes[-1])
    return joined(batch, found, notes)


def joined(batch: Batch, found: Sequence[JobPlan | None], notes: Sequence[str]) -> JobPlan:
    """Each file has the same number of pictures; where it is left out, of None. Raises Invalid if they are too many."""
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
    return replace(usable[0], plans=plans, members=where, notes=notes)


def of_entry(spec: JobSpec, entry: BatchItem) -> JobSpec:
    """What to do if there were no other files."""
    start = {"init_images": [entry.image], "mask": entry.mask, "batch": None}
    return replace(spec, params={**spec.params, **entry.params, **start}, settings={**spec.settings, **entry.settings})


def batch_reader(kept: Path) -> Load:
    """Read a batch's pictures by name: those sent from the folder `kept`, the others where they are.

    Names are the server's own, never a form's.
    """

    def load(name: str) -> Image.Image:
        return folders.read_picture(Path(name)) if Path(name).is_absolute() else inputs.load_input(kept, name)

    return load


def in_turn(making: Task[Result], file: str) -> Task[Result]:
    """Of thousands of pictures only those that are being made are in memory.

    Raises LeftOut for one that cannot be read.
    """
    yield Wait()
    try:
        return (yield from making)
    except ODD as error:
        raise left_out_file(file, error) from error


def left_out_file(file: str, error: WebUIError) -> LeftOut:
    return LeftOut(f"{file} was left out. {error}", error.hint)
