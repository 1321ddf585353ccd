"""A training's plan out of folders and files of whichever tool, and what training would see. No torch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modules.app.training_looks import TrainingLooks, alike_pictures
from modules.base.errors import Invalid
from modules.imaging.dataset.captions import tag_counts
from modules.imaging.dataset.dataset import PictureProblem, TrainingData, TrainingPicture
from modules.params.training import Training
from modules.params.training_files.plan_draft import PlanDraft
from modules.params.training_files.reading import CONFIG_ENDINGS, read_training_file
from modules.params.training_methods import method_defaults, method_of
from modules.requests.read_fields import read_fields

HUGE = 24_000_000        # pixels beyond which a picture only costs time
MOST_TAGS_SHOWN = 10


@dataclass(frozen=True)
class ReadPlan:
    """A plan, where each of its values came from, and sentences on what was not taken."""

    plan: Training
    where: Mapping[str, str]
    notes: tuple[str, ...]


def read_sources(sources: Sequence[str]) -> PlanDraft:
    """Return the draft of folders with pictures and configuration files, of which later ones win.

    Raises Invalid for what is neither, and for keys that are unknown or refused.
    """
    draft = PlanDraft()
    for number, source in enumerate(sources):
        path = Path(source).expanduser()
        if path.is_dir():
            draft.set("train_data_dir", str(path.resolve()), source)
            continue
        if path.suffix.lower() not in CONFIG_ENDINGS:
            raise Invalid(
                f"{source!r:.200} is neither a folder nor a plan.", f"Plans end with {', '.join(CONFIG_ENDINGS)}."
            )
        found = read_training_file(path)
        draft.lenient = found.lenient if not number else draft.lenient
        draft.merge(found)
    draft.check()
    return draft


def plan_of_draft(draft: PlanDraft) -> ReadPlan:
    """Return the checked plan of a draft, with the method's defaults named as such. Raises Invalid."""
    plan = read_fields(Training, draft.values)
    by_method = method_defaults(plan)
    full = read_fields(Training, draft.values | by_method)
    told = {name: f"default of {method_of(plan).title}" for name in by_method}
    notes = (*draft.ignored, *(f"{each} It is left out." for each in draft.unknown))
    return ReadPlan(full, draft.where | told, notes)


# What training would see -----------------------------------------------------------------------------


def check_training_pictures(data: TrainingData, seen: TrainingLooks) -> list[PictureProblem]:
    """Return what is to be said of a data set's files; a picture that was not seen yet is decoded.

    Beside unreadable and uncaptioned ones: damaged, duplicate, alike, huge and transparent pictures.
    """
    problems = list(data.problems)
    looks = [seen.of(picture.path) for picture in data.pictures]
    for picture, found in zip(data.pictures, looks, strict=True):
        if found.damage:
            problems.append(PictureProblem("unreadable", picture.path, found.damage, fatal=True))
        problems += remarks(picture, found.transparent)
    for place, first, same in alike_pictures(looks):
        name = data.pictures[first].path.name
        code, told = ("duplicate", "It is the same as") if same else ("alike", "It looks nearly the same as")
        problems.append(PictureProblem(code, data.pictures[place].path, f"{told} {name}."))
    return problems


def remarks(picture: TrainingPicture, transparent: bool) -> Iterator[PictureProblem]:
    width, height = picture.size
    if width * height > HUGE:
        yield PictureProblem("huge", picture.path, f"It has {width}×{height} pixels; smaller ones load faster.")
    if transparent and not picture.subset.alpha_mask:
        yield PictureProblem("transparent", picture.path, "Transparent parts become white; alpha_mask masks them.")


def epoch_sentence(data: TrainingData, plan: Training, steps: int) -> str:
    """Return the sum of an epoch: "14 pictures × 100 repeats = 1,400, batch 4 → 350 steps an epoch; …"."""
    own = [each for each in data.pictures if not each.is_reg]
    repeats = {each.repeats for each in own}
    shown = sum(each.repeats for each in own)
    classes = data.samples - shown
    times = "" if repeats == {1} else f" × {repeats.pop()} repeats" if len(repeats) == 1 else " with their repeats"
    times += f" = {shown:,}" if times or classes else ""
    beside = f" + {classes:,} class pictures = {data.samples:,}" if classes else ""
    each_epoch = data.steps_per_epoch(plan.gradient_accumulation_steps)
    batches = ", ".join(dict.fromkeys(str(group.batch_size) for group in data.groups))
    return (
        f"{len(own)} pictures{times}{beside}, batch {batches} → {each_epoch:,} steps an epoch; "
        f"{steps:,} steps = {steps / each_epoch:.4g} epochs"
    )


def preview_lines(data: TrainingData, read: ReadPlan, problems: Sequence[PictureProblem]) -> Iterator[str]:
    """Yield the preflight as lines of text: plan, sum, buckets, pictures, problems."""
    plan = read.plan
    yield f"Method: {method_of(plan).title}"
    for name, place in sorted(read.where.items()):
        yield f"  {name} = {short_value(getattr(plan, name))}   ({place})"
    yield from (f"Note: {note}" for note in read.notes)
    yield ""
    yield epoch_sentence(data, plan, run_steps(data, plan))
    yield ""
    for group in data.groups:
        for bucket, places in group.buckets().items():
            batches, last = divmod(len(places), group.batch_size)
            short = f", the last of {last}" if last else ""
            yield f"  bucket {bucket[0]}×{bucket[1]}: {len(places):,} pictures, {batches + bool(last):,} batches{short}"
    yield ""
    yield from map(picture_line, data.pictures)
    tags = tag_counts([picture.caption.text for picture in data.pictures])
    yield "Tags: " + ", ".join(f"{tag} ({count})" for tag, count in list(tags.items())[:MOST_TAGS_SHOWN])
    yield from (f"{'Error' if each.fatal else 'Note'}: {each.path.name}: {each.message}" for each in problems)


def picture_line(picture: TrainingPicture) -> str:
    bucket, cut = picture.placement.bucket, picture.placement.aspect_error
    return (
        f"  {picture.path.name}: {picture.size[0]}×{picture.size[1]} → {bucket[0]}×{bucket[1]}, cut {cut:.0%}, "
        f"× {picture.repeats}, {picture.caption.source}: {picture.caption.text[:80]!r}"
    )


def run_steps(data: TrainingData, plan: Training) -> int:
    """Return the steps of a run: epochs, else steps, else what the method takes for so many pictures."""
    own = sum(not each.is_reg for each in data.pictures)
    return data.steps(
        plan.max_train_epochs, plan.max_train_steps or method_of(plan).steps(own), plan.gradient_accumulation_steps
    )


def short_value(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 100 else f"{text[:100]}…"
