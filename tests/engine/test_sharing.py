"""Training and pictures on one device: shares of seconds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import pytest

from modules.engine.engine import Engine, ImageTask
from modules.engine.sharing import DeviceShare
from modules.sampling.weights import Weights


def seconds_of_training(share: float, lesson: float, step: float, whole: float = 200.0) -> float:
    """The part of the time that training gets while pictures wait all the time."""
    account, spent, trained = DeviceShare(), 0.0, 0.0
    while spent < whole:
        if account.is_due:
            account.training_took(lesson, True)
            spent, trained = spent + lesson, trained + lesson
        else:
            account.pictures_took(step, share)
            spent += step
    return trained / spent


@pytest.mark.parametrize("share", [0.1, 0.25, 0.5])
@pytest.mark.parametrize(("lesson", "step"), [(1.0, 0.05), (0.05, 1.0), (0.3, 0.3)])
def test_training_gets_its_share_of_seconds_however_long_its_steps_are(share, lesson, step):
    assert seconds_of_training(share, lesson, step) == pytest.approx(share, abs=0.02)


def test_a_share_of_nothing_yields_and_of_everything_goes_first():
    assert seconds_of_training(0.0, 1.0, 0.1) == 0
    assert seconds_of_training(1.0, 1.0, 0.1) > 0.7


def test_what_was_earned_while_nobody_waited_is_forgotten():
    account = DeviceShare()
    account.pictures_took(100.0, 0.25)
    account.training_took(1.0, False)
    assert account.earned == 0 and not account.is_due


@dataclass(frozen=True, slots=True)
class Step:
    """A question that takes no time."""

    quick: ClassVar = False

    name: str
    weights: Weights = Weights("")

    @property
    def key(self) -> Any:
        return self.name

    @property
    def rows(self) -> int:
        return 1


def asking(name: str, times: int) -> Any:
    for _ in range(times):
        yield Step(name)
    return name


def test_alone_training_has_all_the_device_and_beside_a_picture_its_turn_comes():
    answered: list[str] = []

    def answer(asks: Any) -> list[None]:
        answered.extend(ask.name for ask in asks)
        return [None for _ in asks]

    engine = Engine(answer, lambda task: None)
    engine.begin([ImageTask(asking("lesson", 3), "t", 0, "me", 0.0, share=0.0)])
    engine.listen()
    engine.step()
    engine.begin([ImageTask(asking("picture", 2), "p", 0, "you", 0.0)])
    engine.inbox.get()()
    while engine.running:
        engine.step()
    assert answered == ["lesson", "picture", "picture", "lesson", "lesson"]
