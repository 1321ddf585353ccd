"""The device's table from the type of a question to how it is answered."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Hashable
from dataclasses import dataclass
from typing import ClassVar

import pytest
import torch

from modules.models.device import Answers
from modules.sampling.questions import Wait
from modules.sampling.weights import Weights
from tests.playing import golden_device


@dataclass(frozen=True)
class Slope:
    """A question of another kind: the derivative of x³."""

    quick: ClassVar = False

    x: float
    weights: Weights = Weights("")
    rows: int = 1

    @property
    def key(self) -> Hashable:
        return Slope


def slopes(asks):
    x = torch.tensor([ask.x for ask in asks], requires_grad=True)
    (x**3).sum().backward()
    return x.grad.tolist()


def test_a_new_kind_of_question_is_one_more_row_and_may_keep_gradients(device):
    device.answers[Slope] = Answers(slopes, lambda asks: (asks,), gradients=True)
    try:
        assert device.answer([Slope(1.0), Slope(2.0)]) == [3.0, 12.0]
    finally:
        del device.answers[Slope]


def test_the_others_are_answered_without_gradients(device):
    device.answers[Slope] = Answers.each(lambda ask: torch.is_inference_mode_enabled())
    try:
        assert device.answer([Slope(1.0)]) == [True] and device.answer([Wait(), Wait()]) == [None, None]
    finally:
        del device.answers[Slope]


@pytest.mark.slow
def test_a_replaced_model_leaves_the_memory_before_the_next_one_comes(tmp_path):
    """Its parts refer to each other, so that nothing but a collection frees them."""
    device = golden_device(tmp_path)
    files = device.library.checkpoints
    first, second = (Weights(files.hashed(files.find(name)).sha256) for name in ("tiny-sd1", "tiny-sd1-b"))
    alive = weakref.ref(device.ready(first).model.unet)
    assert alive()
    gc.disable()
    try:
        device.ready(second)
    finally:
        gc.enable()
    assert alive() is None
