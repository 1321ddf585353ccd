"""A data set as the steps of a run see it: which pictures, in which order, with which words, at which crop."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import torch
from torch import Tensor

from modules.base.streams import stream
from modules.imaging.dataset.buckets import LATENT_CELL
from modules.imaging.dataset.dataset import TrainingData, TrainingPicture
from modules.imaging.dataset.samples import PictureSample, is_flipped, load_sample, varies
from modules.sampling.latent import LatentFormat
from modules.sampling.questions import EncodeImage, SizeConditioning, Task
from modules.sampling.weights import Weights
from modules.training.noise import DrawPlace
from modules.training.picture_maps import PictureMaps
from modules.training.questions import Example

VALIDATION_STEP = -1      # of the streams that validation draws from: the same numbers at every step
LessonBatch = tuple[Example, ...]


@dataclass(eq=False)
class Lessons:
    """The batches of a run. What a step gets follows from seed and step alone.

    accumulation: batches of a step; reuses: latents of pictures that do not vary are kept in memory
    sampling: as in A1111 a picture's latent is drawn "once" from what the VAE gives, at each step ("random"), or is
        its mean ("deterministic"); most_held_out: pictures to validate on, 0 is all
    with_pixels: True where a decoder is trained; maps: where a ControlNet is
    drawings: asks for captions and latents (C, h, w) on the network's scale that the model drew before it learnt
    """

    data: TrainingData
    weights: Weights
    latent: LatentFormat
    seed: int
    accumulation: int = 1
    reuses: bool = True
    sampling: str = "deterministic"
    most_held_out: int = 0
    with_pixels: bool = False
    maps: PictureMaps | None = None
    drawings: Callable[[], Task[list[tuple[str, Tensor]]]] | None = None
    _kept: dict[tuple[str, bool], tuple[Tensor, Tensor | None]] = field(default_factory=dict)
    _epoch: tuple[int, list[tuple[TrainingPicture, ...]]] = (-1, [])

    @property
    def steps_per_epoch(self) -> int:
        return self.data.steps_per_epoch(self.accumulation)

    def at(self, step: int) -> Task[list[LessonBatch]]:
        """Return the batches of a step, each of one size. Asks for the latents that it has not. Raises InvalidImage."""
        epoch, place = divmod(step, self.steps_per_epoch)
        if self._epoch[0] != epoch:
            self._epoch = epoch, self.data.batches(stream(self.seed, "order", epoch))
        found, slot = list[LessonBatch](), 0
        for pictures in self._epoch[1][place * self.accumulation : (place + 1) * self.accumulation]:
            batch = list[Example]()
            for picture in pictures:
                batch.append((yield from self.example(picture, DrawPlace(self.seed, step, slot), epoch + 1)))
                slot += 1
            found.append(tuple(batch))
        return found

    def held_out(self) -> Task[list[Example]]:
        """Return the pictures to validate on: those held out, or without any the first ones trained on."""
        pictures = self.data.held_out or [picture for picture in self.data.pictures if not picture.is_reg][:8]
        return (yield from self.fixed(pictures[: self.most_held_out or None]))

    def drawn_before(self) -> Task[list[Example]]:
        """Return what the model drew before it learnt, with its prompts: how much worse it knows them is the drift."""
        found = (yield from self.drawings()) if self.drawings else []
        sides = [(latent.shape[-1] * LATENT_CELL, latent.shape[-2] * LATENT_CELL) for _, latent in found]
        return [
            Example(caption, caption, latent, DrawPlace(self.seed, VALIDATION_STEP, slot), SizeConditioning(*side))
            for slot, ((caption, latent), side) in enumerate(zip(found, sides, strict=True))
        ]

    def fixed(self, pictures: list[TrainingPicture] | tuple[TrainingPicture, ...]) -> Task[list[Example]]:
        """Return pictures that are the same whenever they are asked for."""
        found = []
        for slot, picture in enumerate(pictures):
            found.append((yield from self.example(picture, DrawPlace(self.seed, VALIDATION_STEP, slot), 1)))
        return found

    def example(self, picture: TrainingPicture, place: DrawPlace, epoch: int) -> Task[Example]:
        """Return a picture as its step sees it."""
        latent, mask, crop = yield from self._seen(picture, place)
        width, height = picture.placement.bucket
        frame = SizeConditioning(width, height, crop_left=crop[0], crop_top=crop[1])
        caption = picture.caption_at(place.draws("caption"), max(0, place.step), epoch)
        pixels = sample_pixels(load_sample(picture, place.draws("picture"))) if self.with_pixels else None
        shown = (yield from self.maps.of(picture, place)) if self.maps else None
        return Example(picture.path.name, caption, latent, place, frame, mask, self._weight(picture), pixels, shown)

    def _seen(self, picture: TrainingPicture, place: DrawPlace) -> Task[tuple[Tensor, Tensor | None, tuple[int, int]]]:
        keeps = self.reuses and not varies(picture) and self.sampling != "random"
        key = str(picture.path), is_flipped(picture, place.draws("picture"))
        if keeps and key in self._kept:
            return (*self._kept[key], picture.placement.centre)
        sample = load_sample(picture, place.draws("picture"))
        latent = yield EncodeImage(self.weights, sample_pixels(sample), drawn=self._latent_noise(picture, place))
        found = self.latent.to_network(latent).clone().cpu(), sample_mask(sample)
        if keeps:
            self._kept[key] = found
        return (*found, sample.crop)

    def _latent_noise(self, picture: TrainingPicture, place: DrawPlace) -> Callable[[tuple[int, ...]], Tensor] | None:
        """Return what draws the noise of a picture's latent, if it is drawn."""
        if self.sampling == "deterministic":
            return None
        once = DrawPlace(self.seed, 0, 0) if self.sampling == "once" else place
        return partial(once.normal, f"latent {picture.path.name}")

    def _weight(self, picture: TrainingPicture) -> float:
        if not picture.is_reg:
            return 1.0
        groups = (group for group in self.data.groups if any(each is picture for each in group.pictures))
        return next(groups).prior_loss_weight


def sample_pixels(sample: PictureSample) -> Tensor:
    """Return a picture as (3, H, W) in [−1, 1]."""
    return torch.from_numpy(np.asarray(sample.image, np.float32) / 127.5 - 1).permute(2, 0, 1).contiguous()


def sample_mask(sample: PictureSample) -> Tensor | None:
    """Return a picture's mask as (H, W) in [0, 1]."""
    return None if sample.mask is None else torch.from_numpy(np.asarray(sample.mask, np.float32) / 255)
