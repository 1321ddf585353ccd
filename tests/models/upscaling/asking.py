"""Flows that ask for enlargements, answered without an engine."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from PIL import Image
from torch import Tensor

from modules.models.upscaling.tiles import Tiling
from modules.models.upscaling.upscaler import Upscalers
from modules.pipelines.upscaling import Enlarger
from modules.sampling.questions import Task

T = TypeVar("T")
TILES = Tiling(192, 8)


def answered(task: Task[T], answer: Callable[..., object]) -> T:
    """Its result, every question answered."""
    try:
        question = next(task)
        while True:
            question = task.send(answer(question))
    except StopIteration as done:
        return done.value


def by(upscalers: Upscalers) -> Callable[..., Tensor]:
    return lambda question: upscalers.enlarge(question.name, question.pixels)


def upscale(upscalers: Upscalers, name: str, image: Image.Image, scale: float, tiling: Tiling = TILES) -> Image.Image:
    return answered(Enlarger(name, tiling).by(image, scale), by(upscalers))


def fit(upscalers: Upscalers, name: str, image: Image.Image, size: tuple[int, int]) -> Image.Image:
    return answered(Enlarger(name, TILES).to(image, size), by(upscalers))
