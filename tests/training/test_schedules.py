"""Learning rates, against those of transformers, which sd-scripts uses, and A1111's lists."""

from __future__ import annotations

import pytest
import torch

from modules.base.errors import Invalid
from modules.training.schedules import RateSchedule, known_schedule, listed_rate

STEPS, WARM_UP = 40, 6
SPECIFIC = {"cosine_with_restarts": {"num_cycles": 3}, "polynomial": {"power": 2.0, "lr_end": 1e-12},
            "cosine_with_min_lr": {"min_lr_rate": 0.1}, "warmup_stable_decay": {"num_decay_steps": 10}}
OURS = {"cosine_with_restarts": {"cycles": 3}, "polynomial": {"power": 2.0},
        "cosine_with_min_lr": {"lowest": 0.1}, "warmup_stable_decay": {"decay": 10}}


@pytest.mark.parametrize("name", ["constant", "linear", "cosine", "constant_with_warmup", "inverse_sqrt", *SPECIFIC])
def test_shapes_are_transformers(name):
    from transformers import get_scheduler

    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    warm_up = 0 if name == "constant" else WARM_UP
    reference = get_scheduler(name, optimizer, warm_up, STEPS, scheduler_specific_kwargs=SPECIFIC.get(name, {}))
    schedule = RateSchedule(name, STEPS, warm_up=warm_up, **OURS.get(name, {}))
    for step in range(STEPS):
        assert schedule.factor(step) == pytest.approx(reference.get_last_lr()[0], abs=1e-9), step
        optimizer.step()
        reference.step()


def test_a_warm_up_below_one_is_a_share():
    schedule = RateSchedule("constant", 200, warm_up=0.05)
    assert [schedule.factor(step) for step in (0, 5, 10)] == [0, 0.5, 1]


def test_one_cycle_rises_then_falls():
    factors = [RateSchedule("one_cycle", 100).factor(step) for step in range(100)]
    top = factors.index(max(factors))
    assert max(factors) == pytest.approx(1, abs=1e-2) and factors[-1] == pytest.approx(0, abs=1e-9)
    assert factors[:top] == sorted(factors[:top]) and factors[top:] == sorted(factors[top:], reverse=True)


def test_a_list_of_rates_holds_each_until_its_step():
    rates = [(0.005, 100), (1e-3, 1000), (1e-5, -1)]
    assert [listed_rate(rates, step) for step in (0, 99, 100, 999, 1000, 10**6)] == [5e-3, 5e-3, 1e-3, 1e-3, 1e-5, 1e-5]
    assert listed_rate([(0.5, 10)], 50) == 0.5


def test_an_unknown_schedule_is_refused():
    with pytest.raises(Invalid, match="cosines"):
        known_schedule("cosines")
