"""Rate schedules by the class of torch.optim.lr_scheduler that a plan names."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import torch
from torch.optim import lr_scheduler

from modules.base.errors import Invalid
from modules.training.optimizers import literal_arguments

# those whose rate follows from the step alone
SCHEDULER_CLASSES = (
    "ConstantLR", "CosineAnnealingLR", "CosineAnnealingWarmRestarts", "CyclicLR", "ExponentialLR", "LinearLR",
    "MultiStepLR", "OneCycleLR", "PolynomialLR", "StepLR",
)


class ClassSchedule:
    """The factors of a class's rates, computed step by step as they are asked for."""

    def __init__(self, name: str, arguments: Mapping[str, str]) -> None:
        """Raises Invalid for a class or an argument that there is not."""
        short = name.rpartition(".")[2]
        if short not in SCHEDULER_CLASSES or name.removesuffix(short) not in ("", "torch.optim.lr_scheduler."):
            raise Invalid(f"There is no rate schedule {name[:80]!r}.", f"There are: {', '.join(SCHEDULER_CLASSES)}.",
                          "lr_scheduler_type")
        self._optimizer = torch.optim.SGD([torch.zeros(1)], lr=1.0)
        try:
            self._schedule: Any = getattr(lr_scheduler, short)(self._optimizer, **literal_arguments(arguments))
        except (TypeError, ValueError) as error:
            raise Invalid(f"{short} does not take these arguments: {error}.", "See PyTorch's documentation.",
                          "lr_scheduler_args") from error
        self.name, self.rising, self._factors = short, 0, [self._rate()]

    def factor(self, step: int) -> float:
        """Return the share of the rate that step has, counted from 0."""
        while len(self._factors) <= step:
            with warnings.catch_warnings():      # it would have an optimiser step first
                warnings.simplefilter("ignore")
                self._schedule.step()
            self._factors.append(self._rate())
        return self._factors[step]

    def _rate(self) -> float:
        return float(self._optimizer.param_groups[0]["lr"])
