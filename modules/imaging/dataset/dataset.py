"""A data set: training pictures with captions, buckets and repeats, and the batches of an epoch. Nothing is decoded."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from modules.base.errors import WebUIError, sentence
from modules.base.sizes import Size
from modules.imaging.dataset.buckets import BucketPlacement, BucketRules, place_picture
from modules.imaging.dataset.captions import caption_at
from modules.imaging.dataset.sources import Caption, Subset, find_caption, picture_files
from modules.imaging.folders import upright_size


@dataclass(frozen=True, slots=True)
class TrainingPicture:
    """A picture of a data set.

    size: upright, in pixels; repeats: how often it comes in an epoch; mask: a picture whose brightness weighs the loss
    map: what a ControlNet learns to follow, where it is a file
    """

    path: Path
    size: Size
    caption: Caption
    placement: BucketPlacement
    subset: Subset
    repeats: int
    mask: Path | None = None
    map: Path | None = None

    @property
    def is_reg(self) -> bool:
        return self.subset.is_reg

    def caption_at(self, stream: np.random.Generator, step: int, epoch: int) -> str:
        """Return the text that it is trained with at a step of an epoch, which is counted from 1."""
        return caption_at(self.caption.text, self.subset.caption_rules, stream, step, epoch)


@dataclass(frozen=True, slots=True)
class PictureProblem:
    """What is wrong with a file: `code` is "unreadable", "uncaptioned" …; `fatal` ones forbid training."""

    code: str
    path: Path
    message: str
    fatal: bool = False


@dataclass(frozen=True, slots=True)
class PictureGroup:
    """Pictures that share buckets and batches: a data set of sd-scripts'.

    held_out: pictures to validate on; problems: files that are left out or looked at twice
    class_pictures: how many there are, also those that an epoch does not show
    """

    pictures: tuple[TrainingPicture, ...]
    batch_size: int
    rules: BucketRules
    held_out: tuple[TrainingPicture, ...] = ()
    problems: tuple[PictureProblem, ...] = ()
    prior_loss_weight: float = 1.0
    network_multiplier: float = 1.0
    class_pictures: int = 0

    def buckets(self) -> dict[Size, list[int]]:
        """Return bucket → places of its pictures, each as often as it is repeated; sorted by size."""
        found: dict[Size, list[int]] = {}
        for place, picture in enumerate(self.pictures):
            found.setdefault(picture.placement.bucket, []).extend([place] * picture.repeats)
        return dict(sorted(found.items()))

    def batches(self, stream: np.random.Generator) -> list[tuple[int, ...]]:
        """Return an epoch's batches, each of places of pictures in one bucket, in random order.

        The last batch of a bucket may be smaller.
        """
        batches = []
        for places in self.buckets().values():
            order = [places[int(each)] for each in stream.permutation(len(places))]
            batches += [tuple(order[at : at + self.batch_size]) for at in range(0, len(order), self.batch_size)]
        return [batches[int(each)] for each in stream.permutation(len(batches))]

    @property
    def batch_count(self) -> int:
        return sum(math.ceil(len(places) / self.batch_size) for places in self.buckets().values())


@dataclass(frozen=True, slots=True)
class TrainingData:
    """All pictures of a run."""

    groups: tuple[PictureGroup, ...]

    @property
    def pictures(self) -> tuple[TrainingPicture, ...]:
        return tuple(picture for group in self.groups for picture in group.pictures)

    @property
    def held_out(self) -> tuple[TrainingPicture, ...]:
        return tuple(picture for group in self.groups for picture in group.held_out)

    @property
    def problems(self) -> tuple[PictureProblem, ...]:
        return tuple(problem for group in self.groups for problem in group.problems)

    @property
    def samples(self) -> int:
        """How many pictures an epoch shows, with repeats."""
        return sum(picture.repeats for picture in self.pictures)

    @property
    def batch_count(self) -> int:
        return sum(group.batch_count for group in self.groups)

    def batches(self, stream: np.random.Generator) -> list[tuple[TrainingPicture, ...]]:
        """Return an epoch's batches of all groups, in random order; the stream follows from seed and epoch."""
        found = [
            tuple(group.pictures[place] for place in batch) for group in self.groups for batch in group.batches(stream)
        ]
        return [found[int(each)] for each in stream.permutation(len(found))]

    def steps_per_epoch(self, accumulation: int) -> int:
        return math.ceil(self.batch_count / accumulation)

    def steps(self, epochs: int, steps: int, accumulation: int) -> int:
        """Return the steps of a run: epochs win over steps."""
        return epochs * self.steps_per_epoch(accumulation) if epochs else steps


def read_group(
    subsets: Sequence[Subset], rules: BucketRules, batch_size: int, validation: tuple[float, int] = (0.0, 0)
) -> PictureGroup:
    """Return the group of some subsets' pictures; what cannot be read is a problem of the group.

    validation: the share of pictures to hold out, and the seed that chooses them
    Raises TooLarge or InvalidImage for a folder that cannot be listed.
    """
    problems: list[PictureProblem] = []
    training: list[TrainingPicture] = []
    classes: list[TrainingPicture] = []
    held_out: list[TrainingPicture] = []
    for subset in subsets:
        found = list(read_subset(subset, rules, problems))
        if subset.is_reg:
            classes += found
        else:
            kept, held = hold_out(found, *validation)
            training += kept
            held_out += held
    # a group of class pictures alone is balanced against the others, by `balanced_groups`
    shown = balance_classes(classes, sum(each.repeats for each in training)) if training or held_out else classes
    return PictureGroup(
        (*training, *shown), batch_size, rules, tuple(held_out), tuple(problems), class_pictures=len(classes)
    )


def read_subset(subset: Subset, rules: BucketRules, problems: list[PictureProblem]) -> Iterator[TrainingPicture]:
    """Yield a subset's pictures; add a problem for each file that is left out or without caption."""
    for path in picture_files(subset.folder):
        try:
            size, caption = upright_size(path), find_caption(path, subset)
        except WebUIError as error:
            problems.append(PictureProblem("unreadable", path, sentence(error)))
            continue
        if caption.source == "none":
            problems.append(
                PictureProblem("uncaptioned", path, "It has no caption, and there are no class words.", fatal=True)
            )
        mask, map_ = like_named(path, subset.masks), like_named(path, subset.maps)
        if subset.maps and map_ is None:
            problems.append(PictureProblem("unmapped", path, "It has no map in the folder of maps; one is made of it."))
        yield TrainingPicture(path, size, caption, place_picture(size, rules), subset, subset.repeats, mask, map_)


def like_named(path: Path, folder: Path | None) -> Path | None:
    """Return the picture of the same name in a folder, if there is one."""
    if folder is None:
        return None
    options = (folder / path.name, *(folder / (path.stem + ending) for ending in (".png", ".jpg", ".webp")))
    return next((each for each in options if each.is_file()), None)


def hold_out(
    pictures: list[TrainingPicture], share: float, seed: int
) -> tuple[list[TrainingPicture], list[TrainingPicture]]:
    """Return pictures to train on and pictures to validate on; a seed of 0 takes the last ones."""
    order = list(range(len(pictures)))
    if seed:
        random.Random(seed).shuffle(order)
    held = set(order[len(order) - round(len(order) * share) :]) if share else set()
    kept = [picture for place, picture in enumerate(pictures) if place not in held]
    return kept, [picture for place, picture in enumerate(pictures) if place in held]


def balanced_groups(groups: Sequence[PictureGroup]) -> tuple[PictureGroup, ...]:
    """Return the groups, those of class pictures alone with as many batches as all others have together.

    As HCP-Diffusion, which takes a batch of each data set at every step.
    """
    alone = [all(picture.is_reg for picture in group.pictures) for group in groups]
    batches = sum(group.batch_count for group, only in zip(groups, alone, strict=True) if not only)

    def balanced(group: PictureGroup) -> PictureGroup:
        return replace(group, pictures=tuple(balance_classes(list(group.pictures), batches * group.batch_size)))

    return tuple(balanced(group) if only else group for group, only in zip(groups, alone, strict=True))


def balance_classes(classes: list[TrainingPicture], wanted: int) -> list[TrainingPicture]:
    """Return class pictures repeated until they are as many as the others, without those beyond.

    As sd-scripts: first each with its own repeats, then one more of each in turn.
    """
    repeats = [0] * len(classes)
    count = 0
    for place, picture in enumerate(classes):
        if count >= wanted:
            break
        repeats[place] = picture.repeats
        count += picture.repeats
    for place in range(len(classes)) if count < wanted else ():
        further, rest = divmod(wanted - count, len(classes))
        repeats[place] += further + (place < rest)
    return [replace(picture, repeats=times) for picture, times in zip(classes, repeats, strict=True) if times]
